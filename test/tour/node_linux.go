package main

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

// startNode starts a cluster with a node.
func startNode(ctx context.Context) (node, error) {
	c, err := lab.StartCluster(ctx)
	if err != nil {
		return node{}, err
	}
	furnish := func(ctx context.Context, images ...lab.Image) error {
		tasks, both := errgroup.WithContext(ctx)
		tasks.Go(func() error { return c.InstallSecretsStore(both) })
		tasks.Go(func() error {
			for _, i := range images {
				if err := c.LoadImage(both, i); err != nil {
					return err
				}
			}
			return nil
		})
		return tasks.Wait()
	}
	return node{Kubernetes: c.Kubernetes, expose: c.Expose, furnish: furnish, stop: c.Stop}, nil
}
