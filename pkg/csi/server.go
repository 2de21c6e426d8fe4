package csi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	pb "sigs.k8s.io/secrets-store-csi-driver/provider/v1alpha1"

	"github.com/vaultk8s/vaultk8s/pkg/serve"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

const (
	apiVersion  = "v1alpha1"
	runtimeName = "vault-csi-provider" // as the old provider calls itself; the driver only logs it

	// drainTime bounds how long calls under way may take at the end: a pod has 30 s
	// by default before it is killed.
	drainTime = 20 * time.Second
)

// Version implements the driver's service.
func (p *Provider) Version(context.Context, *pb.VersionRequest) (*pb.VersionResponse, error) {
	return &pb.VersionResponse{Version: apiVersion, RuntimeName: runtimeName, RuntimeVersion: p.o.Version}, nil
}

// Mount implements the driver's service. The error has a code that the kubelet
// takes as final, and a text without any secret.
func (p *Provider) Mount(ctx context.Context, m *pb.MountRequest) (*pb.MountResponse, error) {
	if m.GetTargetPath() == "" {
		return nil, final(&badRequest{[]error{errors.New("missing target path field")}})
	}
	response, err := p.answerCall(ctx, m)
	if err != nil {
		return nil, final(err)
	}
	return response, nil
}

// final makes the status of a failed mount. The codes CANCELED, DEADLINE_EXCEEDED,
// UNAVAILABLE, RESOURCE_EXHAUSTED and ABORTED are never among them: the kubelet
// keeps the directory for those, and the driver would then take it for mounted.
func final(err error) error {
	return status.Error(codeOf(err), "error making mount request: "+err.Error())
}

func codeOf(err error) codes.Code {
	var wrong *badRequest
	var large *tooLarge
	var failed *vault.Error
	switch {
	case errors.As(err, &wrong):
		return codes.InvalidArgument
	case errors.As(err, &large), errors.Is(err, errNoToken), errors.Is(err, errGone):
		return codes.FailedPrecondition
	case errors.As(err, &failed):
		return codeOfKind(failed.Kind)
	}
	return codes.Internal
}

func codeOfKind(kind vault.Kind) codes.Code {
	switch kind {
	case vault.Denied:
		return codes.PermissionDenied
	case vault.InvalidToken:
		return codes.Unauthenticated
	case vault.NotFound:
		return codes.NotFound
	case vault.Permanent:
		return codes.FailedPrecondition
	}
	return codes.Internal
}

// Run serves the driver, and the health endpoints, until ctx ends. Tokens and leases
// of pods that live on stay valid.
func (p *Provider) Run(ctx context.Context) error {
	listeners, err := p.listen(ctx)
	if err != nil {
		return err
	}
	// Calls under way at the end still need what works for them.
	working, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	worked := make(chan error, 1)
	go func() { worked <- p.Work(working) }()
	group, ctx := errgroup.WithContext(ctx)
	for _, l := range listeners {
		group.Go(func() error { return p.serve(ctx, l) })
	}
	if p.o.CSI.HealthAddress != "" {
		group.Go(func() error { return p.serveHealth(ctx) })
	}
	p.log.Info("serving the driver", slog.Any(telemetry.FieldAddress, p.o.CSI.Endpoints))
	err = group.Wait()
	stopWork()
	return errors.Join(err, <-worked, p.removeCredentials())
}

// Work does everything but serve: it keeps tokens, leases and secrets fresh until
// ctx ends. It is for who calls Mount himself.
func (p *Provider) Work(ctx context.Context) error {
	sweeper := p.schedule.AddUrgent(time.Now().Add(sweepInterval), p.sweep)
	defer sweeper.Stop()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return p.schedule.Run(ctx) })
	group.Go(func() error { return p.loadKey(ctx) })
	group.Go(func() error { return p.watchPods(ctx) })
	group.Go(func() error { return p.events.run(ctx) })
	return group.Wait()
}

// listen opens the sockets for root alone: the driver runs as root, and whoever
// connects gets secrets for any token he shows.
func (p *Provider) listen(ctx context.Context) ([]net.Listener, error) {
	var all []net.Listener
	for _, path := range p.o.CSI.Endpoints {
		l, err := listenAt(ctx, path)
		if err != nil {
			for _, open := range all {
				_ = open.Close()
			}
			return nil, err
		}
		all = append(all, l)
	}
	p.setServing(true)
	return all, nil
}

