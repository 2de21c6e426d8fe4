package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// CSIDriver is a running node server of the Secrets Store CSI Driver: the real
// one, with a mounter that leaves plain folders, and with an API server in memory
// unless its options name another.
type CSIDriver struct {
	dir     string
	process *process
	client  *http.Client
}

// CSIDriverOptions says how a driver is started.
type CSIDriverOptions struct {
	Classes  string        // file of SecretProviderClasses in YAML; other objects in it are passed over
	Rotation time.Duration // 0: none
	Old      bool          // the generation before, which calls the provider once for each volume

	// Kubernetes gives the generation before a real API server, with
	// [Kubernetes.InstallSecretsStoreKinds]: it reads the classes there, makes the
	// tokens of pods itself, rotates at the interval and keeps synced Secrets.
	Kubernetes *Kubernetes
}

// CSIVolume is what the kubelet says of a volume.
type CSIVolume struct {
	Target     string            `json:"target"`
	Attributes map[string]string `json:"attributes"`
	Secrets    map[string]string `json:"secrets,omitempty"` // of nodePublishSecretRef
}

// StartCSIDriver starts a driver and returns when it takes orders. ctx bounds only
// the start; the driver runs until Stop.
func StartCSIDriver(ctx context.Context, o CSIDriverOptions) (*CSIDriver, error) {
	target := TargetCSIDriver
	if o.Old {
		target = TargetOldCSIDriver
	}
	binary, err := Binary(ctx, target)
	if err != nil {
		return nil, err
	}
	// A socket's path may have 107 bytes, so the folder is not one of the test's.
	dir, err := os.MkdirTemp("", "vaultk8s-lab-csi-")
	if err != nil {
		return nil, fmt.Errorf("start csidriver: %w", err)
	}
	d := &CSIDriver{dir: dir}
	d.client = &http.Client{Transport: &http.Transport{DialContext: d.dial}}
	if err := d.launch(ctx, binary, o); err != nil {
		_ = d.Stop()
		return nil, err
	}
	return d, nil
}

func (d *CSIDriver) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	var dialer net.Dialer
	return dialer.DialContext(ctx, "unix", filepath.Join(d.dir, "orders.sock"))
}

func (d *CSIDriver) launch(ctx context.Context, binary string, o CSIDriverOptions) error {
	argv := []string{binary, "-dir", d.dir, "-rotation", o.Rotation.String()}
	if o.Kubernetes != nil {
		argv = append(argv, "-cluster", o.Kubernetes.Kubeconfig())
	} else {
		classes, err := filepath.Abs(o.Classes)
		if err != nil {
			return err
		}
		argv = append(argv, "-classes", classes)
	}
	if err := os.Mkdir(d.Providers(), 0o755); err != nil {
		return err
	}
	var err error
	d.process, err = start(command{name: "csidriver", dir: d.dir, log: filepath.Join(d.dir, "log"), argv: argv})
	if err != nil {
		return err
	}
	return d.process.await(ctx, 10*time.Millisecond, func(ctx context.Context) error {
		if _, err := d.Versions(ctx); err != nil {
			return err
		}
		var dialer net.Dialer
		connection, err := dialer.DialContext(ctx, "unix", filepath.Join(d.dir, "csi.sock"))
		if err != nil {
			return err
		}
		return connection.Close()
	})
}

// Stop ends the driver and removes its folder.
func (d *CSIDriver) Stop() error {
	d.client.CloseIdleConnections()
	if d.process != nil {
		d.process.stop(5 * time.Second)
	}
	return os.RemoveAll(d.dir)
}

func (d *CSIDriver) running() []*process {
	if d.process == nil {
		return nil
	}
	return []*process{d.process}
}

// Providers is the folder in which the driver looks for the sockets of providers.
func (d *CSIDriver) Providers() string { return filepath.Join(d.dir, "providers") }

// Publish does what the kubelet does for a pod that starts, and again about every
// 80 seconds. The error is what the kubelet would show.
func (d *CSIDriver) Publish(ctx context.Context, v CSIVolume) error {
	return d.order(ctx, "/publish", v)
}

// Unpublish does what the kubelet does for a pod that has ended.
func (d *CSIDriver) Unpublish(ctx context.Context, v CSIVolume) error {
	return d.order(ctx, "/unpublish", v)
}

func (d *CSIDriver) order(ctx context.Context, path string, v CSIVolume) error {
	encoded, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = d.ask(ctx, http.MethodPost, path, encoded)
	return err
}

// Versions returns the object versions that the driver keeps, by the name of the
// SecretProviderClassPodStatus and the object.
func (d *CSIDriver) Versions(ctx context.Context) (map[string]map[string]string, error) {
	answer, err := d.ask(ctx, http.MethodGet, "/status", nil)
	if err != nil {
		return nil, err
	}
	var versions map[string]map[string]string
	return versions, json.Unmarshal(answer, &versions)
}

func (d *CSIDriver) ask(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://csidriver"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	response, err := d.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(strings.TrimSpace(string(answer)))
	}
	return answer, err
}
