package lab

import (
	"context"
	"slices"
	"time"
)

// KillAPIServer ends the API server as a crash would; the other servers run on.
// RestartAPIServer starts it again.
func (k *Kubernetes) KillAPIServer() {
	k.server.kill()
	k.api.close()
}

// RestartAPIServer ends the API server if it runs, and starts it on the same address,
// with what etcd holds. It returns when it is ready.
func (k *Kubernetes) RestartAPIServer(ctx context.Context) error {
	k.KillAPIServer()
	k.processes = slices.DeleteFunc(k.processes, func(p *process) bool { return p == k.server })
	p, err := k.spawn(k.apiserver())
	if err != nil {
		return err
	}
	k.server = p
	return p.await(ctx, 50*time.Millisecond, k.probe("/readyz"))
}
