package fakecloud

import (
	"encoding/json"
	"net/http"
	"time"
)

// workload is a service account of a cluster that may act as one of Google's.
type workload struct{ token, audience, account string }

// The cluster that the machine belongs to.
const (
	clusterLocation = "europe-west1"
	clusterName     = "blue"
)

// TrustWorkload lets a token of a cluster, shown for an audience, act as an account.
func (g *Google) TrustWorkload(token, audience, account string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.workload = workload{token: token, audience: audience, account: account}
}

// place answers where the machine is; "" for what it is not asked about.
func (g *Google) place(path string) string {
	return map[string]string{
		"/computeMetadata/v1/project/project-id":                   g.Project,
		"/computeMetadata/v1/instance/attributes/cluster-location": clusterLocation,
		"/computeMetadata/v1/instance/attributes/cluster-name":     clusterName,
	}[path]
}

// exchangeToken is the token exchange of RFC 8693.
func (g *Google) exchangeToken(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	known := g.workload
	g.mu.Unlock()
	refuse := func(code, why string) {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": code, "error_description": why})
	}
	switch {
	case r.FormValue("grant_type") != "urn:ietf:params:oauth:grant-type:token-exchange":
		refuse("unsupported_grant_type", "")
	case r.FormValue("subject_token_type") != "urn:ietf:params:oauth:token-type:jwt",
		r.FormValue("requested_token_type") != "urn:ietf:params:oauth:token-type:access_token", r.FormValue("scope") == "":
		refuse("invalid_request", "Invalid token types or scope.")
	case r.FormValue("audience") != known.audience:
		refuse("invalid_target", "The target service indicated by the audience parameter is invalid.")
	case r.FormValue("subject_token") != known.token:
		refuse("invalid_grant", "The subject token is not one of the pool")
	default:
		g.grant(w, known.account)
	}
}

// identityToken makes a token that tells who an account is.
func (g *Google) identityToken(w http.ResponseWriter, r *http.Request, account string) {
	var body struct {
		Audience     string `json:"audience"`
		IncludeEmail bool   `json:"includeEmail"`
	}
	switch caller := g.bearer(r); {
	case caller == "":
		googleError(w, http.StatusUnauthorized, "Request had invalid authentication credentials.")
		return
	case caller != account:
		googleError(w, http.StatusForbidden, "Permission 'iam.serviceAccounts.getOpenIdToken' denied on resource (or it may not exist).")
		return
	case json.NewDecoder(r.Body).Decode(&body) != nil || body.Audience == "":
		googleError(w, http.StatusBadRequest, "Request contains an invalid argument.")
		return
	}
	claims := map[string]any{"iss": "https://accounts.google.com", "aud": body.Audience, "sub": "1003", "exp": time.Now().Add(time.Hour).Unix()}
	if body.IncludeEmail {
		claims["email"] = account
	}
	writeJSON(w, http.StatusOK, map[string]string{"token": signToken(g.google, googleKeyID, claims)})
}
