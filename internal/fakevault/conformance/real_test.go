package conformance_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"flag"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/internal/fakevault/conformance"
	"github.com/vaultk8s/vaultk8s/test/lab"
)

var update = flag.Bool("update", false, "record the real server's answers anew")

// TestReal proves that the recorded answers are a real server's.
func TestReal(t *testing.T) {
	v := lab.UseVault(t, lab.VaultOptions{InMemory: true})
	p := lab.UsePostgres(t)
	if _, err := p.Query(t.Context(), "CREATE ROLE conformance LOGIN PASSWORD 'before'"); err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	target := conformance.Target{
		URL: v.Address(), Client: &http.Client{Timeout: time.Minute}, Token: v.Token(), Seal: v.Seal, Unseal: v.Unseal,
		Vars: map[string]string{
			conformance.VarPostgresURL: p.ConnectionURL(), conformance.VarPostgresUser: p.User(),
			conformance.VarPostgresPass: p.Password(), conformance.VarStaticUser: "conformance",
			conformance.VarKubernetesHost: reviewer(t),
			conformance.VarJWTKey:         publicKey(t, key),
			conformance.VarJWT:            serviceAccount(t, key, "apps", "app", "vault", time.Hour),
			conformance.VarJWTOther:       serviceAccount(t, key, "apps", "other", "vault", time.Hour),
			conformance.VarJWTElsewhere:   serviceAccount(t, key, "other", "app", "vault", time.Hour),
			conformance.VarJWTAudience:    serviceAccount(t, key, "apps", "app", "api", time.Hour),
			conformance.VarJWTExpired:     serviceAccount(t, key, "apps", "app", "vault", -time.Hour),
		},
	}
	if *update {
		conformance.Record(t, target, "testdata")
		return
	}
	conformance.Run(t, target)
}

// publicKey is the PEM with its line feeds escaped, to stand in a JSON string.
func publicKey(t *testing.T, key *ecdsa.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	return strings.ReplaceAll(string(block), "\n", `\n`)
}

// claims are those of a ServiceAccount's token that the auth method reads.
type claims struct {
	Audience   []string        `json:"aud"`
	Issuer     string          `json:"iss"`
	Subject    string          `json:"sub"`
	Expires    int64           `json:"exp"`
	Issued     int64           `json:"iat"`
	NotBefore  int64           `json:"nbf"`
	Kubernetes json.RawMessage `json:"kubernetes.io"`
}

// serviceAccount makes a signed token.
func serviceAccount(t *testing.T, key *ecdsa.PrivateKey, namespace, name, audience string, ttl time.Duration) string {
	t.Helper()
	then := time.Now().Add(min(0, ttl) - time.Minute)
	inner := `{"namespace":"` + namespace + `","serviceaccount":{"name":"` + name + `","uid":"5f0c8a52-6f0e-4d0c-9a57-3d1b566ccb10"}}`
	body := encode(t, claims{
		Audience: []string{audience}, Issuer: "https://kubernetes.default.svc", Subject: "system:serviceaccount:" + namespace + ":" + name,
		Expires: time.Now().Add(ttl).Unix(), Issued: then.Unix(), NotBefore: then.Unix(), Kubernetes: json.RawMessage(inner),
	})
	text := encode(t, map[string]string{"alg": "ES256"}) + "." + body
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	signature := make([]byte, 64) // two numbers of 32 bytes
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func encode(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// reviewer plays the one endpoint of an API server that Vault asks.
func reviewer(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review struct {
			Spec struct {
				Token     string   `json:"token"`
				Audiences []string `json:"audiences"`
			} `json:"spec"`
		}
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		if err := json.NewEncoder(w).Encode(believe(review.Spec.Token, review.Spec.Audiences)); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func believe(token string, audiences []string) map[string]any {
	var c claims
	parts := strings.Split(token, ".")
	b, err := base64.RawURLEncoding.DecodeString(parts[min(1, len(parts)-1)])
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	var k struct {
		ServiceAccount struct {
			UID string `json:"uid"`
		} `json:"serviceaccount"`
	}
	if err == nil {
		err = json.Unmarshal(c.Kubernetes, &k)
	}
	if err != nil {
		return review(map[string]any{"authenticated": false, "error": err.Error()})
	}
	return review(map[string]any{
		"authenticated": true, "audiences": audiences, "user": map[string]string{"username": c.Subject, "uid": k.ServiceAccount.UID},
	})
}

func review(status map[string]any) map[string]any {
	return map[string]any{"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "status": status}
}
