package fakecloud

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// Google is an http.Handler with the metadata server below /computeMetadata/, the
// token endpoint at /token, the APIs of IAM below /v1/, and the public keys that
// Vault looks up.
type Google struct {
	journal
	// Project is where everything is.
	Project string
	// MachineAccount is the service account that the machine runs as, and
	// KeyAccount the one that has a key.
	MachineAccount, KeyAccount string

	key    *rsa.PrivateKey // of KeyAccount
	google *rsa.PrivateKey // with which Google signs
	made   atomic.Int64
	access map[string]string // account by access token

	workload workload
}

// The names of the keys of KeyAccount and of Google.
const (
	accountKeyID = "account-key"
	googleKeyID  = "google-key"
)

// The machine's name and place, and the number of its account.
const (
	machineName = "machine"
	zone        = "europe-west1-b"
	machineID   = "1001"
	// machineBirth is in the year 2024, in seconds since 1970.
	machineBirth = 1_717_243_200
)

// NewGoogle makes a Google with one project, one machine and one key.
func NewGoogle() (*Google, error) {
	g := &Google{
		Project:        "shop",
		MachineAccount: "machine@shop.iam.gserviceaccount.com",
		KeyAccount:     "keyed@shop.iam.gserviceaccount.com",
		access:         map[string]string{},
	}
	for _, key := range []**rsa.PrivateKey{&g.key, &g.google} {
		made, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, fmt.Errorf("make a key for the pretended Google: %w", err)
		}
		*key = made
	}
	return g, nil
}

// KeyFile returns the key of KeyAccount as Google hands it out, for a token
// endpoint at an address.
func (g *Google) KeyFile(address string) ([]byte, error) {
	private, err := x509.MarshalPKCS8PrivateKey(g.key)
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]string{
		"type": "service_account", "project_id": g.Project, "client_email": g.KeyAccount, "client_id": "1",
		"private_key_id": accountKeyID, "token_uri": address + "/token",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
	})
}

// ServeHTTP implements http.Handler.
func (g *Google) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if g.enter(w, r) {
		return
	}
	const accounts = "/v1/projects/-/serviceAccounts/"
	switch path := r.URL.Path; {
	case g.place(path) != "" && r.Header.Get("Metadata-Flavor") == "Google":
		_, _ = w.Write([]byte(g.place(path)))
	case path == "/v1/token":
		g.exchangeToken(w, r)
	case strings.HasPrefix(path, accounts) && strings.HasSuffix(path, ":generateIdToken"):
		g.identityToken(w, r, strings.TrimSuffix(path[len(accounts):], ":generateIdToken"))
	case strings.HasPrefix(path, "/computeMetadata/v1/instance/service-accounts/"):
		g.metadata(w, r)
	case path == "/token":
		g.exchange(w, r)
	case strings.HasPrefix(path, accounts) && strings.HasSuffix(path, ":signJwt"):
		g.signJWT(w, r, strings.TrimSuffix(path[len(accounts):], ":signJwt"))
	case strings.HasPrefix(path, accounts):
		g.describe(w, r, path[len(accounts):])
	case path == "/projects/"+g.Project+"/zones/"+zone+"/instances/"+machineName:
		g.instance(w, r)
	case path == "/oauth2/v1/certs" || strings.HasPrefix(path, "/service_accounts/v1/metadata/x509/"):
		g.certificates(w)
	default:
		http.NotFound(w, r)
	}
}

// metadata answers about accounts, which go by their email address or by default.
func (g *Google) metadata(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if r.Header.Get("Metadata-Flavor") != "Google" || relayed(r) {
		http.Error(w, "Forbidden", http.StatusForbidden)
		return
	}
	if account := parts[4]; len(parts) != 6 || account != "default" && account != g.MachineAccount {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Metadata-Flavor", "Google")
	switch parts[5] {
	case "email":
		_, _ = w.Write([]byte(g.MachineAccount))
	case "token":
		g.grant(w, g.MachineAccount)
	case "identity":
		g.identity(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (g *Google) identity(w http.ResponseWriter, r *http.Request) {
	audience := r.URL.Query().Get("audience")
	if audience == "" {
		http.Error(w, "non-empty audience parameter required", http.StatusBadRequest)
		return
	}
	claims := map[string]any{
		"iss": "https://accounts.google.com", "aud": audience, "sub": machineID, "azp": machineID, "email": g.MachineAccount,
		"email_verified": true, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}
	if r.URL.Query().Get("format") == "full" {
		claims["google"] = map[string]any{"compute_engine": map[string]any{
			"instance_id": "42", "instance_name": machineName, "project_id": g.Project, "project_number": 7, "zone": zone,
			"instance_creation_timestamp": machineBirth,
		}}
	}
	_, _ = w.Write([]byte(signToken(g.google, googleKeyID, claims)))
}

// grant answers with an access token of an account.
func (g *Google) grant(w http.ResponseWriter, account string) {
	token := fmt.Sprintf("ya29.fake-%d", g.made.Add(1))
	g.mu.Lock()
	g.access[token] = account
	g.mu.Unlock()
	writeJSON(w, http.StatusOK, map[string]any{"access_token": token, "expires_in": 3599, "token_type": "Bearer"})
}

// bearer returns the account of a request's access token, "" where it has none.
func (g *Google) bearer(r *http.Request) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.access[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
}
