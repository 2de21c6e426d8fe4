package operator

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// metadataClient reads the metadata of objects from the cache. A client that is told
// to leave a kind out of the cache would ask the API server for its metadata, too.
type metadataClient struct {
	client.Client
	cached client.Reader
}

// withMetadata makes a client read metadata from the cache. It is for the kinds whose
// metadata is watched, which are Secrets.
func (c *cluster) withMetadata(live client.Client) client.Client {
	return &metadataClient{Client: live, cached: c.whole()}
}

// Get implements client.Reader.
func (c *metadataClient) Get(ctx context.Context, key client.ObjectKey, into client.Object, o ...client.GetOption) error {
	if _, only := into.(*metav1.PartialObjectMetadata); only {
		return c.cached.Get(ctx, key, into, o...)
	}
	return c.Client.Get(ctx, key, into, o...)
}

// List implements client.Reader.
func (c *metadataClient) List(ctx context.Context, into client.ObjectList, o ...client.ListOption) error {
	if _, only := into.(*metav1.PartialObjectMetadataList); only {
		return c.cached.List(ctx, into, o...)
	}
	return c.Client.List(ctx, into, o...)
}