// listenAt takes over what a process before left at the path: of two providers on
// a node the newer one serves, as with a rolling update.
func listenAt(ctx context.Context, path string) (net.Listener, error) {
	path = strings.TrimPrefix(path, "unix://")
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() != os.ModeSocket {
		return nil, fmt.Errorf("listen at %q: there is something that is no socket", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("listen at %q: remove the socket of a process before: %w", path, err)
	}
	restore := restrictUmask()
	defer restore()
	var c net.ListenConfig
	l, err := c.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen at %q: %w", path, err)
	}
	return l, nil
}

// serve answers calls on one socket until ctx ends, and lets those under way
// finish.
func (p *Provider) serve(ctx context.Context, l net.Listener) error {
	server := grpc.NewServer(grpc.ChainUnaryInterceptor(p.observed, p.recovered))
	pb.RegisterCSIDriverProviderServer(server, p)
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		kill := time.AfterFunc(drainTime, server.Stop)
		defer kill.Stop()
		server.GracefulStop()
	})
	if err := server.Serve(l); err != nil {
		if stop() {
			return fmt.Errorf("serve at %s: %w", l.Addr(), err)
		}
	}
	if ctx.Err() != nil {
		<-done
	}
	return nil
}

// observed counts calls and logs them, without anything of what they carry.
func (p *Provider) observed(ctx context.Context, call any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	began := time.Now()
	response, err := handle(ctx, call)
	took := time.Since(began)
	if strings.HasSuffix(info.FullMethod, "/Mount") {
		p.metrics.Calls.WithLabelValues(status.Code(err).String()).Inc()
		p.metrics.Duration.Observe(took.Seconds())
	}
	p.log.Debug("call answered", slog.String(telemetry.FieldMethod, info.FullMethod), slog.Duration(telemetry.FieldDuration, took),
		slog.String(telemetry.FieldCode, status.Code(err).String()))
	return response, err
}

// recovered lets a panic end one call instead of the secrets of a whole node. The
// value of the panic may be a secret, so only the place is logged.
func (p *Provider) recovered(ctx context.Context, call any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (response any, err error) {
	defer func() {
		if recover() != nil {
			p.log.Error("call panicked", slog.String(telemetry.FieldMethod, info.FullMethod), slog.String("stack", string(debug.Stack())))
			response, err = nil, status.Error(codes.Internal, "internal error of the provider; its log has the place")
		}
	}()
	return handle(ctx, call)
}

// serveHealth serves probes and metrics.
func (p *Provider) serveHealth(ctx context.Context) error {
	l, err := serve.Listen(ctx, serve.Spec{Network: "tcp", Address: p.o.CSI.HealthAddress})
	if err != nil {
		return err
	}
	return serve.Serve(ctx, l, p.Health(ctx))
}

// Health answers /livez, /readyz, /metrics, /health/ready (where the old provider
// has it) and /health/vault. Ready is who answers the driver: Vault being away is
// no reason to restart a provider that holds secrets in memory, and is told by
// /health/vault alone.
func (p *Provider) Health(ctx context.Context) http.Handler {
	ready := func() error { return p.answers(ctx) }
	mux := http.NewServeMux()
	mux.Handle("/", telemetry.Handler(p.o.Metrics, ready))
	mux.HandleFunc("GET /health/ready", func(w http.ResponseWriter, r *http.Request) { tell(w, p.answers(r.Context())) })
	mux.HandleFunc("GET /health/vault", func(w http.ResponseWriter, _ *http.Request) { tell(w, p.degradation()) })
	return mux
}

func tell(w http.ResponseWriter, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write([]byte("ok\n")) // the caller has gone if this fails
}

// answers asks every socket for the version, as the driver does.
func (p *Provider) answers(ctx context.Context) error {
	if !p.isServing() {
		return errNotServing
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	for _, path := range p.o.CSI.Endpoints {
		if err := ask(ctx, path); err != nil {
			return fmt.Errorf("the socket %q does not answer: %w", path, err)
		}
	}
	return nil
}

func ask(ctx context.Context, path string) error {
	connection, err := grpc.NewClient("unix://"+strings.TrimPrefix(path, "unix://"),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority("localhost"))
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close() }()
	_, err = pb.NewCSIDriverProviderClient(connection).Version(ctx, &pb.VersionRequest{Version: apiVersion})
	return err
}

// degradation tells which logins fail; nil where none does.
func (p *Provider) degradation() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var failing []error
	for id, l := range p.logins {
		if l.degraded() {
			failing = append(failing, fmt.Errorf("%s at %s: degraded", who(id), strings.SplitN(id.Connection, "#", 2)[0]))
		}
	}
	return errors.Join(failing...)
}

func (p *Provider) setServing(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serving = on
}

func (p *Provider) isServing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.serving
}
