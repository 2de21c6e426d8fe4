package server

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/injector"
	"github.com/vaultk8s/vaultk8s/pkg/injector/certs"
	"github.com/vaultk8s/vaultk8s/pkg/injector/cluster"
	"github.com/vaultk8s/vaultk8s/pkg/injector/webhook"
	"github.com/vaultk8s/vaultk8s/pkg/kube"
	"github.com/vaultk8s/vaultk8s/pkg/pause"
	"github.com/vaultk8s/vaultk8s/pkg/serve"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

// Options are what an injector is made of.
type Options struct {
	Config *config.Config
	Log    *slog.Logger
	// CheckTemplate finds mistakes in annotations before a pod is made.
	CheckTemplate CheckTemplate
	// LookupEnv finds where the pod's API server is; nil takes os.LookupEnv.
	LookupEnv func(string) (string, bool)
	// Listening hears the address when requests are accepted. nil: nobody does.
	Listening func(address string)
}

// server is an injector that runs.
type server struct {
	config    config.Injector
	log       *slog.Logger
	holder    certs.Holder
	client    *kube.Client  // nil: nothing is done in the cluster
	keeper    *certs.Keeper // nil: the certificate comes from files
	publisher *cluster.Publisher
	elector   *cluster.Elector // nil: this replica always leads
	census    *cluster.Census
	metrics   *webhook.Metrics
	handler   *webhook.Handler
	begun     chan struct{} // tells that this replica begins to lead
}

// garbagePercent is how much garbage is let come together before it is collected, in
// percent of what is in use. An admission leaves 50 KB of it and little is held: with
// Go's 100 and its least heap of 4 MB that is a collection for each 80 admissions,
// which are the slowest hundredth then. With 1000 it is one for 800, at the price of
// some 40 MB while there is much to do; GOMEMLIMIT bounds it.
const garbagePercent = 1000

// Run serves until ctx ends. Then readiness goes off, requests are answered for
// the time of the drain delay, and what is under way is finished. The error is one
// of the settings, or of the port.
func Run(ctx context.Context, o Options) error {
	debug.SetGCPercent(garbagePercent)
	s := &server{config: o.Config.Injector, log: o.Log, metrics: webhook.NewMetrics(), begun: make(chan struct{}, 1)}
	pods, err := Defaults(o.Config, o.CheckTemplate)
	allowed := webhook.Addresses(s.config.AllowedAddresses)
	if err := errors.Join(err, checkTLS(s.config), allowed.Validate()); err != nil {
		return err
	}
	if err := s.join(o.LookupEnv); err != nil {
		return err
	}
	if s.client != nil {
		defer s.client.Close()
	}
	if s.config.NativeSidecars == "auto" {
		pods.NativeSidecars = s.hasNativeSidecars(ctx)
	}
	s.addNumbers()
	s.handler = webhook.New(webhook.Options{
		Injector: pods, Addresses: allowed, Metrics: s.metrics, MetricsPath: s.config.MetricsPath,
		Certificate: s.certificate, Trusted: s.trusted, Heard: s.heard,
	})
	return s.run(ctx, o.Listening)
}

// join makes what is done in the cluster.
func (s *server) join(lookup func(string) (string, bool)) error {
	i := s.config
	if lookup == nil {
		lookup = os.LookupEnv
	}
	a := cluster.Address{URL: i.KubernetesAddress, CAFile: i.KubernetesCAFile, TokenFile: i.KubernetesToken}
	if a.URL == "" {
		var err error
		if a, err = cluster.InCluster(lookup); err != nil {
			if i.TLSAuto == "" && !i.ReportMissing {
				return nil // nothing is needed
			}
			return err
		}
	}
	client, err := cluster.New(a)
	if err != nil {
		return err
	}
	s.client = client
	namespace := orElse(i.Namespace, cluster.Namespace(), "default")
	if selfManaged(i) {
		store := &forgiving{Secret: cluster.NewSecret(client, namespace, i.SecretName), complain: s.complain("no Secret")}
		s.keeper = certs.NewKeeper(store, i.TLSAutoHosts, &s.holder)
	}
	if i.TLSAuto != "" {
		s.publisher = cluster.NewPublisher(client, i.TLSAuto, s.bundle, s.complain("webhook configuration not kept"))
	}
	if i.ReportMissing {
		s.census = cluster.NewCensus(client, i.ReportSelector, s.complain("pods not looked at"))
	}
	if i.UseLeaderElector && (s.publisher != nil || s.census != nil) {
		host, _ := os.Hostname()
		s.elector = cluster.NewElector(client, namespace, i.LeaseName, orElse(i.PodName, host, "injector"), s.complain("lease not held"))
	}
	return nil
}

