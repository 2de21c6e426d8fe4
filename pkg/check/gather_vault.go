package check

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// vaultTime bounds each request to Vault.
const vaultTime = 15 * time.Second

func gatherVault(ctx context.Context, o Options, f *Facts) {
	said := o.Vault.Address != ""
	if !said {
		o.Vault.Address = addressOf(&f.Cluster)
	}
	if f.Vault.Address = o.Vault.Address; f.Vault.Address == "" {
		f.Vault.Skipped = "nobody names its address"
		return
	}
	o.Vault.Timeout, o.Vault.MaxRetries = vaultTime, -1
	client, err := vault.NewClient(o.Vault, vault.WithVersion(o.Version))
	if err != nil {
		f.Vault.Err = err
		return
	}
	defer client.Close()
	f.Vault.health(ctx, client, o)
	if _, unknown := errors.AsType[*net.DNSError](f.Vault.Err); unknown && !said {
		f.Vault.Skipped = fmt.Sprintf("its address %s is known within the cluster only", f.Vault.Address)
	}
	if !f.Vault.asked() || f.Vault.Sealed || o.Account == "" || o.Client == nil {
		return
	}
	f.Vault.Login = login(ctx, o, client)
	f.Vault.Mount = mountOf(ctx, o, client)
}

// addressOf takes the address that one of our programs is started with.
func addressOf(c *Cluster) string {
	for _, w := range c.ours("") {
		for _, flag := range []string{"vault-address", "vault-addr", "address"} {
			address, _ := w.Setting(flag, "AGENT_INJECT_VAULT_ADDR", "VAULT_ADDR", "VAULTK8S_VAULT_ADDRESS")
			if strings.HasPrefix(address, "http") {
				return address
			}
		}
	}
	for _, o := range c.Objects {
		if address, _ := o.Spec["address"].(string); o.Kind == "VaultConnection" && address != "" {
			return address
		}
	}
	return ""
}

// health asks Vault for its state, which it tells everybody.
func (v *Vault) health(ctx context.Context, client *vault.Client, o Options) {
	// Whatever its state is, the answer is 200.
	const path = "/v1/sys/health?standbyok=true&perfstandbyok=true&sealedcode=200&uninitcode=200&drsecondarycode=200"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, path, http.NoBody)
	if err != nil {
		v.Err = err
		return
	}
	asked := time.Now()
	answer, err := client.Forward(ctx, request)
	if err != nil {
		v.Err = err
		return
	}
	defer func() { _ = answer.Body.Close() }()
	v.Skew = skew(answer.Header, asked, time.Now())
	v.safety(answer, o)
	if refused := client.Refusal(answer); refused != nil {
		v.Err = refused
		return
	}
	var health struct {
		Initialized, Sealed, Standby bool
		Version                      string
	}
	if json.NewDecoder(io.LimitReader(answer.Body, 1<<20)).Decode(&health) != nil || health.Version == "" {
		v.Err = errors.New("its answer is not Vault's: the address may be that of a proxy, an ingress or another service")
		return
	}
	v.Ready, v.Sealed, v.Standby, v.Version = health.Initialized, health.Sealed, health.Standby, health.Version
}

// safety tells whether anybody could listen or answer in Vault's place.
func (v *Vault) safety(answer *http.Response, o Options) {
	switch {
	case strings.HasPrefix(o.Vault.Address, "unix:"):
	case answer.TLS == nil:
		v.Insecure = "it has no TLS"
	case o.Vault.TLSSkipVerify:
		v.Insecure = "its certificate is not verified"
	default:
		shown := answer.TLS.PeerCertificates[0]
		v.CertBegin, v.CertEnd = shown.NotBefore, shown.NotAfter
	}
}

// login logs in as a workload would, and gives the token back.
func login(ctx context.Context, o Options, client *vault.Client) Login {
	l := Login{Tried: true, Who: o.Account, Role: o.Role, Mount: o.AuthMount, Audience: o.Audience, Interval: o.Interval}
	var jwt sensitive.String
	if jwt, l.JWTErr = tokenOf(ctx, o); l.JWTErr != nil {
		return l
	}
	l.Issuer = issuerOf(jwt)
	method := auth.FromJWT(o.AuthMount, o.Role, func(context.Context) (sensitive.String, error) { return jwt, nil })
	token, err := method.Login(ctx, client.Exchanger(orElse(o.AuthNamespace, o.Vault.Namespace)))
	if l.Err = err; err != nil {
		return l
	}
	l.TTL, l.Renew, l.Policies = token.TTL, token.Renewable, token.Policies
	if !token.Batch {
		// What is not revoked ends by itself.
		_, _ = client.Do(ctx, token.Value, orElse(o.AuthNamespace, o.Vault.Namespace), vault.Request{Method: http.MethodPut, Path: "auth/token/revoke-self"})
	}
	return l
}

// tokenOf asks the API server for a token of the service account, for ten minutes,
// the least that it gives.
func tokenOf(ctx context.Context, o Options) (sensitive.String, error) {
	space, name := cut(o.Account, "/")
	spec := map[string]any{"expirationSeconds": int((10 * time.Minute).Seconds())}
	if o.Audience != "" {
		spec["audiences"] = []string{o.Audience}
	}
	var made struct{ Status struct{ Token string } }
	err := o.Client.Create(ctx, "/api/v1/namespaces/"+space+"/serviceaccounts/"+name+"/token",
		map[string]any{"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}, &made)
	return sensitive.New(made.Status.Token), err
}

// issuerOf reads a claim of a token, which need not be verified for that.
func issuerOf(jwt sensitive.String) string {
	parts := strings.Split(jwt.Reveal(), ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct{ Iss string }
	if err != nil || json.Unmarshal(payload, &claims) != nil {
		return ""
	}
	return claims.Iss
}

// mountOf reads what only an administrator may.
func mountOf(ctx context.Context, o Options, client *vault.Client) Mount {
	if o.Token.Empty() {
		return Mount{}
	}
	read := func(path string) (map[string]any, error) {
		answer, err := client.Do(ctx, o.Token, orElse(o.AuthNamespace, o.Vault.Namespace), vault.Request{Method: http.MethodGet, Path: path})
		if err != nil {
			return nil, err
		}
		return answer.Data.Reveal(), nil
	}
	mount := strings.Trim(o.AuthMount, "/")
	role, err := read(mount + "/role/" + o.Role)
	if kind := (*vault.Error)(nil); errors.As(err, &kind) && (kind.Kind == vault.Denied || kind.Kind == vault.InvalidToken) {
		return Mount{} // the token is not an administrator's
	}
	m := Mount{Read: true, RoleErr: err}
	m.Namespaces, m.Accounts = texts(role["bound_service_account_namespaces"]), texts(role["bound_service_account_names"])
	m.Audience, _ = role["audience"].(string)
	if settings, err := read(mount + "/config"); err == nil {
		if lax, _ := settings["disable_iss_validation"].(bool); !lax {
			m.Issuer, _ = settings["issuer"].(string)
		}
	}
	return m
}

func texts(list any) []string {
	all, _ := list.([]any)
	var found []string
	for _, one := range all {
		if text, is := one.(string); is {
			found = append(found, text)
		}
	}
	return found
}
