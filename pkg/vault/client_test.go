package vault

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// canary marks secret values: it must not be in any error.
const canary = "canary-93bd"

// newClient makes a client that must be valid, and closes it with the test.
func newClient(t *testing.T, c config.Vault, o ...Option) *Client {
	t.Helper()
	client, err := NewClient(c, o...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// serve starts a server on loopback, and returns a client of it.
func serve(t *testing.T, handler http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return newClient(t, config.Vault{Address: server.URL})
}

// roundTrip is a transport made of one function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// reply makes an answer.
func reply(r *http.Request, status int, header http.Header, body string) *http.Response {
	if header == nil {
		header = http.Header{"Content-Type": {"application/json"}}
	}
	return &http.Response{
		StatusCode: status, Header: header, Request: r, ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

// inProcess makes a client of a function.
func inProcess(t *testing.T, f roundTrip, o ...Option) *Client {
	t.Helper()
	return newClient(t, config.Vault{Address: "http://vault:8200"}, append(o, WithTransport(f))...)
}

// failure returns the classified error, and nothing else will do.
func failure(t *testing.T, err error) *Error {
	t.Helper()
	failed, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("error = %v, want an *Error", err)
	}
	if strings.Contains(failed.Error(), canary) {
		t.Errorf("the error shows a secret: %v", failed)
	}
	return failed
}

func read(t *testing.T, c *Client, path string) (*Response, error) {
	t.Helper()
	return c.Do(t.Context(), sensitive.New("hvs."+canary), "", Request{Method: http.MethodGet, Path: path})
}

func TestDoSends(t *testing.T) {
	cases := map[string]struct {
		config    config.Vault
		token     string
		namespace string
		request   Request
		want      string // method and URI
		headers   map[string]string
		body      string
	}{
		"read": {
			token:   "t1",
			request: Request{Method: "GET", Path: "secret/data/app", Query: url.Values{"version": {"3"}}},
			want:    "GET /v1/secret/data/app?version=3",
			headers: map[string]string{"X-Vault-Token": "t1", "X-Vault-Request": "true", "User-Agent": "vaultk8s/1.2.3", "X-Vault-Namespace": "", "X-Vault-Wrap-Ttl": ""},
		},
		"list": {
			request: Request{Method: "LIST", Path: "secret/metadata/app"},
			want:    "GET /v1/secret/metadata/app?list=true",
			headers: map[string]string{"X-Vault-Token": ""},
		},
		"write": {
			request: Request{Method: "PUT", Path: "/pki/issue/web", Body: map[string]any{"common_name": "a.b"}},
			want:    "PUT /v1/pki/issue/web",
			body:    `{"common_name":"a.b"}`,
		},
		"odd characters": {
			request: Request{Method: "GET", Path: "secret/data/a b?c#d%e"},
			want:    "GET /v1/secret/data/a%20b%3Fc%23d%25e",
		},
		"path below a prefix": {
			config:  config.Vault{Address: "/prefix/"},
			request: Request{Method: "GET", Path: "sys/health"},
			want:    "GET /prefix/v1/sys/health",
		},
		"wrapped, namespace of the connection": {
			config:  config.Vault{Namespace: "team"},
			request: Request{Method: "PUT", Path: "a", WrapTTL: 1500 * time.Millisecond},
			want:    "PUT /v1/a",
			headers: map[string]string{"X-Vault-Wrap-Ttl": "2s", "X-Vault-Namespace": "team"},
		},
		"namespace of the request": {
			config: config.Vault{Namespace: "team"}, namespace: "other",
			request: Request{Method: "GET", Path: "a"},
			want:    "GET /v1/a",
			headers: map[string]string{"X-Vault-Namespace": "other"},
		},
		"extra headers": {
			config:  config.Vault{Headers: []config.Header{{Name: "x-team", Value: "a"}, {Name: "User-Agent", Value: "own"}}},
			request: Request{Method: "GET", Path: "a"},
			want:    "GET /v1/a",
			headers: map[string]string{"X-Team": "a", "User-Agent": "own"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var line, body string
			var headers http.Header
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				content, _ := io.ReadAll(r.Body)
				line, headers, body = r.Method+" "+r.RequestURI, r.Header, string(content)
			}))
			defer server.Close()
			tc.config.Address = server.URL + tc.config.Address
			c := newClient(t, tc.config, WithVersion("1.2.3"))
			if _, err := c.Do(t.Context(), sensitive.New(tc.token), tc.namespace, tc.request); err != nil {
				t.Fatal(err)
			}
			if line != tc.want || body != tc.body {
				t.Errorf("sent %q with %q, want %q with %q", line, body, tc.want, tc.body)
			}
			for header, want := range tc.headers {
				if got := headers.Get(header); got != want {
					t.Errorf("header %s = %q, want %q", header, got, want)
				}
			}
		})
	}
}