func orElse(all ...string) string {
	for _, text := range all {
		if text != "" {
			return text
		}
	}
	return ""
}

// leads reports whether this replica does what only one should do.
func (s *server) leads() bool { return s.elector == nil || s.elector.Leading() }

// nativeSince is the first minor version of Kubernetes 1 that has native sidecars
// without being told to.
const nativeSince = 29

func (s *server) hasNativeSidecars(ctx context.Context) bool {
	if s.client == nil {
		return false
	}
	major, minor, err := s.client.Version(ctx)
	if err != nil {
		s.complain("version of the cluster not known, no native sidecars")(err)
		return false
	}
	return major > 1 || minor >= nativeSince
}

func (s *server) run(ctx context.Context, listening func(string)) error {
	l, err := serve.Listen(ctx, serve.Spec{
		Network: "tcp", Address: s.config.Listen, OnError: s.complain("connection failed"),
		TLS: &serve.TLS{Certificate: s.shown, MinVersion: s.config.TLSMinVersion, CipherSuites: s.config.TLSCipherSuites},
	})
	if err != nil {
		return err
	}
	s.log.Info("injector listens", telemetry.FieldAddress, l.Addr().String())
	if listening != nil {
		listening(l.Addr().String())
	}
	tasks, ctx := errgroup.WithContext(ctx)
	tasks.Go(func() error { return s.keep(ctx) })
	if s.publisher != nil {
		tasks.Go(func() error { s.publisher.Run(ctx); return nil })
	}
	tasks.Go(func() error { s.lead(ctx); return nil })
	tasks.Go(func() error {
		s.awaitCertificate(ctx)
		return s.serve(ctx, l)
	})
	return tasks.Wait()
}

// lead does, while this replica leads, what nobody else does.
func (s *server) lead(ctx context.Context) {
	term := func(term context.Context) {
		s.log.Info("this replica leads")
		if s.publisher != nil {
			s.publisher.Look()
		}
		select {
		case s.begun <- struct{}{}:
		default:
		}
		if s.census != nil {
			s.census.Run(term)
			return
		}
		<-term.Done()
	}
	if s.elector == nil {
		term(ctx)
		return
	}
	s.elector.Run(ctx, term)
}

// serve answers until ctx ends, and a little longer: the API server's view of who
// is ready is some seconds old.
func (s *server) serve(ctx context.Context, l *serve.Listener) error {
	serving, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	waited := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(waited)
		s.handler.Drain()
		s.log.Info("injector drains", telemetry.FieldDuration, s.config.DrainDelay)
		pause.For(serving, s.config.DrainDelay)
		end()
	})
	err := serve.Serve(serving, l, s.handler)
	end()
	if !stop() {
		<-waited
	}
	return err
}

// addNumbers adds the metrics of what the webhook does not know.
func (s *server) addNumbers() {
	add := func(name string, value func() float64) { s.metrics.Add("vaultk8s_injector_"+name, value) }
	add("certificate_expiry_timestamp_seconds", func() float64 {
		if c := s.holder.Current(); c != nil {
			return float64(c.Leaf.NotAfter.Unix())
		}
		return 0
	})
	add("ca_bundle_matches", func() float64 { return number(s.trusted() == nil) })
	add("leader", func() float64 { return number(s.leads()) })
	add("ca_bundle_patches_total", func() float64 { return s.published(0) })
	add("ca_bundle_undone_total", func() float64 { return s.published(1) })
	add("pods_without_agent", func() float64 {
		if s.census == nil {
			return 0
		}
		return float64(s.census.Count())
	})
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

func (s *server) published(which int) float64 {
	if s.publisher == nil {
		return 0
	}
	patches, undone := s.publisher.Counts()
	return float64([]uint64{patches, undone}[which])
}

// complain returns what logs errors with a message.
func (s *server) complain(message string) func(error) {
	return func(err error) { s.log.Warn(message, telemetry.FieldError, err.Error()) }
}

// heard logs an admission: what was done in clear, the rest for who looks closely.
func (s *server) heard(a webhook.Admission) {
	level := slog.LevelDebug
	switch {
	case a.Message != "":
		level = slog.LevelWarn
	case a.Reason == injector.Injected:
		level = slog.LevelInfo
	}
	s.log.Log(context.Background(), level, "admission answered",
		"uid", a.UID, "namespace", a.Namespace, telemetry.FieldReason, string(a.Reason), "injection", string(a.Injection),
		"dry_run", a.DryRun, "warnings", len(a.Warnings), telemetry.FieldDuration, a.Duration.Round(time.Microsecond),
		telemetry.FieldError, a.Message)
}
