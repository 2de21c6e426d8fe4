package csi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	pb "sigs.k8s.io/secrets-store-csi-driver/provider/v1alpha1"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// served is a provider behind real sockets, in real time.
type served struct {
	*world
	endpoints []string
	health    string
	stop      func() error
}

// newServed serves at sockets of a folder that is as short as sockets want it.
func newServed(t *testing.T, names ...string) *served {
	t.Helper()
	dir, err := os.MkdirTemp("", "csi")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &served{world: &world{t: t, vault: fakevault.New(), metrics: telemetry.NewMetrics()}, health: freePort(t)}
	s.setVault()
	for _, name := range names {
		s.endpoints = append(s.endpoints, filepath.Join(dir, name))
	}
	o := Options{
		CSI: usual(), Vault: config.Vault{Address: "http://vault.test:8200"}, Metrics: s.metrics, Version: "v1.2.3", Transport: s.vault,
		Log: slog.New(slog.NewTextHandler(s.world, nil)),
	}
	o.CSI.Endpoints, o.CSI.HealthAddress = s.endpoints, s.health
	s.provider = New(o)
	return s
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// run serves until the test ends, or stop is called.
func (s *served) run() *served {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.provider.Run(ctx) }()
	s.stop = func() error {
		cancel()
		err := <-done
		done <- nil
		return err
	}
	s.t.Cleanup(func() {
		if err := s.stop(); err != nil {
			s.t.Errorf("Run: %v", err)
		}
	})
	deadline := time.Now().Add(time.Minute)
	for s.provider.answers(context.Background()) != nil {
		if time.Now().After(deadline) {
			s.t.Fatal("the provider does not answer")
		}
	}
	return s
}

// driver connects as the driver does.
func (s *served) driver(endpoint string) pb.CSIDriverProviderClient {
	s.t.Helper()
	connection, err := grpc.NewClient("unix://"+endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority("localhost"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = connection.Close() })
	return pb.NewCSIDriverProviderClient(connection)
}

func TestBothSocketsAnswer(t *testing.T) {
	s := newServed(t, "vault.sock", "openbao.sock").run()
	for _, endpoint := range s.endpoints {
		info, err := os.Stat(endpoint)
		if err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: mode %v, %v: only root may connect", endpoint, info.Mode(), err)
		}
		driver := s.driver(endpoint)
		version, err := driver.Version(t.Context(), &pb.VersionRequest{Version: "v1alpha1"})
		if err != nil || version.GetVersion() != "v1alpha1" || version.GetRuntimeName() != "vault-csi-provider" || version.GetRuntimeVersion() != "v1.2.3" {
			t.Errorf("%v %v", version, err)
		}
		response, err := driver.Mount(t.Context(), s.call(aPod("orders-sa", 1), class("orders", twoKeys)))
		if err != nil || filesOf(response)["db"] != canary+"-db" || response.GetFiles()[0].GetMode() != 0o644 {
			t.Errorf("%v %v", response, err)
		}
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	for _, endpoint := range s.endpoints {
		if _, err := os.Stat(endpoint); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left behind: %v", endpoint, err)
		}
	}
}

