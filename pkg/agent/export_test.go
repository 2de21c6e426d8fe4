package agent

import (
	"context"
	"net/http"

	"github.com/vaultk8s/vaultk8s/pkg/proxy"
)

// WithProxy makes an agent whose proxy, with a cache and the agent's token, is
// asked directly. A listener would wait on a socket, and while something does,
// virtual time stands still.
func WithProxy(o Options) (run func(context.Context) error, handler http.Handler, err error) {
	a, err := newAgent(o)
	if err != nil {
		return nil, nil, err
	}
	g := a.newGate(gateSpec{upstream: "the same Vault", useToken: "true", cache: true}, &plan{})
	return a.run, g.proxy.Handler(proxy.ListenerOptions{}), nil
}