func TestEnvironmentDoesNotCount(t *testing.T) {
	for name, value := range map[string]string{
		"VAULT_ADDR": "http://127.0.0.1:1", "VAULT_AGENT_ADDR": "http://127.0.0.1:1", "VAULT_TOKEN": "env", "VAULT_NAMESPACE": "env",
		"VAULT_HEADERS": `{"X-Env":"1"}`, "VAULT_WRAP_TTL": "5m", "VAULT_MAX_RETRIES": "9", "VAULT_CLIENT_TIMEOUT": "1ns",
		"VAULT_RATE_LIMIT": "0.001:1", "VAULT_PROXY_ADDR": "http://127.0.0.1:1", "VAULT_DISABLE_REDIRECTS": "true",
	} {
		t.Setenv(name, value)
	}
	calls := 0
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		calls++
		for _, name := range []string{"X-Vault-Token", "X-Vault-Namespace", "X-Vault-Wrap-Ttl", "X-Env"} {
			if got := r.Header.Get(name); got != "" {
				t.Errorf("header %s = %q", name, got)
			}
		}
		http.Error(w, `{"errors":["broken"]}`, http.StatusBadGateway)
	})
	_, err := c.Do(t.Context(), sensitive.String{}, "", Request{Method: "PUT", Path: "sys/wrapping/wrap"})
	if failed := failure(t, err); failed.Kind != Unavailable || calls != 1 {
		t.Errorf("kind %v after %d calls, want one call", failed.Kind, calls)
	}
}