func TestLeftSocketIsTakenOver(t *testing.T) {
	s := newServed(t, "vault.sock")
	old, err := net.ListenUnix("unix", &net.UnixAddr{Name: s.endpoints[0], Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	old.SetUnlinkOnClose(false)
	_ = old.Close()
	s.run()
}

func TestListenRefuses(t *testing.T) {
	name := filepath.Join(t.TempDir(), "vault.sock")
	if err := os.WriteFile(name, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct{ path, want string }{
		"a file":    {name, fmt.Sprintf("listen at %q: there is something that is no socket", name)},
		"no folder": {"/nothing/here/vault.sock", `listen at "/nothing/here/vault.sock": listen unix /nothing/here/vault.sock: bind: no such file or directory`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := newServed(t)
			s.provider.o.CSI.Endpoints = []string{tc.path}
			if err := s.provider.Run(t.Context()); textOf(err) != tc.want {
				t.Errorf(" got %v\nwant %s", err, tc.want)
			}
		})
	}
}

// TestCallUnderWayIsFinished: the end of the provider waits for a mount.
func TestCallUnderWayIsFinished(t *testing.T) {
	s := newServed(t, "vault.sock").run()
	reached := make(chan struct{})
	s.vault.Fault(fakevault.Fault{Delay: 200 * time.Millisecond, Times: 1, Match: func(*http.Request) bool { close(reached); return true }})
	got := make(chan error, 1)
	go func() {
		_, err := s.driver(s.endpoints[0]).Mount(context.Background(), s.call(aPod("orders-sa", 1), class("orders", twoKeys)))
		got <- err
	}()
	<-reached
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	if err := <-got; err != nil && codeName(err) != "Internal" {
		t.Errorf("the call ended with %v", err)
	}
}

// TestNoCodeOfTheTrap: whatever goes wrong, the kubelet takes the answer as final.
func TestNoCodeOfTheTrap(t *testing.T) {
	trap := []codes.Code{codes.Canceled, codes.DeadlineExceeded, codes.Unavailable, codes.ResourceExhausted, codes.Aborted, codes.OK}
	causes := []error{
		context.Canceled, context.DeadlineExceeded, errors.New("x"), errGone, errNoToken, &tooLarge{1}, &badRequest{}, &kubeError{err: errors.New("x")},
		status.Error(codes.Unavailable, "x"), fmt.Errorf("x: %w", status.Error(codes.Aborted, "x")),
	}
	for kind := vault.Permanent; kind <= vault.Unavailable; kind++ {
		causes = append(causes, &loginError{&vault.Error{Kind: kind}}, fmt.Errorf("x: %w", &vault.Error{Kind: kind}))
	}
	for _, cause := range causes {
		got := status.Code(final(cause))
		for _, bad := range trap {
			if got == bad {
				t.Errorf("%v: %v", cause, got)
			}
		}
	}
}

func TestCodes(t *testing.T) {
	cases := map[string]struct {
		err  error
		want codes.Code
	}{
		"wrong request": {&badRequest{}, codes.InvalidArgument},
		"denied":        {&loginError{&vault.Error{Kind: vault.Denied}}, codes.PermissionDenied},
		"invalid token": {&vault.Error{Kind: vault.InvalidToken}, codes.Unauthenticated},
		"not found":     {&vault.Error{Kind: vault.NotFound}, codes.NotFound},
		"wrong path":    {&vault.Error{Kind: vault.Permanent}, codes.FailedPrecondition},
		"sealed":        {&vault.Error{Kind: vault.Sealed}, codes.Internal},
		"too large":     {&tooLarge{5 << 20}, codes.FailedPrecondition},
		"other":         {errors.New("x"), codes.Internal},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := codeOf(tc.err); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

// TestPanicEndsOneCall: and its value, which may be a secret, is not shown.
func TestPanicEndsOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		info := &grpc.UnaryServerInfo{FullMethod: "/v1alpha1.CSIDriverProvider/Mount"}
		_, err := w.provider.observed(t.Context(), nil, info, func(ctx context.Context, call any) (any, error) {
			return w.provider.recovered(ctx, call, info, func(context.Context, any) (any, error) { panic(canary) })
		})
		if codeName(err) != "Internal" || strings.Contains(err.Error(), canary) || !strings.Contains(w.log(), "call panicked") {
			t.Errorf("%v", err)
		}
	})
}

// TestD12ReadinessTellsTheTruth: ready is who answers, and Vault has a sign of its own.
func TestD12ReadinessTellsTheTruth(t *testing.T) {
	s := newServed(t, "vault.sock")
	if code, body := s.get("/health/ready"); code != http.StatusServiceUnavailable || body != "the sockets are not open yet\n" {
		t.Errorf("before the start: %d %q", code, body)
	}
	s.run()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.health+"/health/ready", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	probe := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	response, err := probe.Do(request)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%v %v", response, err)
	}
	_ = response.Body.Close()
	if _, err := s.driver(s.endpoints[0]).Mount(t.Context(), s.call(aPod("orders-sa", 1), class("orders", twoKeys))); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/livez", "/readyz", "/health/vault"} {
		if code, body := s.get(path); code != http.StatusOK || body != "ok\n" {
			t.Errorf("%s: %d %q", path, code, body)
		}
	}
	s.vault.Policy("other", nil)
	s.vault.Seal()
	go func() {
		_, _ = s.driver(s.endpoints[0]).Mount(context.Background(), s.call(aPod("other-sa", 1), class("other", twoKeys)))
	}()
	deadline := time.Now().Add(time.Minute)
	for code := 0; code != http.StatusServiceUnavailable; code, _ = s.get("/health/vault") {
		if time.Now().After(deadline) {
			t.Fatal("an outage is not told")
		}
	}
	if _, body := s.get("/health/vault"); !strings.Contains(body, "other shop/other-sa at http://vault.test:8200: degraded") {
		t.Errorf("%q", body)
	}
	if code, _ := s.get("/health/ready"); code != http.StatusOK {
		t.Error("an outage of Vault makes the provider unready")
	}
	s.provider.podGone(aPod("other-sa", 1).UID)
	_, metrics := s.get("/metrics")
	if strings.Contains(metrics, "vaultk8s_csi_mount_duration_seconds_count 0\n") {
		t.Error("no mount time is observed")
	}
	for _, want := range []string{`vaultk8s_csi_mounts_total{code="OK"} 1`, "vaultk8s_csi_volumes ", `vaultk8s_csi_logins_total{outcome="ok"} 1`, "vaultk8s_csi_degraded 1"} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %q in the metrics", want)
		}
	}
	if err := os.Remove(s.endpoints[0]); err != nil {
		t.Fatal(err)
	}
	if code, body := s.get("/health/ready"); code != http.StatusServiceUnavailable || !strings.Contains(body, "does not answer") {
		t.Errorf("without a socket: %d %q", code, body)
	}
}

// get asks the health endpoints without a connection.
func (s *served) get(path string) (int, string) {
	recorder := httptest.NewRecorder()
	s.provider.Health(context.Background()).ServeHTTP(recorder, httptest.NewRequestWithContext(context.Background(), http.MethodGet, path, http.NoBody))
	body, _ := io.ReadAll(recorder.Result().Body)
	return recorder.Code, string(body)
}

func TestMountWithoutTarget(t *testing.T) {
	s := newServed(t)
	_, err := s.provider.Mount(t.Context(), &pb.MountRequest{Attributes: "{}"})
	if textOf(err) != "rpc error: code = InvalidArgument desc = error making mount request: missing target path field" {
		t.Error(err)
	}
}
