package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
)

// Cluster is a Kubernetes with one node, whose kubelet runs real containers. It lives
// in namespaces of its own and reaches nothing outside but what [Cluster.Expose] shows
// it. Its API server is at a loopback address of this machine, too, so that kubectl,
// helm and client libraries work as with any cluster.
type Cluster struct {
	*Kubernetes
	node     *node
	forwards []*forwarder
}

// StartCluster starts an empty cluster and returns when its node is ready. It takes
// root on Linux, and [NodeTargets]. ctx bounds only the start; the cluster runs until
// Stop, or until this process ends.
func StartCluster(ctx context.Context) (*Cluster, error) {
	programs, err := clusterPrograms(ctx)
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	removeLeftGroups()
	dir, err := os.MkdirTemp("", "vaultk8s-lab-cluster-")
	if err != nil {
		return nil, fmt.Errorf("start a cluster: %w", err)
	}
	c := &Cluster{Kubernetes: &Kubernetes{
		options: KubernetesOptions{Scheduler: true}, dir: dir, programs: programs,
		apiPort: ports[0], etcdPort: ports[1], peerPort: ports[2],
	}}
	if err := c.launch(ctx); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

func clusterPrograms(ctx context.Context) (map[Target]string, error) {
	programs, err := kubernetesPrograms(ctx, KubernetesOptions{Scheduler: true})
	if err != nil {
		return nil, err
	}
	for _, t := range NodeTargets() {
		if programs[t], err = Binary(ctx, t); err != nil {
			return nil, err
		}
	}
	return programs, nil
}

// launch starts the containers' side and the control plane at the same time.
func (c *Cluster) launch(ctx context.Context) (err error) {
	if c.node, err = startNode(ctx, c.dir, c.programs[TargetNode]); err != nil {
		return err
	}
	c.place = c.node
	if err := c.publish(ctx); err != nil {
		return err
	}
	if err := c.writeConfigs(); err != nil {
		return err
	}
	containers, err := c.spawn(c.command(TargetContainerd, "--config", c.file("containerd.toml")))
	if err != nil {
		return err
	}
	tasks, both := errgroup.WithContext(ctx)
	tasks.Go(func() error { return c.loadPause(both, containers) })
	tasks.Go(func() error { return c.Kubernetes.launch(both) })
	if err := tasks.Wait(); err != nil {
		return err
	}
	return c.launchNode(ctx)
}

// publish makes the API server appear on loopback, at the port that it has inside.
func (c *Cluster) publish(ctx context.Context) error {
	var conf net.ListenConfig
	l, err := conf.Listen(ctx, "tcp", loopback(c.apiPort))
	if err != nil {
		return err
	}
	c.forwards = append(c.forwards, forward(l, c.node.dial, c.at(c.apiPort)))
	return nil
}

func (c *Cluster) writeConfigs() error {
	if err := os.Mkdir(c.file("cni"), 0o755); err != nil {
		return err
	}
	files, err := c.configs()
	if err != nil {
		return err
	}
	return writeFiles(c.dir, files)
}

// loadPause waits for containerd, which is ready when it takes an image.
func (c *Cluster) loadPause(ctx context.Context, containers *process) error {
	archive, err := c.MakeImage(ctx, Image{Name: pauseImage, Entrypoint: []string{"/labnode", "pause"}, Files: map[string]string{"/labnode": c.programs[TargetNode]}})
	if err != nil {
		return err
	}
	return containers.await(ctx, 100*time.Millisecond, func(ctx context.Context) error { return c.Load(ctx, archive) })
}

func (c *Cluster) launchNode(ctx context.Context) error {
	kubelet, err := c.spawn(c.command(TargetKubelet, "--config", c.file("kubelet.json"), "--kubeconfig", c.file("kubelet.kubeconfig"),
		"--hostname-override", nodeName, "--node-ip", nodeAddress, "-v", "2"))
	if err != nil {
		return err
	}
	proxy, err := c.spawn(c.command(TargetProxy, "--config", c.file("kube-proxy.json")))
	if err != nil {
		return err
	}
	if err := c.allowDNS(ctx); err != nil {
		return err
	}
	if _, err := c.spawn(c.command(TargetCoreDNS, "-conf", c.file("Corefile"))); err != nil {
		return err
	}
	inside := newAPI("http://"+proxyHealth, nil)
	inside.http.Transport = &http.Transport{DialContext: c.node.dial, DisableKeepAlives: true}
	return errors.Join(
		kubelet.await(ctx, 50*time.Millisecond, c.nodeReady),
		proxy.await(ctx, 50*time.Millisecond, func(ctx context.Context) error {
			_, err := inside.do(ctx, http.MethodGet, "/livez", nil, nil)
			return err
		}),
	)
}

func (c *Cluster) nodeReady(ctx context.Context) error {
	answer, err := c.Do(ctx, http.MethodGet, "/api/v1/nodes/"+nodeName, nil)
	if err != nil {
		return err
	}
	status, _ := answer["status"].(object)
	conditions, _ := status["conditions"].([]any)
	for _, item := range conditions {
		if condition, _ := item.(object); condition["type"] == "Ready" && condition["status"] == "True" {
			return nil
		}
	}
	return errors.New("the node is not ready")
}

// allowDNS lets CoreDNS, which has a certificate and no service account, watch what it
// tells of.
func (c *Cluster) allowDNS(ctx context.Context) error {
	const path = "/apis/rbac.authorization.k8s.io/v1/"
	role := object{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": object{"name": dnsUser},
		"rules": []object{
			{"apiGroups": []string{""}, "resources": []string{"services", "pods", "namespaces"}, "verbs": []string{"list", "watch"}},
			{"apiGroups": []string{"discovery.k8s.io"}, "resources": []string{"endpointslices"}, "verbs": []string{"list", "watch"}},
		},
	}
	if _, err := c.Apply(ctx, path+"clusterroles/"+dnsUser, role); err != nil {
		return err
	}
	_, err := c.Apply(ctx, path+"clusterrolebindings/"+dnsUser, object{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": object{"name": dnsUser},
		"roleRef":  object{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": dnsUser},
		"subjects": []object{{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": dnsUser}},
	})
	return err
}

// Stop ends the cluster with all its pods and removes what it kept. A second Stop does
// nothing.
func (c *Cluster) Stop() error {
	for _, f := range c.forwards {
		f.stop()
	}
	if c.node != nil {
		c.node.stop()
	}
	return c.Kubernetes.Stop()
}

// Address is the node's, at which pods find what [Cluster.Expose] shows them.
func (c *Cluster) Address() string { return nodeAddress }

// Dial connects to an address inside: a pod's, a Service's, the node's.
func (c *Cluster) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return c.node.dial(ctx, network, address)
}

// Expose makes a server of this machine, such as 127.0.0.1:8200, reachable for pods
// at a port of the node, until Stop. Nothing needs to listen there yet.
func (c *Cluster) Expose(ctx context.Context, port int, server string) error {
	l, err := c.node.listen(ctx, c.at(port))
	if err != nil {
		return fmt.Errorf("expose %q in the cluster: %w", server, err)
	}
	var d net.Dialer
	c.forwards = append(c.forwards, forward(l, d.DialContext, server))
	return nil
}

// Command runs one of the cluster's programs ([TargetKubectl], for instance) as an
// administrator. It returns what the program writes.
func (c *Cluster) Command(ctx context.Context, t Target, args ...string) (string, error) {
	program, err := Binary(ctx, t)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.Kubeconfig())
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s %q: %w:\n%s", t, args, err, lastLines(out, 20))
	}
	return string(out), nil
}

// MakeImage makes an archive of an image, to be given to Load. It is removed by Stop.
func (c *Cluster) MakeImage(ctx context.Context, i Image) (archive string, err error) {
	dir, err := os.MkdirTemp(c.dir, "image-")
	if err != nil {
		return "", err
	}
	archive = filepath.Join(dir, "image.tar")
	return archive, i.write(ctx, c.programs[TargetImage], archive)
}

// LoadImage makes an image and puts it into the node.
func (c *Cluster) LoadImage(ctx context.Context, i Image) error {
	archive, err := c.MakeImage(ctx, i)
	if err != nil {
		return err
	}
	return c.Load(ctx, archive)
}

// Load puts the image of a docker-archive into the node.
func (c *Cluster) Load(ctx context.Context, archive string) error {
	conf := c.node.inside(command{argv: []string{c.programs[TargetContainers], "--address", containerdSocket, "--namespace", "k8s.io", "images", "import", archive}})
	out, err := exec.CommandContext(ctx, conf.argv[0], conf.argv[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("load the image %q: %w:\n%s", archive, err, lastLines(out, 5))
	}
	return nil
}
