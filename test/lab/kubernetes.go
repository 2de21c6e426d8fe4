package lab

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// KubernetesOptions choose what runs. The zero value is what controllers,
// webhooks and logins need.
type KubernetesOptions struct {
	// Scheduler starts a kube-scheduler too. There are no nodes unless a test
	// creates Node objects, so pods stay pending either way.
	Scheduler bool
	// APIServerArgs are appended to the API server's command line.
	APIServerArgs []string
}

// Kubernetes is a control plane without nodes: etcd, kube-apiserver and
// kube-controller-manager. Its requests may run in parallel; starting and
// stopping may not.
type Kubernetes struct {
	options  KubernetesOptions
	dir      string
	programs map[Target]string
	pki      *clusterPKI
	apiPort  int
	etcdPort int
	peerPort int
	api      *api
	place    place // nil: this machine's loopback

	processes []*process // in the order of their start
	server    *process   // the API server among them
}

// place is where a control plane runs when not on this machine's loopback.
type place interface {
	inside(command) command
	dial(ctx context.Context, network, address string) (net.Conn, error)
}

// host is the address that the API server has for the cluster's other programs.
func (k *Kubernetes) host() string {
	if k.place == nil {
		return "127.0.0.1"
	}
	return nodeAddress
}

func (k *Kubernetes) at(port int) string { return net.JoinHostPort(k.host(), strconv.Itoa(port)) }

// StartKubernetes starts a fresh, empty control plane and returns when it is
// ready to create pods' service accounts. ctx bounds only the start; the servers
// run until Stop.
func StartKubernetes(ctx context.Context, o KubernetesOptions) (*Kubernetes, error) {
	programs, err := kubernetesPrograms(ctx, o)
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "vaultk8s-lab-kubernetes-")
	if err != nil {
		return nil, fmt.Errorf("start kubernetes: %w", err)
	}
	k := &Kubernetes{
		options: o, dir: dir, programs: programs,
		apiPort: ports[0], etcdPort: ports[1], peerPort: ports[2],
	}
	if err := k.launch(ctx); err != nil {
		_ = k.Stop()
		return nil, err
	}
	return k, nil
}

func kubernetesPrograms(ctx context.Context, o KubernetesOptions) (map[Target]string, error) {
	targets := []Target{TargetEtcd, TargetAPIServer, TargetControllerManager}
	if o.Scheduler {
		targets = append(targets, TargetScheduler)
	}
	programs := map[Target]string{}
	for _, t := range targets {
		path, err := Binary(ctx, t)
		if err != nil {
			return nil, err
		}
		programs[t] = path
	}
	return programs, nil
}

// launch starts etcd and the API server together, which saves half a second: the
// API server tries again soon when it finds no etcd. The controllers do not, so
// they come when it is ready.
func (k *Kubernetes) launch(ctx context.Context) (err error) {
	if k.pki, err = newClusterPKI(k.URL(), "https://"+k.at(k.apiPort)); err != nil {
		return err
	}
	if err := k.pki.write(k.dir); err != nil {
		return err
	}
	k.api = newAPI(k.URL(), &tls.Config{
		RootCAs: k.pki.authority.Pool(), Certificates: []tls.Certificate{k.pki.admin}, MinVersion: tls.VersionTLS12,
	})
	etcd, err := k.spawn(k.etcd())
	if err != nil {
		return err
	}
	if k.server, err = k.spawn(k.apiserver()); err != nil {
		return err
	}
	if err := k.awaitStore(ctx, etcd); err != nil {
		return err
	}
	if err := k.server.await(ctx, 50*time.Millisecond, k.probe("/readyz")); err != nil {
		return err
	}
	return k.launchControllers(ctx)
}

func (k *Kubernetes) awaitStore(ctx context.Context, etcd *process) error {
	store := newAPI("http://"+loopback(k.etcdPort), nil)
	if k.place != nil {
		store.http.Transport = &http.Transport{DialContext: k.place.dial}
	}
	defer store.close()
	return etcd.await(ctx, 20*time.Millisecond, func(ctx context.Context) error {
		_, err := store.do(ctx, http.MethodGet, "/health", nil, nil)
		return err
	})
}

// probe succeeds when an administrator can get path.
func (k *Kubernetes) probe(path string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := k.Do(ctx, http.MethodGet, path, nil)
		return err
	}
}

// launchControllers waits for the default service account, which the controller
// manager creates last of what a namespace gets.
func (k *Kubernetes) launchControllers(ctx context.Context) error {
	manager, err := k.spawn(k.controllerManager())
	if err != nil {
		return err
	}
	if k.options.Scheduler {
		if _, err := k.spawn(k.scheduler()); err != nil {
			return err
		}
	}
	return manager.await(ctx, 50*time.Millisecond, k.probe(serviceAccountPath("default", "default")))
}

func (k *Kubernetes) spawn(c command) (*process, error) {
	p, err := start(c)
	if err != nil {
		return nil, err
	}
	k.processes = append(k.processes, p)
	return p, nil
}

// Stop ends all servers and removes their directory. A second Stop does nothing.
func (k *Kubernetes) Stop() error {
	if k.api != nil {
		k.api.close()
	}
	// Nothing of the state is kept, so nothing is gained by an orderly end; an
	// API server that is asked to end first waits for its clients.
	for i := len(k.processes) - 1; i >= 0; i-- {
		k.processes[i].kill()
	}
	return os.RemoveAll(k.dir)
}

// URL is the API server's.
func (k *Kubernetes) URL() string { return "https://" + loopback(k.apiPort) }

// CACert is the cluster's authority in PEM.
func (k *Kubernetes) CACert() []byte { return k.pki.authority.PEM() }

// Authority is the cluster's; a certificate that it issues with organization
// system:masters is an administrator's.
func (k *Kubernetes) Authority() *Authority { return k.pki.authority }

// ServiceAccountKey is the public key that verifies service account tokens, in
// PEM.
func (k *Kubernetes) ServiceAccountKey() []byte { return k.pki.tokenPublic }

// Kubeconfig is the path of an administrator's kubeconfig.
func (k *Kubernetes) Kubeconfig() string { return k.file("admin.kubeconfig") }

// PIDs are the process ids of the servers.
func (k *Kubernetes) PIDs() []int {
	var pids []int
	for _, p := range k.processes {
		pids = append(pids, p.pid())
	}
	return pids
}

func (k *Kubernetes) running() []*process { return k.processes }

func (k *Kubernetes) file(name string) string { return filepath.Join(k.dir, name) }
