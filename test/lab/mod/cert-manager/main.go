// Command cert-manager is cert-manager for tests: its own controllers and its
// cainjector, in one process and without leases. Issuers are self-signed or have an
// authority in a Secret; ACME, Vault and Venafi are left out, as is the webhook that
// checks what users write. ClusterIssuers work as well as Issuers.
//
// It works on the cluster of -kubeconfig until it is told to end, and answers at
// -health. Its kinds have to be there already.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/cert-manager/cert-manager/pkg/controller"
	featuregate "github.com/cert-manager/cert-manager/pkg/util/feature"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

func main() {
	// The packages below have flags of their own.
	flags := flag.NewFlagSet("cert-manager", flag.ExitOnError)
	kubeconfig := flags.String("kubeconfig", "", "the cluster, and who to be there")
	health := flags.String("health", "", "address of /readyz")
	gates := flags.String("feature-gates", "", "as those of the original programs: NAME=BOOL,...")
	_ = flags.Parse(os.Args[1:]) // it ends the program itself
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *kubeconfig, *health, *gates); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, kubeconfig, health, gates string) error {
	ctrl.SetLogger(klog.Background())
	if err := featuregate.DefaultMutableFeatureGate.Set(gates); err != nil {
		return err
	}
	m, err := newManager(kubeconfig, health)
	if err != nil {
		return err
	}
	if err := addInjector(ctx, m); err != nil {
		return err
	}
	if err := addControllers(ctx, m, kubeconfig); err != nil {
		return err
	}
	return m.Start(ctx)
}

// addControllers lets the manager run what the imported packages have registered.
func addControllers(ctx context.Context, m manager.Manager, kubeconfig string) error {
	factory, err := controller.NewContextFactory(ctx, options(kubeconfig))
	if err != nil {
		return err
	}
	for name, construct := range controller.Known() {
		if !strings.HasPrefix(name, "certificate") && !strings.HasSuffix(name, "issuers") {
			continue
		}
		c, err := construct(factory)
		if err != nil {
			return fmt.Errorf("controller %s: %w", name, err)
		}
		if err := m.Add(manager.RunnableFunc(func(ctx context.Context) error { return c.Run(1, ctx) })); err != nil {
			return err
		}
	}
	// The controllers have asked for what they watch; it is fetched from now on.
	shared, err := factory.Build()
	if err != nil {
		return err
	}
	shared.SharedInformerFactory.Start(ctx.Done())
	shared.KubeSharedInformerFactory.Start(ctx.Done())
	shared.HTTP01ResourceMetadataInformersFactory.Start(ctx.Done())
	return nil
}

// options are the defaults of the original program, as far as they matter here. A
// failed request is tried again soon, as nobody waits for an hour in a test.
func options(kubeconfig string) controller.ContextOptions {
	return controller.ContextOptions{
		Kubeconfig: kubeconfig, KubernetesAPIQPS: 20, KubernetesAPIBurst: 50,
		IssuerOptions: controller.IssuerOptions{ClusterResourceNamespace: "kube-system"},
		CertificateOptions: controller.CertificateOptions{
			CopiedAnnotationPrefixes:                 []string{"*", "-kubectl.kubernetes.io/", "-fluxcd.io/", "-argocd.argoproj.io/"},
			CertificateRequestMinimumBackoffDuration: time.Second,
			CertificateRequestMaximumBackoffDuration: time.Minute,
		},
	}
}
