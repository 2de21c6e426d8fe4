package csi

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/internal/fakecloud"
	"github.com/vaultk8s/vaultk8s/internal/fakevault"
)

// front stands before the pretended Vault and answers the logins of methods that
// it does not have. It keeps what they send.
type front struct {
	vault http.RoundTripper
	token string

	mu   sync.Mutex
	sent []sentLogin
}

type sentLogin struct {
	Path string
	Body map[string]any
}

// answer is Vault's to a login.
func (f *front) answer(path string, body map[string]any) map[string]any {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sent = append(f.sent, sentLogin{path, body})
	return map[string]any{"auth": map[string]any{
		"client_token": f.token, "accessor": "accessor", "policies": []string{"orders"}, "lease_duration": 3600, "renewable": true,
	}}
}

func (f *front) logins() []sentLogin {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sent
}

// RoundTrip implements http.RoundTripper.
func (f *front) RoundTrip(r *http.Request) (*http.Response, error) {
	path := strings.TrimPrefix(r.URL.Path, "/v1/")
	if !strings.HasPrefix(path, "auth/") || !strings.Contains(path, "/login") {
		return f.vault.RoundTrip(r)
	}
	body := map[string]any{}
	_ = json.NewDecoder(r.Body).Decode(&body)
	return reply(http.StatusOK, f.answer(path, body)), nil
}

// newFront makes a world whose logins are answered by a front.
func newFront(t *testing.T) (*world, *front) {
	t.Helper()
	f := &front{}
	w := newWorld(t, func(o *Options) { f.vault, o.Transport = o.Transport, f })
	f.token = w.ordersToken()
	return w, f
}

// ordersToken makes a token that may read what the tests read.
func (w *world) ordersToken() string {
	return w.vault.CreateToken(fakevault.TokenRole{Policies: []string{"orders"}, TTL: time.Hour})
}

// methodClass is a class with two files and a method.
func methodClass(method string, more map[string]string) map[string]string {
	all := map[string]string{"authMethod": method, "vaultAuthMountPath": method, "objects": twoKeys}
	maps.Copy(all, more)
	return all
}

func TestDirectoryLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, f := newFront(t)
		p := aPod("orders-sa", 1)
		for _, password := range []string{canary + "-1 ", canary + "-2"} {
			got := w.withSecrets(p, methodClass("ldap", nil), map[string]string{"username": " app\n", "password": password})
			if got["db"] != canary+"-db" {
				t.Errorf("%v", got)
			}
		}
		want := []sentLogin{
			{"auth/ldap/login/app", map[string]any{"password": canary + "-1 "}},
			{"auth/ldap/login/app", map[string]any{"password": canary + "-2"}},
		}
		if diff := cmp.Diff(want, f.logins()); diff != "" {
			t.Errorf("a new password is another login (-want +got):\n%s", diff)
		}
	})
}

// TestOneSecretTwoAccounts: two service-accounts with the same credentials share nothing.
func TestOneSecretTwoAccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, f := newFront(t)
		for _, p := range []pod{aPod("orders-sa", 1), aPod("orders-sa", 2), aPod("other-sa", 1)} {
			w.withSecrets(p, methodClass("ldap", nil), map[string]string{"username": "app", "password": canary})
		}
		if n := len(f.logins()); n != 2 {
			t.Errorf("%d logins of two service-accounts", n)
		}
	})
}

