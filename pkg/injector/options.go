package injector

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Options are the answers to what a pod's annotations leave open. They hold for
// a whole cluster, except for the first two fields. [DefaultOptions] gives the
// defaults.
type Options struct {
	Namespace string // of the admission request; "" takes the pod's own
	OwnerKind string // kind of what made the pod; "" looks at the pod's owner references

	Image           string // of the agent
	Flavor          string // what Image holds: "auto" goes by its name, else "vaultk8s", "vault" or "openbao"
	Binary          string // path of our program in Image
	ImagePullPolicy string // of Image; "" leaves it to the cluster

	VaultAddress     string // required
	VaultCACertBytes string // PEM, or PEM in base64; "" trusts what the image trusts
	VaultNamespace   string
	AuthType         string
	AuthPath         string
	ProxyAddress     string
	AuthMinBackoff   string // a duration; "" leaves it to the agent
	AuthMaxBackoff   string

	RunAsUser          int64
	RunAsGroup         int64
	RunAsSameUser      bool
	SetSecurityContext bool
	SeccompProfile     string // "RuntimeDefault", "Unconfined", "Localhost/FILE" or "" for none

	CPURequest, CPULimit             string // quantities; "" for none
	MemoryRequest, MemoryLimit       string
	EphemeralRequest, EphemeralLimit string

	RevokeOnShutdown           bool
	DefaultTemplate            string // "map" or "json"
	ExitOnRetryFailure         bool
	StaticSecretRenderInterval string  // a duration; "" leaves it to the agent
	MaxConnectionsPerHost      int     // 0 leaves it to the agent
	LeaseRenewalThreshold      float64 // 0 leaves it to the agent
	DisableIdleConnections     string  // words with commas
	DisableKeepAlives          string

	Sidecar         string // "auto", "classic" or "native"
	NativeSidecars  bool   // the cluster has them: Kubernetes 1.29 or newer
	EnvBinary       string // how our program comes into an application's container: "copy" or "image"
	TokenAudience   string // of the token that is added to pods without one; "" for the API server's
	TokenExpiration time.Duration

	// CheckTemplate parses a template and returns an error with line and column;
	// nil checks nothing. It is given from outside, because the template language
	// knows Vault and this package does not.
	CheckTemplate func(text, left, right string) error `json:"-"`
}

// The defaults that other parts of the program need, too.
const (
	DefaultBinary = "/usr/local/bin/vaultk8s"
	// DefaultImage is the image of an agent where nothing else is said; a release
	// has its own version in its place.
	DefaultImage = "vaultk8s/vaultk8s:latest"
)

// DefaultOptions returns what the old injector assumes where no flag is given,
// and the defaults of what it does not have. The address of Vault has none.
func DefaultOptions() Options {
	return Options{
		Image: DefaultImage, Flavor: flavorAuto, Binary: DefaultBinary,
		AuthType: "kubernetes", AuthPath: "auth/kubernetes",
		RunAsUser: 100, RunAsGroup: 1000, SetSecurityContext: true, SeccompProfile: "RuntimeDefault",
		CPURequest: "250m", CPULimit: "500m", MemoryRequest: "64Mi", MemoryLimit: "128Mi",
		DefaultTemplate: templateMap, ExitOnRetryFailure: true,
		Sidecar: sidecarAuto, EnvBinary: binaryCopy, TokenExpiration: time.Hour,
	}
}

// Validate returns what is wrong with the options, all at once, in the words of
// the annotations that they are the defaults of. Inject would refuse every pod
// with the same words.
func (o Options) Validate() error {
	user := int64(1) // whose user RunAsSameUser can take
	pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{SecurityContext: &corev1.SecurityContext{RunAsUser: &user}}}}}
	pod.Namespace = "default"
	pod.Annotations = map[string]string{Prefix + "role": "any"}
	if _, _, err := parse(pod, &o); err != nil {
		return fmt.Errorf("defaults of the injector: %w", err)
	}
	return nil
}

// namespace returns the namespace that the pod will live in.
func (o *Options) namespace(podNamespace string) string {
	if o.Namespace != "" {
		return o.Namespace
	}
	return podNamespace
}
