package operator

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/flowcontrol"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/shard"
)

// cluster is the way to the API server, and the cache that all shards share.
type cluster struct {
	rest    *rest.Config
	http    *http.Client
	scheme  *runtime.Scheme
	mapper  meta.RESTMapper
	cache   cache.Cache
	live    client.Client // asks the API server for everything
	indexes shard.Indexes
	watched []string // namespaces; nil: all
}

// managedBy selects the Secrets that are watched: those that an operator, this one
// or the old one, has made.
func managedBy() labels.Selector {
	return labels.SelectorFromSet(labels.Set{"app.kubernetes.io/managed-by": "hashicorp-vso"})
}

// connect reaches the API server. o is complete.
func connect(o config.Operator, given *rest.Config, version string) (*cluster, config.Operator, error) {
	at, namespace, err := address(o, given)
	if err != nil {
		return nil, o, fmt.Errorf("find the API server: %w", err)
	}
	if o.Namespace == "" {
		o.Namespace = namespace
	}
	c := &cluster{rest: bounded(at, o), scheme: runtime.NewScheme()}
	c.rest.UserAgent = "vaultk8s-operator/" + version
	for _, add := range []func(*runtime.Scheme) error{v1beta1.AddToScheme, corev1.AddToScheme, appsv1.AddToScheme, batchv1.AddToScheme, coordinationv1.AddToScheme} {
		err = errors.Join(err, add(c.scheme))
	}
	if err != nil {
		return nil, o, err
	}
	if c.http, err = rest.HTTPClientFor(c.rest); err != nil {
		return nil, o, err
	}
	if c.mapper, err = apiutil.NewDynamicRESTMapper(c.rest, c.http); err != nil {
		return nil, o, err
	}
	if c.live, err = client.New(c.rest, client.Options{HTTPClient: c.http, Scheme: c.scheme, Mapper: c.mapper}); err != nil {
		return nil, o, err
	}
	if o.Namespaces != nil {
		c.watched = append([]string{o.Namespace}, o.Namespaces...)
	}
	c.cache, err = cache.New(c.rest, c.cacheOptions())
	return c, o, err
}

// address finds the API server: as it was given, in the file that was named or in
// that of kubectl, or from what the kubelet tells a pod. The namespace is the one
// of the credentials.
func address(o config.Operator, given *rest.Config) (*rest.Config, string, error) {
	if given != nil {
		return rest.CopyConfig(given), "default", nil
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.Kubeconfig
	found := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{})
	at, err := found.ClientConfig()
	if err != nil {
		return nil, "", err
	}
	namespace, _, err := found.Namespace()
	return at, namespace, err
}

// bounded sets how fast requests may come. Without a bound the API server's own
// fairness counts, which knows what it can bear.
func bounded(at *rest.Config, o config.Operator) *rest.Config {
	at.QPS, at.RateLimiter = -1, nil
	if o.KubeQPS > 0 {
		// One for all clients that are made of the configuration.
		at.RateLimiter = flowcontrol.NewTokenBucketRateLimiter(float32(o.KubeQPS), max(o.KubeBurst, int(o.KubeQPS)+1))
	}
	return at
}

// cacheOptions keep the cache small: no managed fields, and of Secrets only the
// metadata, and only of those that an operator has made.
func (c *cluster) cacheOptions() cache.Options {
	secrets := &metav1.PartialObjectMetadata{}
	secrets.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	o := cache.Options{
		HTTPClient: c.http, Scheme: c.scheme, Mapper: c.mapper,
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject:         map[client.Object]cache.ByObject{secrets: {Label: managedBy()}},
	}
	if c.watched != nil {
		o.DefaultNamespaces = map[string]cache.Config{}
		for _, n := range c.watched {
			o.DefaultNamespaces[n] = cache.Config{}
		}
	}
	return o
}

// uncached are kinds that are read from the API server each time: what is in them is
// nobody's business here for longer than a moment, or they are too many.
func (c *cluster) uncached() []client.Object {
	all := []client.Object{
		&corev1.Secret{}, &corev1.ConfigMap{}, &corev1.ServiceAccount{}, &corev1.Pod{},
		&appsv1.Deployment{}, &appsv1.DaemonSet{}, &appsv1.StatefulSet{}, &appsv1.ReplicaSet{},
		&batchv1.Job{}, &batchv1.CronJob{},
	}
	if c.watched != nil {
		// Roles do not let anybody list namespaces.
		all = append(all, &corev1.Namespace{})
	}
	return all
}

// clientOptions are those of the clients of managers.
func (c *cluster) clientOptions() client.Options {
	return client.Options{HTTPClient: c.http, Scheme: c.scheme, Mapper: c.mapper, Cache: &client.CacheOptions{DisableFor: c.uncached()}}
}

// reader returns a client that reads from the cache.
func (c *cluster) reader() (client.Client, error) {
	o := c.clientOptions()
	o.Cache.Reader = c.whole()
	return client.New(c.rest, o)
}

// whole shows everything in the cache.
func (c *cluster) whole() client.Reader {
	return shard.NewView(c.cache, shard.ViewOptions{Scheme: c.scheme, Watched: c.watched})
}

// divided are the kinds whose objects belong to shards.
func divided() []schema.GroupKind {
	out := []schema.GroupKind{{Kind: "Secret"}}
	for _, kind := range []string{"VaultStaticSecret", "VaultDynamicSecret", "VaultPKISecret", "VaultPushSecret"} {
		out = append(out, v1beta1.Kind(kind).GroupKind())
	}
	return out
}

// view is the cache as the reconcilers of one shard see it.
func (c *cluster) view(owns func(string) bool) *shard.View {
	return shard.NewView(c.cache, shard.ViewOptions{Scheme: c.scheme, Kinds: divided(), Owns: owns, Watched: c.watched, Indexes: &c.indexes})
}

// serves tells whether the API server knows a kind. The error is any other trouble.
func (c *cluster) serves(kind string) (bool, error) {
	gvk := v1beta1.Kind(kind)
	_, err := c.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if meta.IsNoMatchError(err) {
		return false, nil
	}
	return err == nil, err
}

// required and optional are the kinds; of the latter the old operator has none but
// CSISecrets, so that they may be missing where only its definitions are installed.
func required() []string {
	return []string{"VaultConnection", "VaultAuth", "VaultAuthGlobal", "SecretTransformation", "VaultStaticSecret", "VaultDynamicSecret", "VaultPKISecret"}
}

const (
	kindCSI     = "CSISecrets"
	kindPush    = "VaultPushSecret"
	kindCluster = "ClusterVaultSecret"
)

// missing returns which required kinds are not installed.
func (c *cluster) missing() ([]string, error) {
	var out []string
	for _, kind := range required() {
		ok, err := c.serves(kind)
		if err != nil {
			return nil, err
		}
		if !ok {
			out = append(out, kind)
		}
	}
	return out, nil
}

// warm begins to fill the cache with everything that the reconcilers read.
func (c *cluster) warm(ctx context.Context, optional []string) error {
	secrets := &metav1.PartialObjectMetadata{}
	secrets.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	if _, err := c.cache.GetInformer(ctx, secrets, cache.BlockUntilSynced(false)); err != nil {
		return err
	}
	for _, kind := range append(required(), optional...) {
		if _, err := c.cache.GetInformerForKind(ctx, v1beta1.Kind(kind), cache.BlockUntilSynced(false)); err != nil {
			return err
		}
	}
	return nil
}
