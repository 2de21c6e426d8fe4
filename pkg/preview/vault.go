package preview

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// ConnectOptions says how a preview reaches Vault.
type ConnectOptions struct {
	Config      *config.Config    // the sections Vault and, without a token, Auth
	Token       sensitive.String  // empty: log in with Config.Auth
	AllowWrites bool              // answer queries that write or issue certificates
	Version     string            // of this program, for the user agent
	Transport   http.RoundTripper // in place of the network; nil: the network
}

// Vault is a connection to a live Vault for one preview. It asks each thing once
// and does not repeat what failed. It is a [Source]. Only one goroutine may use it.
type Vault struct {
	client      *vault.Client
	mounts      vault.Mounts
	namespace   string
	token       sensitive.String
	loggedIn    bool // the token is ours to revoke
	allowWrites bool
	issued      []issue
}

// issue is something that lives in Vault only because of the preview.
type issue struct {
	name    string
	request vault.Request // that revokes it
}

// Connect makes a connection and, without a token, logs in. The caller ends it
// with [Vault.Close].
func Connect(ctx context.Context, o ConnectOptions) (*Vault, error) {
	options := []vault.Option{vault.WithVersion(o.Version)}
	if o.Transport != nil {
		options = append(options, vault.WithTransport(o.Transport))
	}
	client, err := vault.NewClient(o.Config.Vault, options...)
	if err != nil {
		return nil, err
	}
	v := &Vault{client: client, namespace: o.Config.Vault.Namespace, token: o.Token, allowWrites: o.AllowWrites}
	if !o.Token.Empty() {
		return v, nil
	}
	if err := v.login(ctx, o.Config.Auth); err != nil {
		client.Close()
		return nil, err
	}
	return v, nil
}

func (v *Vault) login(ctx context.Context, c config.Auth) error {
	c.Options = kept(c.Options)
	method, err := auth.New(c)
	if err != nil {
		return err
	}
	namespace := c.Namespace
	if namespace == "" {
		namespace = v.namespace
	}
	token, err := method.Login(ctx, v.client.Exchanger(namespace))
	if err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	if v.namespace == "" {
		v.namespace = namespace
	}
	// The token of a file is somebody else's.
	v.token, v.loggedIn = token.Value, c.Method != "token_file"
	return nil
}

// kept has the credentials left where they are: to remove them is for the program
// that the preview is about.
func kept(options map[string]string) map[string]string {
	all := map[string]string{}
	maps.Copy(all, options)
	for _, name := range []string{"remove_secret_id_file_after_reading", "remove_jwt_after_reading", "remove_password_after_reading"} {
		all[name] = "false"
	}
	return all
}

// Do sends one request with the connection's token.
func (v *Vault) Do(ctx context.Context, r vault.Request) (*vault.Response, error) {
	send := func(ctx context.Context, r vault.Request) (*vault.Response, error) {
		return v.client.Do(ctx, v.token, v.namespace, r)
	}
	if r.KV {
		return v.mounts.Send(ctx, send, r)
	}
	return send(ctx, r)
}

// Fetch implements [Source].
func (v *Vault) Fetch(ctx context.Context, q secret.Query) (*secret.Response, error) {
	if (q.Op == secret.Write || q.Op == secret.PKI) && !v.allowWrites {
		return nil, fmt.Errorf("%v would write to Vault: allow that with --allow-writes", q)
	}
	response, err := v.Do(ctx, q.Request())
	if err != nil {
		return nil, err
	}
	v.note(response)
	return response, nil
}

// note keeps what has to be revoked at the end.
func (v *Vault) note(r *vault.Response) {
	if r.LeaseID != "" {
		v.issued = append(v.issued, issue{name: "lease " + r.LeaseID, request: revocation("sys/leases/revoke", "lease_id", r.LeaseID)})
	}
	if r.Auth != nil && r.Auth.Accessor != "" {
		v.issued = append(v.issued, issue{
			name: "token with accessor " + r.Auth.Accessor, request: revocation("auth/token/revoke-accessor", "accessor", r.Auth.Accessor),
		})
	}
}

func revocation(path, name, value string) vault.Request {
	return vault.Request{Method: http.MethodPut, Path: path, Body: map[string]any{name: value}}
}

// closeTimeout bounds the end of a preview, also of one that was interrupted.
const closeTimeout = 10 * time.Second

// Close revokes what the preview made Vault issue: the leases, and the token if
// it comes from a login of this connection. The error names what lives on.
func (v *Vault) Close(ctx context.Context) error {
	defer v.client.Close()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if v.loggedIn {
		// Every lease dies with the token that asked for it.
		v.issued = []issue{{name: "token of this preview", request: vault.Request{Method: http.MethodPut, Path: "auth/token/revoke-self"}}}
	}
	var problems []error
	for _, i := range v.issued {
		if _, err := v.Do(ctx, i.request); err != nil {
			problems = append(problems, fmt.Errorf("revoke the %s: %w", i.name, err))
		}
	}
	return errors.Join(problems...)
}