func TestDoDecodes(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"request_id":"r1","lease_id":"database/creds/app/x","lease_duration":3600,"renewable":true,
			"data":{"n":12345678901234567890,"t":"v"},"warnings":["old"],
			"auth":{"client_token":"hvs.x","accessor":"a","policies":["p"],"metadata":{"k":"v"},"lease_duration":60,"renewable":true,"token_type":"service"},
			"wrap_info":{"token":"w","accessor":"wa","ttl":300,"creation_time":"2026-01-02T03:04:05Z","creation_path":"c","wrapped_accessor":"wwa"},"mount_type":"database"}`)
	})
	got, err := read(t, c, "database/creds/app")
	if err != nil {
		t.Fatal(err)
	}
	if got.Received.IsZero() || time.Since(got.Received) > time.Minute {
		t.Errorf("received at %v", got.Received)
	}
	got.Received = time.Time{}
	want := &Response{
		RequestID: "r1", LeaseID: "database/creds/app/x", LeaseDuration: time.Hour, Renewable: true, Warnings: []string{"old"}, MountType: "database",
		Data: sensitive.NewData(map[string]any{"n": json.Number("12345678901234567890"), "t": "v"}),
		Auth: &auth.Token{
			Value: sensitive.New("hvs.x"), Accessor: "a", TTL: time.Minute, Renewable: true,
			Policies: []string{"p"}, Metadata: map[string]string{"k": "v"},
		},
		WrapInfo: &WrapInfo{
			Token: sensitive.New("w"), Accessor: "wa", TTL: 5 * time.Minute, CreationPath: "c", WrappedAccessor: "wwa",
			CreationTime: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		},
	}
	if diff := cmp.Diff(want, got, revealed()); diff != "" {
		t.Errorf("response (-want +got):\n%s", diff)
	}
}

// revealed compares secrets by their values.
func revealed() cmp.Options {
	return cmp.Options{
		cmp.Comparer(func(a, b sensitive.String) bool { return a.Reveal() == b.Reveal() }),
		cmp.Transformer("reveal", func(d sensitive.Data) map[string]any { return d.Reveal() }),
	}
}

func TestExchanger(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Vault-Namespace") != "team" || r.Header.Get("X-Vault-Token") != "" {
			t.Errorf("headers %v", r.Header)
		}
		if r.URL.Path != "/v1/auth/kubernetes/login" {
			http.Error(w, `{"errors":["permission denied"]}`, http.StatusForbidden)
			return
		}
		_, _ = io.WriteString(w, `{"auth":{"client_token":"hvs.x","token_type":"service"},"data":null}`)
	})
	x := c.Exchanger("team")
	secret, err := x.Exchange(t.Context(), auth.Request{Method: "PUT", Path: "auth/kubernetes/login", Body: map[string]any{"jwt": canary}})
	if err != nil || secret.Auth == nil || secret.Auth.ClientToken != "hvs.x" {
		t.Errorf("Exchange() = %v, %v", secret, err)
	}
	_, err = x.Exchange(t.Context(), auth.Request{Method: "PUT", Path: "auth/other/login"})
	if failed := failure(t, err); failed.Kind != Denied {
		t.Errorf("kind = %v", failed.Kind)
	}
}

func TestNewClientRefuses(t *testing.T) {
	cases := map[string]struct {
		config config.Vault
		want   string
	}{
		"no address": {want: "the address of Vault is required"},
		"no URL":     {config: config.Vault{Address: "http://u:" + canary + "@h:port"}, want: "the address of Vault is not a URL"},
		"no scheme":  {config: config.Vault{Address: "vault:8200"}, want: `the address of Vault must start with http://, https:// or unix:///, not "vault:8200"`},
		"no host":    {config: config.Vault{Address: "https:///x"}, want: `the address of Vault must start with http://, https:// or unix:///, not "https:///x"`},
		"ftp, with a password": {
			config: config.Vault{Address: "ftp://u:" + canary + "@h"},
			want:   `the address of Vault must start with http://, https:// or unix:///, not "ftp://u:xxxxx@h"`,
		},
		"proxy without a host": {config: config.Vault{Address: "http://h", ProxyAddress: "proxy:3128"}, want: `the address of the proxy "proxy:3128" names no host`},
		"proxy no URL":         {config: config.Vault{Address: "http://h", ProxyAddress: "http://[" + canary}, want: "the address of the proxy is not a URL"},
		"all at once": {
			config: config.Vault{
				Headers: []config.Header{{Name: "x-vault-token", Value: canary}, {Value: "x"}},
				CACert:  "/nonexistent/ca", CAPath: "/nonexistent/dir", CACertBytes: "x", ClientKey: "/nonexistent/key",
			},
			want: "the address of Vault is required\n" +
				"the header \"x-vault-token\" belongs to single requests and cannot be set for all\n" +
				"an extra header has no name\n" +
				"read the CA certificate: open /nonexistent/ca: no such file or directory\n" +
				"read the CA directory: open /nonexistent/dir: no such file or directory\n" +
				"the given CA text holds no PEM certificate\n" +
				"the client key \"/nonexistent/key\" needs a client certificate",
		},
		"certificate without a key": {
			config: config.Vault{Address: "http://h", ClientCert: "/nonexistent/cert"},
			want:   `the client certificate "/nonexistent/cert" needs a client key`,
		},
		"missing pair": {
			config: config.Vault{Address: "http://h", ClientCert: "/nonexistent/cert", ClientKey: "/nonexistent/key"},
			want: "read the client certificate: stat /nonexistent/cert: no such file or directory\n" +
				"stat /nonexistent/key: no such file or directory",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := NewClient(tc.config)
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(tc.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUnreadableEnvironment(t *testing.T) {
	t.Setenv("VAULT_CLIENT_TIMEOUT", "soon")
	_, err := NewClient(config.Vault{Address: "http://h"})
	if err == nil || !strings.HasPrefix(err.Error(), "make the Vault client, which reads the VAULT_ variables of the environment: ") {
		t.Errorf("error = %v", err)
	}
}

func TestUnixSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "vault.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"data":{"k":"v"}}`)
	})}}
	server.Start()
	defer server.Close()
	c := newClient(t, config.Vault{Address: "unix://" + socket})
	got, err := read(t, c, "secret/app")
	if err != nil || got.Data.Reveal()["k"] != "v" {
		t.Errorf("response %v, error %v", got, err)
	}
	missing := newClient(t, config.Vault{Address: "unix:///nonexistent/s"})
	_, err = read(t, missing, "a")
	want := "GET unix:///nonexistent/s/v1/a: unavailable: dial unix /nonexistent/s: connect: no such file or directory" +
		"; hint: the socket does not exist; check the address, and that its server runs"
	if diff := cmp.Diff(want, failure(t, err).Error()); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

