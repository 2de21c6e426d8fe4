package operator

import (
	"cmp"
	"log/slog"
	"os"
	"strings"

	"k8s.io/client-go/rest"

	"github.com/vaultk8s/vaultk8s/pkg/config"
)

// Options are what an operator is made of.
type Options struct {
	Config  *config.Config
	Log     *slog.Logger
	Version string // of the program
	// Rest says where the API server is; nil: what the settings say, else the pod's
	// own cluster.
	Rest *rest.Config
	// Listening hears the addresses that are served. nil: nobody does.
	Listening func(metrics, health string)
}

// Where the kubelet puts what a pod knows of itself.
const (
	namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
	podUIDFile    = "/var/run/podinfo/uid"
)

// fill takes from the pod what the settings leave out.
func fill(o config.Operator) config.Operator {
	host, _ := os.Hostname()
	o.PodName = cmp.Or(o.PodName, host, "operator")
	o.Namespace = cmp.Or(o.Namespace, content(namespaceFile))
	o.PodUID = cmp.Or(o.PodUID, content(podUIDFile))
	return o
}

func content(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