func TestAmazonLogin(t *testing.T) {
	const arn = "arn:aws:iam::" + fakecloud.Account + ":user/"
	cases := map[string]struct {
		secrets map[string]string
		want    string
	}{
		"key":         {map[string]string{"aws_access_key_id": "AKIDUSER", "aws_secret_access_key": canary + "/user\n"}, arn + "app"},
		"other names": {map[string]string{"access_key": "AKIDUSER", "secret_key": canary + "/user"}, arn + "app"},
		"temporary key": {
			map[string]string{"aws_access_key_id": "ASIATEMP", "aws_secret_access_key": canary + "/temporary", "aws_session_token": canary + "/session"},
			arn + "temporary",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			// The provider's own identity is there, and must not be used.
			t.Setenv("AWS_ACCESS_KEY_ID", "AKIDNODE")
			t.Setenv("AWS_SECRET_ACCESS_KEY", canary)
			synctest.Test(t, func(t *testing.T) {
				w, f := newFront(t)
				cloud := fakecloud.NewAWS()
				cloud.AddKey(fakecloud.Key{ID: "AKIDUSER", Secret: canary + "/user", ARN: arn + "app"})
				cloud.AddKey(fakecloud.Key{ID: "ASIATEMP", Secret: canary + "/temporary", Session: canary + "/session", ARN: arn + "temporary", Expires: time.Now().Add(time.Hour)})
				class := methodClass("aws", map[string]string{"roleName": "orders", "auth": "{type: iam, header_value: vault.example.com}"})
				if got := w.withSecrets(aPod("orders-sa", 1), class, tc.secrets); got["db"] != canary+"-db" {
					t.Errorf("%v", got)
				}
				sent := f.logins()
				if len(sent) != 1 || sent[0].Path != "auth/aws/login" || sent[0].Body["role"] != "orders" {
					t.Fatalf("%d logins", len(sent))
				}
				if answer := askAmazon(t, cloud, sent[0].Body); !strings.Contains(answer, "<Arn>"+tc.want+"</Arn>") {
					t.Errorf("signed by another than %s: %s", tc.want, answer)
				}
			})
		})
	}
}

// askAmazon does what Vault does with the signed request of a login: it sends it on
// to STS, which checks the signature and says whose it is.
func askAmazon(t *testing.T, cloud http.Handler, body map[string]any) string {
	t.Helper()
	decoded := func(name string) string {
		text, _ := body[name].(string)
		content, err := base64.StdEncoding.DecodeString(text)
		if err != nil || text == "" {
			t.Fatalf("%s: %v", name, err)
		}
		return string(content)
	}
	address, err := url.Parse(decoded("iam_request_url"))
	if err != nil {
		t.Fatal(err)
	}
	method, _ := body["iam_http_request_method"].(string)
	r := httptest.NewRequestWithContext(t.Context(), method, address.RequestURI(), strings.NewReader(decoded("iam_request_body")))
	if err := json.Unmarshal([]byte(decoded("iam_request_headers")), &r.Header); err != nil {
		t.Fatal(err)
	}
	if got := r.Header.Get("X-Vault-AWS-IAM-Server-ID"); got != "vault.example.com" {
		t.Errorf("server %q", got)
	}
	r.Host = address.Host
	w := httptest.NewRecorder()
	cloud.ServeHTTP(w, r)
	return w.Body.String()
}

// cloudWorld is a world in real time with a cloud on the network.
func cloudWorld(t *testing.T, cloud http.Handler) (s *served, f *front, address string) {
	t.Helper()
	server := httptest.NewServer(cloud)
	t.Cleanup(server.Close)
	s = newServed(t, "vault.sock")
	f = &front{vault: s.vault, token: s.ordersToken()}
	s.provider.o.Transport = f
	return s, f, server.URL
}

// claims are those of the token that a login sends.
func (l sentLogin) claims(t *testing.T) map[string]any {
	t.Helper()
	jwt, _ := l.Body["jwt"].(string)
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		t.Fatalf("%d parts of a token", len(parts))
	}
	content, err := base64.RawURLEncoding.DecodeString(parts[1])
	claims := map[string]any{}
	if err != nil || json.Unmarshal(content, &claims) != nil {
		t.Fatal(err)
	}
	return claims
}

func TestGoogleLogin(t *testing.T) {
	cloud, err := fakecloud.NewGoogle()
	if err != nil {
		t.Fatal(err)
	}
	s, f, address := cloudWorld(t, cloud)
	t.Setenv("CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS", address)
	t.Setenv("GCE_METADATA_HOST", strings.TrimPrefix(address, "http://"))
	key, err := cloud.KeyFile(address)
	if err != nil {
		t.Fatal(err)
	}
	s.run()
	class := methodClass("gcp", map[string]string{"roleName": "orders", "auth": "type: iam"})
	if got := s.withSecrets(aPod("orders-sa", 1), class, map[string]string{"credentials.json": string(key)}); got["db"] != canary+"-db" {
		t.Errorf("%v", got)
	}
	calls := []string{"POST /token", "POST /v1/projects/-/serviceAccounts/" + cloud.KeyAccount + ":signJwt"}
	if diff := cmp.Diff(calls, cloud.Calls()); diff != "" {
		t.Errorf("the node's account has no part in it (-want +got):\n%s", diff)
	}
	sent := f.logins()
	if len(sent) != 1 || sent[0].Path != "auth/gcp/login" || sent[0].Body["role"] != "orders" {
		t.Fatalf("%d logins", len(sent))
	}
	if claims := sent[0].claims(t); claims["sub"] != cloud.KeyAccount || claims["aud"] != "http://vault/orders" {
		t.Errorf("%v", claims)
	}
}

