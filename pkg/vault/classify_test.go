package vault

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

const deniedHint = "; hint: no policy of the token allows this on the path; for KV version 2 both the path and the policy need data/ after the mount"

func TestRefusals(t *testing.T) {
	page := http.Header{"Content-Type": {"text/html"}}
	plain := http.Header{"Content-Type": {"text/plain; charset=utf-8"}}
	cases := map[string]struct {
		path   string // default secret/app
		login  bool
		status int
		header http.Header
		body   string
		kind   Kind
		want   string // after the kind
	}{
		"denied": {
			status: 403, body: `{"errors":["1 error occurred:\n\t* permission denied\n\n"]}`, kind: Denied,
			want: " (HTTP 403): permission denied" + deniedHint,
		},
		"denied below data": {
			path: "secret/data/app", status: 403, body: `{"errors":["permission denied"]}`, kind: Denied,
			want: " (HTTP 403): permission denied; hint: no policy of the token allows this on the path",
		},
		"invalid token": {
			status: 403, body: `{"errors":["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]}`, kind: InvalidToken,
			want: " (HTTP 403): permission denied; invalid token",
		},
		"bad token":     {status: 403, body: `{"errors":["bad token"]}`, kind: InvalidToken, want: " (HTTP 403): bad token"},
		"expired token": {status: 403, body: `{"errors":["Token is expired"]}`, kind: InvalidToken, want: " (HTTP 403): Token is expired"},
		"invalid token of a login": {
			path: "auth/jwt/login", login: true, status: 403, body: `{"errors":["invalid token"]}`, kind: Denied,
			want: " (HTTP 403): invalid token; hint: check the role, what it is bound to (service accounts, namespaces, audience), and that Vault may review tokens",
		},
		"service account": {
			path: "auth/kubernetes/login", login: true, status: 403, body: `{"errors":["service account name not authorized"]}`, kind: Denied,
			want: " (HTTP 403): service account name not authorized; hint: the role's bound_service_account_names does not list this service account",
		},
		"namespace": {
			path: "auth/kubernetes/login", login: true, status: 403, body: `{"errors":["namespace not authorized"]}`, kind: Denied,
			want: " (HTTP 403): namespace not authorized; hint: the role's bound_service_account_namespaces does not list this namespace",
		},
		"role": {
			path: "auth/kubernetes/login", login: true, status: 400, body: `{"errors":["invalid role name \"web\""]}`, kind: Permanent,
			want: ` (HTTP 400): invalid role name "web"; hint: the auth mount has no role of this name; check the role and the path of the auth mount`,
		},
		"audience": {
			path: "auth/jwt/login", login: true, status: 400, body: `{"errors":["error validating token: invalid audience (aud) claim"]}`, kind: Permanent,
			want: " (HTTP 400): error validating token: invalid audience (aud) claim; hint: the token is not made for the audience that the role expects; request it with the role's audience",
		},
		"approle": {
			path: "auth/approle/login", login: true, status: 400, body: `{"errors":["invalid role or secret ID"]}`, kind: Permanent,
			want: " (HTTP 400): invalid role or secret ID; hint: the role id is unknown, or the secret id is expired, used up or bound elsewhere",
		},
		"user unknown": {
			login: true, status: 400, body: `{"errors":["invalid username or password"]}`, kind: Permanent,
			want: " (HTTP 400): invalid username or password; hint: the user name or the password is wrong; check them, and the path of the auth mount",
		},
		"directory away": {
			login: true, status: 500, body: `{"errors":["ldap.(Client).connect: LDAP Result Code 200 \"Network Error\": no route"]}`, kind: Unavailable,
			want: ` (HTTP 500): ldap.(Client).connect: LDAP Result Code 200 "Network Error": no route; hint: Vault does not reach the directory; check the url of the auth mount, and that the directory runs`,
		},
		"no client certificate": {
			login: true, status: 400, body: `{"errors":["client certificate must be supplied"]}`, kind: Permanent,
			want: " (HTTP 400): client certificate must be supplied; hint: name client_cert and client_key, in the method or in the vault block",
		},
		"another client certificate": {
			login: true, status: 400, body: `{"errors":["invalid certificate or no client certificate supplied"]}`, kind: Permanent,
			want: " (HTTP 400): invalid certificate or no client certificate supplied; hint: no role of the auth mount fits the client certificate; check its CA and its names, and the name of the role",
		},
		"wrapping token": {
			path: "sys/wrapping/unwrap", status: 400, body: `{"errors":["wrapping token is not valid or does not exist"]}`, kind: Permanent,
			want: " (HTTP 400): wrapping token is not valid or does not exist; hint: the wrapping token is expired or was unwrapped before, perhaps by someone else; issue a new one",
		},
		"nothing there": {status: 404, body: `{"errors":[]}`, kind: NotFound, want: " (HTTP 404): no secret exists at secret/app"},
		"deleted": {
			path: "secret/data/app", status: 404, kind: NotFound,
			body: `{"request_id":"r","data":{"data":null,"metadata":{"deletion_time":"2026-01-01T00:00:00Z"}}}`,
			want: " (HTTP 404): no secret exists at secret/data/app",
		},
		"missing data segment": {
			status: 404, kind: NotFound, body: `{"request_id":"r","data":null,"warnings":["Invalid path for a versioned K/V secrets engine."]}`,
			want: " (HTTP 404): no secret exists at secret/app; hint: the mount is KV version 2; put data/ (for lists metadata/) after the mount in the path",
		},
		"no mount": {
			status: 404, body: `{"errors":["no handler for route \"secret/app\". route entry not found."]}`, kind: NotFound,
			want: ` (HTTP 404): no handler for route "secret/app". route entry not found.; hint: nothing is mounted there; check the mount's path and the Vault namespace`,
		},
		"sealed":         {status: 503, body: `{"errors":["Vault is sealed"]}`, kind: Sealed, want: " (HTTP 503): Vault is sealed; hint: unseal Vault, or set up its auto-unseal"},
		"uninitialized":  {status: 503, body: `{"errors":["Vault is not initialized"]}`, kind: Sealed, want: " (HTTP 503): Vault is not initialized; hint: initialize Vault with vault operator init"},
		"standby alone":  {status: 500, body: `{"errors":["local node not active but active cluster node not found"]}`, kind: Sealed, want: " (HTTP 500): local node not active but active cluster node not found; hint: Vault has no unsealed active node; unseal it and look at its log"},
		"overloaded":     {status: 503, body: `{"errors":["overloaded"]}`, kind: Unavailable, want: " (HTTP 503): overloaded"},
		"quota":          {status: 429, body: `{"errors":["request path \"x\": rate limit quota exceeded"]}`, kind: RateLimited, want: ` (HTTP 429): request path "x": rate limit quota exceeded`},
		"not replicated": {status: 412, body: `{"errors":["required index state not present"]}`, kind: Unavailable, want: " (HTTP 412): required index state not present"},
		"internal":       {status: 500, body: `{"errors":["internal error"]}`, kind: Unavailable, want: " (HTTP 500): internal error"},
		"token at its end": {
			status: 500, body: `{"errors":["past the max TTL, cannot renew"]}`, kind: Permanent, want: " (HTTP 500): past the max TTL, cannot renew",
		},
		"lease gone":   {status: 400, body: `{"errors":["lease not found"]}`, kind: NotFound, want: " (HTTP 400): lease not found"},
		"lease going":  {status: 400, body: `{"errors":["1 error occurred:\n\t* lease expired\n\n"]}`, kind: NotFound, want: " (HTTP 400): lease expired"},
		"no such call": {status: 501, body: `{"errors":["not implemented"]}`, kind: Permanent, want: " (HTTP 501): not implemented"},
		"bad request":  {status: 400, body: `{"errors":["missing role","missing role","missing jwt"]}`, kind: Permanent, want: " (HTTP 400): missing role; missing jwt"},
		"unsupported": {
			status: 405, body: `{"errors":["1 error occurred:\n\t* unsupported operation\n\n"]}`, kind: Permanent,
			want: " (HTTP 405): unsupported operation",
		},
		"no message": {status: 418, kind: Permanent, header: plain, want: " (HTTP 418); hint: " + hintNotVault},
		"page of a proxy": {
			status: 502, header: page, body: "<h1>" + canary + "</h1>", kind: Unavailable,
			want: ` (HTTP 502): the answer is not what Vault sends (content type "text/html"); hint: ` + hintNotVault,
		},
		"text of a proxy": {status: 504, header: plain, body: "no upstream\n", kind: Unavailable, want: " (HTTP 504): no upstream; hint: " + hintNotVault},
		"plain HTTP to TLS": {
			status: 400, header: plain, body: "Client sent an HTTP request to an HTTPS server.\n", kind: Permanent,
			want: " (HTTP 400): Client sent an HTTP request to an HTTPS server.; hint: the server speaks TLS; the address must start with https://",
		},
		"long message": {status: 400, body: `{"errors":["` + strings.Repeat("é", 400) + `"]}`, kind: Permanent, want: " (HTTP 400): " + strings.Repeat("é", 300) + "..."},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := inProcess(t, func(r *http.Request) (*http.Response, error) { return reply(r, tc.status, tc.header, tc.body), nil })
			request, token := Request{Method: "GET", Path: tc.path}, sensitive.New("t1")
			if tc.path == "" {
				request.Path = "secret/app"
			}
			if tc.login {
				token = sensitive.String{}
			}
			_, err := c.Do(t.Context(), token, "", request)
			failed := failure(t, err)
			if failed.Kind != tc.kind || failed.Status != tc.status {
				t.Errorf("kind %v of status %d, want %v of %d", failed.Kind, failed.Status, tc.kind, tc.status)
			}
			want := "GET http://vault:8200/v1/" + request.Path + ": " + tc.kind.String() + tc.want
			if diff := cmp.Diff(want, failed.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDeletedVersionOfASuccess(t *testing.T) {
	const metadata = `"metadata":{"deletion_time":"2099-01-01T00:00:00Z","destroyed":false,"version":3}`
	cases := map[string]struct {
		method, body string
		kind         Kind
		ok           bool
	}{
		"deleted":              {method: "GET", body: `{"data":{"data":null,` + metadata + `}}`, kind: NotFound},
		"to be deleted":        {method: "GET", body: `{"data":{"data":{},` + metadata + `}}`, ok: true},
		"a value of version 1": {method: "GET", body: `{"data":{"data":null,"metadata":{"a":"b"}}}`, ok: true},
		"no metadata":          {method: "GET", body: `{"data":{"data":null}}`, ok: true},
		"a write":              {method: "PUT", body: `{"data":{"data":null,` + metadata + `}}`, ok: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := inProcess(t, func(r *http.Request) (*http.Response, error) { return reply(r, 200, nil, tc.body), nil })
			_, err := c.Do(t.Context(), sensitive.New("t1"), "", Request{Method: tc.method, Path: "secret/data/app"})
			if tc.ok {
				if err != nil {
					t.Error(err)
				}
				return
			}
			want := "GET http://vault:8200/v1/secret/data/app: not found (HTTP 200): no secret exists at secret/data/app"
			if got := failure(t, err).Error(); got != want {
				t.Errorf("error = %s", got)
			}
		})
	}
}

func TestTransportFailures(t *testing.T) {
	cases := map[string]struct {
		err  error
		want string
	}{
		"name": {
			err:  &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "vault", IsNotFound: true}},
			want: "dial tcp: lookup vault: no such host; hint: the name cannot be resolved; check the address, and from another namespace use service.namespace.svc",
		},
		"refused": {
			err:  &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)},
			want: "dial tcp: connect: connection refused; hint: nothing listens there; check the address and the port, and that Vault runs",
		},
		"proxy": {
			err:  &net.OpError{Op: "proxyconnect", Net: "tcp", Err: errors.New("connection refused")},
			want: "proxyconnect tcp: connection refused; hint: the proxy cannot be reached; check its address, or exempt Vault from it with NO_PROXY",
		},
		"timeout": {
			err:  &net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded},
			want: "dial tcp: i/o timeout; hint: no answer in time; a network policy or firewall may drop the connection, or Vault is overloaded",
		},
		"client certificate": {
			err:  errors.New("remote error: tls: certificate required"),
			want: "remote error: tls: certificate required; hint: the server demands a client certificate of a CA that it trusts",
		},
		"plain HTTP to another TLS server": {
			err:  errors.New(`malformed HTTP response "\x15\x03\x01"`),
			want: `malformed HTTP response "\x15\x03\x01"; hint: the server speaks TLS; the address must start with https://`,
		},
		"broken off":    {err: io.ErrUnexpectedEOF, want: "unexpected EOF"},
		"with an URL":   {err: &url.Error{Op: "Get", URL: "http://x/?" + canary, Err: io.EOF}, want: "EOF"},
		"reset by peer": {err: syscall.ECONNRESET, want: "connection reset by peer"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := inProcess(t, func(*http.Request) (*http.Response, error) { return nil, tc.err })
			_, err := read(t, c, "a")
			failed := failure(t, err)
			if diff := cmp.Diff("GET http://vault:8200/v1/a: unavailable: "+tc.want, failed.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if failed.Unwrap() == nil || !failed.Kind.Temporary() {
				t.Errorf("cause %v, kind %v", failed.Unwrap(), failed.Kind)
			}
		})
	}
}

