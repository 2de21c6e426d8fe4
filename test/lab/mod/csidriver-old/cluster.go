package main

import (
	"context"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	secretsv1 "sigs.k8s.io/secrets-store-csi-driver/apis/v1"
	"sigs.k8s.io/secrets-store-csi-driver/controllers"
	"sigs.k8s.io/secrets-store-csi-driver/pkg/k8s"
	"sigs.k8s.io/secrets-store-csi-driver/pkg/rotation"
	secretsstore "sigs.k8s.io/secrets-store-csi-driver/pkg/secrets-store"
)

// inCluster arranges the parts of the driver as its own program does: the cache that
// sees the pods, states and Secrets of one node, the controller that makes Secrets
// of files, the tokens that the driver makes itself, and the reconciler that
// rotates. They work until ctx ends.
func inCluster(ctx context.Context, kubeconfig string, interval time.Duration, providers *secretsstore.PluginClientBuilder) (*parts, error) {
	// The reconciler finds its API server by this variable and in no other way.
	if err := os.Setenv("KUBECONFIG", kubeconfig); err != nil {
		return nil, err
	}
	m, err := newManager()
	if err != nil {
		return nil, err
	}
	secrets, err := controllers.New(driverName, m, nodeName)
	if err != nil {
		return nil, err
	}
	if err := secrets.SetupWithManager(m); err != nil {
		return nil, err
	}
	cluster, err := kubernetes.NewForConfig(m.GetConfig())
	if err != nil {
		return nil, err
	}
	tokens := k8s.NewTokenClient(cluster, driverName, 10*time.Minute)
	rotate, err := rotation.NewReconciler(driverName, m.GetCache(), m.GetScheme(), interval, providers, tokens)
	if err != nil {
		return nil, err
	}
	go func() { quit(m.Start(ctx)) }()
	go secrets.RunPatcher(ctx)
	if err := tokens.Run(ctx.Done()); err != nil {
		return nil, err
	}
	go rotate.Run(ctx.Done())
	return &parts{client: m.GetClient(), reader: m.GetAPIReader(), tokens: tokens}, nil
}

func newManager() (manager.Manager, error) {
	config, err := ctrl.GetConfig()
	if err != nil {
		return nil, err
	}
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return nil, err
	}
	if err := secretsv1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	return ctrl.NewManager(config, ctrl.Options{
		Scheme: scheme, MetricsBindAddress: "0",
		NewCache: cache.BuilderWithOptions(cache.Options{SelectorsByObject: cache.SelectorsByObject{
			&corev1.Pod{}: {Field: fields.OneTermEqualSelector("spec.nodeName", nodeName)},
			&secretsv1.SecretProviderClassPodStatus{}: {
				Label: labels.SelectorFromSet(labels.Set{secretsv1.InternalNodeLabel: nodeName}),
			},
			&corev1.Secret{}: {Label: labels.SelectorFromSet(labels.Set{controllers.SecretManagedLabel: "true"})},
		}}),
	})
}
