package check

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/vaultk8s/vaultk8s/pkg/inventory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func date(year, month int) time.Time {
	return time.Date(year, time.Month(month), 1, 0, 0, 0, 0, time.UTC)
}

func pemOf(der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}) }

// authority makes the certificate of an authority that ends.
func authority(t *testing.T, ends time.Time) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: ends, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf(der)
}

// healthy is an installation of all modes with which all is well.
func healthy(t *testing.T) *Facts {
	t.Helper()
	f := &Facts{Now: date(2026, 7).Add(time.Hour)}
	c := &f.Cluster
	c.Server, c.Major, c.Minor = "https://k", 1, 36
	workload := func(part inventory.Part, kind, name string, pods int) {
		c.Workloads = append(c.Workloads, inventory.Workload{Tool: inventory.Ours, Part: part, Kind: kind, Namespace: "vault", Name: name, ServiceAccount: name, Wanted: pods, Ready: pods})
	}
	workload(inventory.Injector, "Deployment", "injector", 2)
	workload(inventory.CSI, "DaemonSet", "csi", 3)
	workload(inventory.Operator, "Deployment", "operator", 1)
	w := Webhook{Replicas: 2, Dialed: true, Begins: date(2026, 7), Ends: date(2026, 7).Add(24 * time.Hour), TrialNamespace: "shop", Injected: true}
	w.Configuration, w.Name, w.Tool, w.FailurePolicy = "cfg", inventory.OldWebhook, inventory.Ours, "Ignore"
	w.Service, w.Bundle = &inventory.ServiceReference{Namespace: "vault", Name: "svc"}, authority(t, date(2027, 1))
	c.Webhooks = []Webhook{w}
	for _, kind := range kinds() {
		c.Definitions = append(c.Definitions, inventory.Definition{Kind: kind, Established: true, Served: []string{"v1beta1"}, Stored: []string{"v1beta1"}})
	}
	o := inventory.Object{Kind: "VaultConnection", Spec: map[string]any{"address": "https://connection"}}
	o.Metadata.Namespace, o.Metadata.Name = "vault", "default"
	c.Objects = []inventory.Object{o}
	c.Driver, c.Classes = &inventory.CSIDriver{}, 4
	c.Driver.Spec.RequiresRepublish = true
	c.Driver.Spec.TokenRequests = []struct{ Audience string }{{"vault"}}
	c.Rights = []Right{{Who: "vault/injector", Verb: "patch", Resource: "hooks", Name: "cfg", Without: "no caBundle", Needed: true, Allowed: true}}
	f.Vault = Vault{
		Address: "https://v", Version: "1.21.2", Ready: true, CertBegin: date(2026, 6), CertEnd: date(2026, 9),
		Login: Login{
			Tried: true, Who: "shop/app", Role: "app", Mount: "auth/kubernetes", Audience: "vault", Issuer: "https://issuer",
			TTL: time.Hour, Renew: true, Policies: []string{"app", "default"}, Interval: 5 * time.Minute,
		},
		Mount: Mount{Read: true, Issuer: "https://issuer", Namespaces: []string{"shop"}, Accounts: []string{"app"}, Audience: "vault"},
	}
	return f
}
