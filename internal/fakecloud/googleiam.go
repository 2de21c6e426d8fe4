package fakecloud

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"time"
)

// exchange is the token endpoint: it takes what a key has signed (RFC 7523).
func (g *Google) exchange(w http.ResponseWriter, r *http.Request) {
	refuse := func(why string) {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant", "error_description": why})
	}
	if r.FormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "unsupported_grant_type"})
		return
	}
	claims, ok := verifyToken(&g.key.PublicKey, r.FormValue("assertion"))
	issued, expires := seconds(claims["iat"]), seconds(claims["exp"])
	now := time.Now()
	switch {
	case !ok:
		refuse("Invalid JWT Signature.")
	case claims["iss"] != g.KeyAccount:
		refuse("Invalid grant: account not found")
	case claims["aud"] != "http://"+r.Host+r.URL.Path:
		refuse("Invalid JWT: the audience is not the token endpoint")
	case claims["scope"] == nil:
		refuse("Invalid OAuth scope or ID token audience provided.")
	case issued.After(now.Add(time.Minute)) || expires.Before(now) || expires.Sub(issued) > time.Hour:
		refuse("Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.")
	default:
		g.grant(w, g.KeyAccount)
	}
}

// googleError answers with an error in the form of Google's APIs.
func googleError(w http.ResponseWriter, status int, message string) {
	writeJSON(w, status, map[string]any{"error": map[string]any{"code": status, "message": message}})
}

// signJWT signs what an account may sign for itself.
func (g *Google) signJWT(w http.ResponseWriter, r *http.Request, account string) {
	var body struct {
		Payload string `json:"payload"`
	}
	var claims map[string]any
	switch caller := g.bearer(r); {
	case caller == "":
		googleError(w, http.StatusUnauthorized, "Request had invalid authentication credentials.")
	case caller != account:
		googleError(w, http.StatusForbidden, "Permission 'iam.serviceAccounts.signJwt' denied on resource (or it may not exist).")
	case json.NewDecoder(r.Body).Decode(&body) != nil || json.Unmarshal([]byte(body.Payload), &claims) != nil:
		googleError(w, http.StatusBadRequest, "Request contains an invalid argument.")
	case time.Until(seconds(claims["exp"])) > 12*time.Hour:
		googleError(w, http.StatusBadRequest, "the claim exp is more than 12 hours ahead")
	default:
		writeJSON(w, http.StatusOK, map[string]string{"keyId": googleKeyID, "signedJwt": signToken(g.google, googleKeyID, claims)})
	}
}

// describe tells Vault that an account exists.
func (g *Google) describe(w http.ResponseWriter, r *http.Request, account string) {
	switch {
	case g.bearer(r) == "":
		googleError(w, http.StatusUnauthorized, "Request had invalid authentication credentials.")
	case account == g.MachineAccount || account == machineID:
		g.account(w, g.MachineAccount, machineID)
	case account == g.KeyAccount:
		g.account(w, account, "1002")
	default:
		googleError(w, http.StatusNotFound, "Unknown service account")
	}
}

func (g *Google) account(w http.ResponseWriter, email, id string) {
	writeJSON(w, http.StatusOK, map[string]any{
		"name": "projects/" + g.Project + "/serviceAccounts/" + email, "projectId": g.Project, "uniqueId": id, "email": email,
	})
}

// instance tells Vault that the machine exists.
func (g *Google) instance(w http.ResponseWriter, r *http.Request) {
	if g.bearer(r) == "" {
		googleError(w, http.StatusUnauthorized, "Request had invalid authentication credentials.")
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"id": "42", "name": machineName, "status": "RUNNING", "creationTimestamp": time.Unix(machineBirth, 0).UTC().Format(time.RFC3339),
		"zone":            "https://www.googleapis.com/compute/v1/projects/" + g.Project + "/zones/" + zone,
		"serviceAccounts": []map[string]any{{"email": g.MachineAccount}},
	})
}

// certificates lists the public keys of Google as certificates by key name.
func (g *Google) certificates(w http.ResponseWriter) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "fake"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &g.google.PublicKey, g.google)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{
		googleKeyID: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})),
	})
}

// seconds reads a claim that is a time.
func seconds(v any) time.Time {
	n, _ := v.(float64)
	return time.Unix(int64(n), 0)
}