func TestConnectionRefused(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	c := newClient(t, config.Vault{Address: "http://" + address})
	_, err = read(t, c, "a")
	want := "GET http://" + address + "/v1/a: unavailable: dial tcp " + address +
		": connect: connection refused; hint: nothing listens there; check the address and the port, and that Vault runs"
	if diff := cmp.Diff(want, failure(t, err).Error()); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

// TestBrokenAnswer: an answer that ends early is a failure of the transport,
// whatever its status.
func TestBrokenAnswer(t *testing.T) {
	for _, status := range []int{200, 403} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"data":{"k":"`+canary)
		})
		_, err := read(t, c, "a")
		if got, want := failure(t, err).Error(), "GET "+c.Address()+"/v1/a: unavailable: unexpected EOF"; got != want {
			t.Errorf("status %d: %s", status, got)
		}
	}
}

func TestSlowAnswer(t *testing.T) {
	done := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"data":`)
		w.(http.Flusher).Flush()
		<-done
	}))
	defer server.Close()
	defer close(done)
	c := newClient(t, config.Vault{Address: server.URL, Timeout: 50 * time.Millisecond})
	_, err := read(t, c, "a")
	if failed := failure(t, err); failed.Kind != Unavailable || !strings.HasPrefix(failed.Hint, "no answer in time") {
		t.Errorf("error = %v", failed)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	cases := map[string]struct {
		header string
		want   time.Duration
	}{
		"none":         {},
		"seconds":      {header: " 7 ", want: 7 * time.Second},
		"zero":         {header: "0"},
		"negative":     {header: "-5"},
		"too long":     {header: "86400", want: time.Hour},
		"overflow":     {header: "99999999999999999999"},
		"date":         {header: "Fri, 01 May 2026 12:00:30 GMT", want: 30 * time.Second},
		"date of past": {header: "Fri, 01 May 2026 11:00:30 GMT"},
		"far date":     {header: "Fri, 01 May 2099 11:00:30 GMT", want: time.Hour},
		"words":        {header: "soon"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := retryAfter(tc.header, now); got != tc.want {
				t.Errorf("retryAfter(%q) = %v, want %v", tc.header, got, tc.want)
			}
		})
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"", "1", "-1", "Fri, 01 May 2026 12:00:30 GMT", "1e3"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if got := retryAfter(header, time.Unix(1700000000, 0)); got < 0 || got > maxRetryAfter {
			t.Errorf("retryAfter(%q) = %v", header, got)
		}
	})
}
