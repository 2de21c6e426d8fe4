package operator

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authenticationclient "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"

	"github.com/vaultk8s/vaultk8s/pkg/serve"
)

// secure says how the metrics are served over HTTPS; nil: they are not.
func (p *program) secure() (*serve.TLS, error) {
	if !p.config.MetricsSecure {
		return nil, nil
	}
	if p.config.MetricsCert != "" {
		return &serve.TLS{CertFile: p.config.MetricsCert, KeyFile: p.config.MetricsKey}, nil
	}
	made, err := selfSigned(time.Now())
	if err != nil {
		return nil, fmt.Errorf("make a certificate for the metrics: %w", err)
	}
	return &serve.TLS{Certificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return made, nil }}, nil
}

// selfSigned makes a certificate that nobody verifies, as it is usual for metrics:
// who reads them proves who it is, and the port needs only to be encrypted. It lives
// for ten years, longer than any process.
func selfSigned(now time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "vaultk8s-operator"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(10, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{"vaultk8s-operator"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// admission lets through whose token the API server knows, and who may get the
// path of the request.
type admission struct {
	next    http.Handler
	cluster *cluster
}

// ServeHTTP implements http.Handler.
func (a *admission) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, code, err := a.user(r)
	if err == nil {
		code, err = a.allowed(r, user)
	}
	if err != nil {
		answer(w, code, err.Error())
		return
	}
	a.next.ServeHTTP(w, r)
}

// user asks the API server whose token a request has.
func (a *admission) user(r *http.Request) (authenticationv1.UserInfo, int, error) {
	none := authenticationv1.UserInfo{}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || token == "" {
		return none, http.StatusUnauthorized, fmt.Errorf("a token is needed: Authorization: Bearer TOKEN")
	}
	c, err := authenticationclient.NewForConfigAndClient(a.cluster.rest, a.cluster.http)
	if err != nil {
		return none, http.StatusInternalServerError, err
	}
	review := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}
	review, err = c.TokenReviews().Create(r.Context(), review, metav1.CreateOptions{})
	if err != nil {
		return none, http.StatusInternalServerError, fmt.Errorf("the API server did not review the token: %w", err)
	}
	if !review.Status.Authenticated {
		return none, http.StatusUnauthorized, fmt.Errorf("the API server does not know the token")
	}
	return review.Status.User, 0, nil
}

// allowed asks the API server whether a user may get the path.
func (a *admission) allowed(r *http.Request, u authenticationv1.UserInfo) (int, error) {
	c, err := authorizationclient.NewForConfigAndClient(a.cluster.rest, a.cluster.http)
	if err != nil {
		return http.StatusInternalServerError, err
	}
	extra := map[string]authorizationv1.ExtraValue{}
	for k, v := range u.Extra {
		extra[k] = authorizationv1.ExtraValue(v)
	}
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: u.Username, Groups: u.Groups, UID: u.UID, Extra: extra,
		NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: r.URL.Path, Verb: strings.ToLower(r.Method)},
	}}
	review, err = c.SubjectAccessReviews().Create(r.Context(), review, metav1.CreateOptions{})
	if err != nil {
		return http.StatusInternalServerError, fmt.Errorf("the API server did not review the access: %w", err)
	}
	if !review.Status.Allowed {
		return http.StatusForbidden, fmt.Errorf("%s may not get %s", u.Username, r.URL.Path)
	}
	return 0, nil
}
