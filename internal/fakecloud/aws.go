package fakecloud

import (
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

// Account is the account of everything in AWS.
const Account = "123456789012"

// Key is an access key. One with a session token is temporary.
type Key struct {
	ID, Secret, Session string
	ARN                 string    // of whoever signs with it
	Expires             time.Time // zero: never
}

// AWS is an http.Handler with the instance metadata service below /latest/, the
// agent of EKS Pod Identity at /v1/credentials, and STS at /.
type AWS struct {
	journal
	keys      map[string]Key    // by ID
	tokens    []string          // of the metadata service
	instance  Key               // of the instance's role; no ID: it has none
	pod       Key               // of Pod Identity
	podToken  string            // what a pod has to show for it
	federated map[string]string // role ARN by web identity token
	document  string
	made      int
}

// NewAWS makes an AWS in which there is nobody yet.
func NewAWS() *AWS {
	return &AWS{keys: map[string]Key{}, federated: map[string]string{}}
}

// AddKey lets requests be signed with a key.
func (a *AWS) AddKey(k Key) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.keys[k.ID] = k
}

// SetInstanceRole gives the instance a role, whose name is the last part of the
// key's ARN.
func (a *AWS) SetInstanceRole(k Key) {
	a.AddKey(k)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.instance = k
}

// SetPodIdentity gives the pod that shows a token a role.
func (a *AWS) SetPodIdentity(k Key, token string) {
	a.AddKey(k)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pod, a.podToken = k, token
}

// SetDocument sets what the metadata service returns as the identity document in
// PKCS #7.
func (a *AWS) SetDocument(text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.document = text
}

// TrustWebIdentity lets a token of another issuer assume a role.
func (a *AWS) TrustWebIdentity(token, roleARN string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.federated[token] = roleARN
}

// ServeHTTP implements http.Handler.
func (a *AWS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if a.enter(w, r) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case strings.HasPrefix(r.URL.Path, "/latest/"):
		a.metadata(w, r)
	case r.URL.Path == "/v1/credentials":
		a.podIdentity(w, r)
	case path.Clean("/"+r.URL.Path) == "/":
		a.sts(w, r)
	default:
		http.NotFound(w, r)
	}
}

// metadata speaks version 2 of the instance metadata service: a token first, got
// with PUT and a lifetime, and nothing without it.
func (a *AWS) metadata(w http.ResponseWriter, r *http.Request) {
	const prefix = "/latest/meta-data/iam/security-credentials/"
	role := a.instance.ARN[strings.LastIndex(a.instance.ARN, "/")+1:]
	switch at := r.URL.Path; {
	case relayed(r):
		http.Error(w, "forbidden", http.StatusForbidden)
	case at == "/latest/api/token":
		a.metadataToken(w, r)
	case !slices.Contains(a.tokens, r.Header.Get("X-aws-ec2-metadata-token")):
		http.Error(w, "unauthorized", http.StatusUnauthorized)
	case at == prefix && a.instance.ID != "":
		_, _ = w.Write([]byte(role))
	case at == prefix+role && a.instance.ID != "":
		writeJSON(w, http.StatusOK, credentialsJSON(a.instance, map[string]any{"Code": "Success", "Type": "AWS-HMAC"}))
	case at == "/latest/dynamic/instance-identity/pkcs7" && a.document != "":
		_, _ = w.Write([]byte(a.document))
	default:
		http.NotFound(w, r)
	}
}

func (a *AWS) metadataToken(w http.ResponseWriter, r *http.Request) {
	var seconds int
	_, err := fmt.Sscan(r.Header.Get("X-aws-ec2-metadata-token-ttl-seconds"), &seconds)
	switch {
	case r.Method != http.MethodPut:
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	case err != nil || seconds < 1 || seconds > 6*60*60:
		http.Error(w, "bad request", http.StatusBadRequest)
	default:
		a.made++
		token := fmt.Sprintf("metadata-token-%d", a.made)
		a.tokens = append(a.tokens, token)
		w.Header().Set("X-aws-ec2-metadata-token-ttl-seconds", fmt.Sprint(seconds))
		_, _ = w.Write([]byte(token))
	}
}

func (a *AWS) podIdentity(w http.ResponseWriter, r *http.Request) {
	if a.pod.ID == "" || r.Header.Get("Authorization") != a.podToken {
		writeJSON(w, http.StatusForbidden, map[string]string{"code": "AccessDeniedException", "message": "the token is not valid for this pod"})
		return
	}
	writeJSON(w, http.StatusOK, credentialsJSON(a.pod, map[string]any{"AccountId": Account}))
}

func credentialsJSON(k Key, more map[string]any) map[string]any {
	more["AccessKeyId"], more["SecretAccessKey"], more["Token"] = k.ID, k.Secret, k.Session
	more["Expiration"] = k.Expires.UTC().Format(time.RFC3339)
	return more
}
