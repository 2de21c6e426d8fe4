package fakevault_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
	"github.com/vaultk8s/vaultk8s/internal/fakevault/conformance"
)

// TestConformance holds the server to what a real one answered.
func TestConformance(t *testing.T) {
	s := fakevault.New(fakevault.WithRootToken("root-of-the-test"))
	s.EnableKV("secret", 2)
	hour := time.Now().Add(time.Hour)
	s.SetJWT("jwt-of-apps-app", fakevault.JWT{Namespace: "apps", ServiceAccount: "app", Audiences: []string{"vault"}, Expires: hour})
	s.SetJWT("jwt-of-apps-other", fakevault.JWT{Namespace: "apps", ServiceAccount: "other", Audiences: []string{"vault"}, Expires: hour})
	s.SetJWT("jwt-of-other-app", fakevault.JWT{Namespace: "other", ServiceAccount: "app", Audiences: []string{"vault"}, Expires: hour})
	s.SetJWT("jwt-for-the-api", fakevault.JWT{Namespace: "apps", ServiceAccount: "app", Audiences: []string{"api"}, Expires: hour})
	s.SetJWT("jwt-that-expired", fakevault.JWT{
		Namespace: "apps", ServiceAccount: "app", Audiences: []string{"vault"}, Expires: time.Now().Add(-time.Hour),
	})
	conformance.Run(t, conformance.Target{
		URL: "http://vault.test", Client: &http.Client{Transport: s}, Token: s.RootToken(),
		Seal:   func(context.Context) error { s.Seal(); return nil },
		Unseal: func(context.Context) error { s.Unseal(); return nil },
		Vars: map[string]string{
			conformance.VarKubernetesHost: "http://kubernetes.test", conformance.VarPostgresURL: "postgresql://nowhere.test",
			conformance.VarPostgresUser: "postgres", conformance.VarPostgresPass: "unused-password", conformance.VarStaticUser: "conformance",
			conformance.VarJWT: "jwt-of-apps-app", conformance.VarJWTOther: "jwt-of-apps-other", conformance.VarJWTElsewhere: "jwt-of-other-app",
			conformance.VarJWTAudience: "jwt-for-the-api", conformance.VarJWTExpired: "jwt-that-expired", conformance.VarJWTKey: "unused-key",
		},
	})
}