func TestAddressIsShownWithoutPassword(t *testing.T) {
	c := newClient(t, config.Vault{Address: " https://u:" + canary + "@Vault.Example:8200/ "})
	if got := c.Address(); got != "https://vault.example:8200" {
		t.Errorf("Address() = %q", got)
	}
}

func TestRedirects(t *testing.T) {
	var target string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1/once":
			http.Redirect(w, r, "/v1/active", http.StatusTemporaryRedirect)
		case "/v1/active":
			body, _ := io.ReadAll(r.Body)
			target = r.Header.Get("X-Vault-Token") + " " + string(body)
		default:
			http.Redirect(w, r, "/v1/ever", http.StatusTemporaryRedirect)
		}
	})
	_, err := c.Do(t.Context(), sensitive.New("t1"), "", Request{Method: "PUT", Path: "once", Body: map[string]any{"a": 1}})
	if err != nil || target != `t1 {"a":1}` {
		t.Errorf("the active node got %q, error %v", target, err)
	}
	_, err = read(t, c, "ever")
	want := "GET " + c.Address() + "/v1/ever: unavailable (HTTP 307): redirected more than once; hint: " + hintNotVault
	if diff := cmp.Diff(want, failure(t, err).Error()); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

func TestBodiesThatAreNotVaults(t *testing.T) {
	secret := "<p>" + canary + "</p>"
	cases := map[string]struct {
		body string
		want string
	}{
		"page":        {body: secret, want: "unavailable (HTTP 200): the answer is not what Vault sends; hint: " + hintNotVault},
		"list":        {body: `["` + canary + `"]`, want: "unavailable (HTTP 200): the answer is not what Vault sends; hint: " + hintNotVault},
		"two objects": {body: `{"data":{}} {}`, want: "unavailable (HTTP 200): the answer is not what Vault sends; hint: " + hintNotVault},
		"too large":   {body: `{"data":"` + strings.Repeat("x", maxAnswer) + `"}`, want: "permanent: the answer is larger than 32 MiB"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := inProcess(t, func(r *http.Request) (*http.Response, error) { return reply(r, 200, nil, tc.body), nil })
			_, err := read(t, c, "a")
			if diff := cmp.Diff("GET http://vault:8200/v1/a: "+tc.want, failure(t, err).Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLargestBody(t *testing.T) {
	frame := `{"data":{"k":""}}`
	c := inProcess(t, func(r *http.Request) (*http.Response, error) {
		return reply(r, 200, nil, `{"data":{"k":"`+strings.Repeat("x", maxAnswer-len(frame))+`"}}`), nil
	})
	if _, err := read(t, c, "a"); err != nil {
		t.Error(err)
	}
}

func TestBodyThatCannotBeWritten(t *testing.T) {
	c := inProcess(t, func(*http.Request) (*http.Response, error) {
		t.Error("it was sent")
		return nil, io.ErrUnexpectedEOF
	})
	_, err := c.Do(t.Context(), sensitive.String{}, "", Request{Method: "PUT", Path: "a", Body: map[string]any{"f": func() {}}})
	want := "PUT http://vault:8200/v1/a: permanent: the parameters cannot be written as JSON"
	if got := failure(t, err).Error(); got != want {
		t.Errorf("error = %s", got)
	}
}

func TestTimeoutAndCancel(t *testing.T) {
	block := func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	c := newClient(t, config.Vault{Address: "http://vault:8200", Timeout: time.Millisecond}, WithTransport(roundTrip(block)))
	_, err := read(t, c, "a")
	want := "GET http://vault:8200/v1/a: unavailable: context deadline exceeded; hint: no answer in time; a network policy or firewall may drop the connection, or Vault is overloaded"
	if diff := cmp.Diff(want, failure(t, err).Error()); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = inProcess(t, block).Do(ctx, sensitive.String{}, "", Request{Method: "GET", Path: "a"})
	if failed := failure(t, err); !errors.Is(err, context.Canceled) || failed.Hint != "" {
		t.Errorf("error = %v", err)
	}
}
