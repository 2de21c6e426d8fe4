package lab

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// TargetCertManager is cert-manager with its cainjector, as one program.
const TargetCertManager Target = "cert-manager"

const certManagerModule = "github.com/cert-manager/cert-manager"

// CertManager is cert-manager at work on a cluster: its own controllers for Issuers
// that are self-signed or have an authority in a Secret, and its cainjector for
// mutating webhooks. The webhook that checks its resources is not there.
type CertManager struct {
	dir     string
	process *process
}

// CertManagerOptions says how cert-manager is started.
type CertManagerOptions struct {
	// ReplaceBundles makes the cainjector do what it did before cert-manager 1.19: a
	// new authority takes the place of the former ones, which newer versions keep until
	// they end.
	ReplaceBundles bool
}

// StartCertManager defines the kinds of cert-manager and starts it as an administrator
// of k. ctx bounds only the start; it runs until Stop.
func StartCertManager(ctx context.Context, k *Kubernetes, o CertManagerOptions) (*CertManager, error) {
	program, err := Binary(ctx, TargetCertManager)
	if err != nil {
		return nil, err
	}
	if err := defineCertManager(ctx, k); err != nil {
		return nil, fmt.Errorf("define the kinds of cert-manager: %w", err)
	}
	dir, err := os.MkdirTemp("", "vaultk8s-lab-cert-manager-")
	if err != nil {
		return nil, fmt.Errorf("start cert-manager: %w", err)
	}
	m := &CertManager{dir: dir}
	if err := m.launch(ctx, program, k.Kubeconfig(), o); err != nil {
		return nil, errors.Join(err, m.Stop())
	}
	return m, nil
}

func defineCertManager(ctx context.Context, k *Kubernetes) error {
	module, err := moduleDir(ctx, string(TargetCertManager), certManagerModule)
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(module, "deploy", "crds", "cert-manager.io_*.yaml"))
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s has no definitions", certManagerModule)
	}
	for _, file := range files {
		if err == nil {
			err = k.applyDefinition(ctx, file)
		}
	}
	if err != nil {
		return err
	}
	return k.server.await(ctx, 50*time.Millisecond, func(ctx context.Context) error {
		for _, kind := range []string{"certificates", "certificaterequests", "issuers", "clusterissuers"} {
			if _, err := k.Do(ctx, http.MethodGet, "/apis/cert-manager.io/v1/"+kind, nil); err != nil {
				return err
			}
		}
		return nil
	})
}

func (m *CertManager) launch(ctx context.Context, program, kubeconfig string, o CertManagerOptions) error {
	ports, err := freePorts(1)
	if err != nil {
		return err
	}
	health := loopback(ports[0])
	m.process, err = start(command{name: "cert-manager", dir: m.dir, log: filepath.Join(m.dir, "log"), argv: []string{
		program, "-kubeconfig", kubeconfig, "-health", health, "-feature-gates", fmt.Sprintf("CAInjectorMerging=%t", !o.ReplaceBundles),
	}})
	if err != nil {
		return err
	}
	answers := newAPI("http://"+health, nil)
	defer answers.close()
	return m.process.await(ctx, 50*time.Millisecond, func(ctx context.Context) error {
		_, err := answers.do(ctx, http.MethodGet, "/readyz", nil, nil)
		return err
	})
}

// Stop ends cert-manager and removes its folder. What it made in the cluster stays.
func (m *CertManager) Stop() error {
	if m.process != nil {
		m.process.stop(5 * time.Second)
	}
	return os.RemoveAll(m.dir)
}

// Log returns the end of what cert-manager has told.
func (m *CertManager) Log() string { return m.process.logTail() }
