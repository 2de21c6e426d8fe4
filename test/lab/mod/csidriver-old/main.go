// Command csidriver-old is the generation of the Secrets Store CSI Driver before the
// newest, for tests: its node server, with a mounter that mounts nothing. By itself
// it has an API server in memory. With -cluster it works with a real one as the
// pod of a DaemonSet does, and with all its parts: rotation and synced Secrets too.
//
// It takes its orders over HTTP at the socket DIR/orders.sock: POST /publish and
// POST /unpublish do what the kubelet does, GET /status shows what the driver wrote
// into SecretProviderClassPodStatus objects. Providers are looked for in DIR/providers.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	secretsv1 "sigs.k8s.io/secrets-store-csi-driver/apis/v1"
	"sigs.k8s.io/secrets-store-csi-driver/pkg/k8s"
	secretsstore "sigs.k8s.io/secrets-store-csi-driver/pkg/secrets-store"
	"sigs.k8s.io/yaml"
)

const (
	driverName = "secrets-store.csi.k8s.io"
	nodeName   = "node-1"
)

func main() {
	dir := flag.String("dir", "", "folder of the sockets")
	classes := flag.String("classes", "", "file of SecretProviderClasses in YAML; other objects in it are passed over")
	kubeconfig := flag.String("cluster", "", "kubeconfig of a real cluster, which has the classes then")
	interval := flag.Duration("rotation", 0, "interval of the rotation in a real cluster; without one this generation does not rotate")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	quit(run(ctx, *dir, *classes, *kubeconfig, *interval))
}

// quit ends the program where something failed.
func quit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// parts are what the node server works with.
type parts struct {
	client client.Client
	reader client.Reader
	tokens *k8s.TokenClient
}

func run(ctx context.Context, dir, classes, kubeconfig string, interval time.Duration) error {
	providers := secretsstore.NewPluginClientBuilder([]string{filepath.Join(dir, "providers")})
	defer providers.Cleanup()
	arrange := func() (*parts, error) { return inMemory(classes) }
	if kubeconfig != "" {
		arrange = func() (*parts, error) { return inCluster(ctx, kubeconfig, interval, providers) }
	}
	p, err := arrange()
	if err != nil {
		return err
	}
	endpoint := "unix://" + filepath.Join(dir, "csi.sock")
	driver := secretsstore.NewSecretsStoreDriver(driverName, nodeName, endpoint, providers, p.client, p.reader, p.tokens)
	go driver.Run(ctx)
	// The first attempt may come before the driver listens.
	connection, err := grpc.Dial(endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.WaitForReady(true)))
	if err != nil {
		return err
	}
	defer connection.Close()
	return serve(ctx, filepath.Join(dir, "orders.sock"), &orders{node: csi.NewNodeClient(connection), api: p.client})
}

// inMemory has the classes of a file in an API server in memory.
func inMemory(classes string) (*parts, error) {
	objects, err := readClasses(classes)
	if err != nil {
		return nil, err
	}
	scheme := runtime.NewScheme()
	if err := secretsv1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	api := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build()
	// The kubelet passes tokens, so that this client is only asked to forget them.
	cluster, err := kubernetes.NewForConfig(&rest.Config{Host: "https://127.0.0.1:1"})
	if err != nil {
		return nil, err
	}
	return &parts{client: api, reader: api, tokens: k8s.NewTokenClient(cluster, driverName, 0)}, nil
}

// readClasses reads the classes of a file with several documents.
func readClasses(name string) ([]client.Object, error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var all []client.Object
	for _, document := range strings.Split(string(content), "\n---\n") {
		class := &secretsv1.SecretProviderClass{}
		if err := yaml.Unmarshal([]byte(document), class); err != nil {
			return nil, err
		}
		if class.Kind == "SecretProviderClass" {
			all = append(all, class)
		}
	}
	return all, nil
}

type orders struct {
	node csi.NodeClient
	api  client.Client
}

func serve(ctx context.Context, socket string, o *orders) error {
	l, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /publish", o.publish)
	mux.HandleFunc("POST /unpublish", o.unpublish)
	mux.HandleFunc("GET /status", o.status)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// volume is what the kubelet says of a volume.
type volume struct {
	Target     string            `json:"target"`
	Attributes map[string]string `json:"attributes"`
	Secrets    map[string]string `json:"secrets"`
}

func (o *orders) publish(w http.ResponseWriter, r *http.Request) {
	o.order(w, r, func(ctx context.Context, v volume) error {
		_, err := o.node.NodePublishVolume(ctx, &csi.NodePublishVolumeRequest{
			VolumeId: "csi-volume", TargetPath: v.Target, Readonly: true, VolumeContext: v.Attributes, Secrets: v.Secrets,
			VolumeCapability: &csi.VolumeCapability{
				AccessType: &csi.VolumeCapability_Mount{Mount: &csi.VolumeCapability_MountVolume{}},
				AccessMode: &csi.VolumeCapability_AccessMode{Mode: csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER},
			},
		})
		return err
	})
}

func (o *orders) unpublish(w http.ResponseWriter, r *http.Request) {
	o.order(w, r, func(ctx context.Context, v volume) error {
		_, err := o.node.NodeUnpublishVolume(ctx, &csi.NodeUnpublishVolumeRequest{VolumeId: "csi-volume", TargetPath: v.Target})
		return err
	})
}

// order carries an order out within the kubelet's two minutes.
func (o *orders) order(w http.ResponseWriter, r *http.Request, do func(context.Context, volume) error) {
	var v volume
	if err := json.NewDecoder(r.Body).Decode(&v); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Minute)
	defer cancel()
	if err := do(ctx, v); err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
	}
}

// status shows the object versions by pod.
func (o *orders) status(w http.ResponseWriter, r *http.Request) {
	var list secretsv1.SecretProviderClassPodStatusList
	if err := o.api.List(r.Context(), &list); err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	versions := map[string]map[string]string{}
	for _, item := range list.Items {
		versions[item.Name] = map[string]string{}
		for _, object := range item.Status.Objects {
			versions[item.Name][object.ID] = object.Version
		}
	}
	_ = json.NewEncoder(w).Encode(versions)
}