// TestAzureLoginAsTheNode: where the administrator allows it, and only there.
func TestAzureLoginAsTheNode(t *testing.T) {
	cloud := fakecloud.NewAzure()
	cloud.AddIdentity("client-1", "object-1")
	s, f, address := cloudWorld(t, cloud)
	t.Setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", address)
	s.provider.o.CSI.AllowNodeIdentity = true
	s.run()
	class := methodClass("azure", map[string]string{"roleName": "orders", "auth": "resource: https://vault.example.com"})
	if got := s.mount(aPod("orders-sa", 1), class); got["db"] != canary+"-db" {
		t.Errorf("%v", got)
	}
	sent := f.logins()
	if len(sent) != 1 || sent[0].Path != "auth/azure/login" || sent[0].Body["role"] != "orders" || sent[0].Body["vm_name"] != "vm-1" {
		t.Fatalf("%d logins", len(sent))
	}
	if claims := sent[0].claims(t); claims["aud"] != "https://vault.example.com" {
		t.Errorf("%v", claims)
	}
	s.provider.o.CSI.AllowNodeIdentity = false
	cloud.Reset()
	if err := s.refuse(s.call(aPod("orders-sa", 2), class)); codeName(err) != "InvalidArgument" || len(cloud.Calls()) != 0 {
		t.Errorf("%v after %q", err, cloud.Calls())
	}
}

// TestCertificateLogin shows a pod's certificate to a real TLS server: it is in the
// handshake of the login, and in no other.
func TestCertificateLogin(t *testing.T) {
	s := newServed(t, "vault.sock")
	f := &front{token: s.ordersToken()}
	server, seen := certificateVault(t, s, f)
	s.provider.o.Transport = nil
	s.run()
	class := methodClass("cert", map[string]string{
		"vaultAddress": server.URL, "auth": "name: web",
		"vaultCACert": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})),
	})
	for _, name := range []string{"first", "renewed"} {
		cert, key := selfSigned(t, name)
		if got := s.withSecrets(aPod("orders-sa", 1), class, map[string]string{"tls.crt": cert, "tls.key": key}); got["db"] != canary+"-db" {
			t.Errorf("%v", got)
		}
	}
	if diff := cmp.Diff([]string{"auth/cert/login by first", "secret by nobody", "auth/cert/login by renewed", "secret by nobody"}, seen()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	want := sentLogin{"auth/cert/login", map[string]any{"name": "web"}}
	if diff := cmp.Diff([]sentLogin{want, want}, f.logins()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// certificateVault serves the pretended Vault over TLS, and tells who asked for what.
func certificateVault(t *testing.T, s *served, f *front) (server *httptest.Server, seen func() []string) {
	t.Helper()
	var mu sync.Mutex
	var all []string
	server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, path := "nobody", strings.TrimPrefix(r.URL.Path, "/v1/")
		if shown := r.TLS.PeerCertificates; len(shown) > 0 {
			who = shown[0].Subject.CommonName
		}
		what, _, _ := strings.Cut(path, "/data/")
		mu.Lock()
		all = append(all, what+" by "+who)
		mu.Unlock()
		if path != "auth/cert/login" {
			s.vault.ServeHTTP(w, r)
			return
		}
		body := map[string]any{}
		_ = json.NewDecoder(r.Body).Decode(&body)
		_ = json.NewEncoder(w).Encode(f.answer(path, body))
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), all...)
	}
}

// selfSigned makes a client's certificate and its key in PEM.
func selfSigned(t *testing.T, name string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}))
}
