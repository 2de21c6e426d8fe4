package e2e_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

// vpki is a VaultPKISecret of the realm's role, in a Secret of its own name; more is
// YAML below spec.
func (r *realm) vpki(name, more string) {
	r.t.Helper()
	text := `
apiVersion: secrets.hashicorp.com/v1beta1
kind: VaultPKISecret
metadata: {name: ` + name + `, namespace: SPACE}
spec:
  vaultAuthRef: vault
  mount: pki
  role: NAME
  commonName: web.example.test
  destination: {name: ` + name + `, create: true, type: kubernetes.io/tls}
`
	for line := range strings.SplitSeq(strings.TrimSpace(more), "\n") {
		if key, _, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, " ") {
			text = without(text, key)
		}
		text += "  " + line + "\n"
	}
	r.apply(text)
}

// servingPair is the certificate of a Secret, and its key as it is written.
func (r *realm) servingPair(name string) (leaf *x509.Certificate, key string) {
	r.t.Helper()
	data := r.secret(name)
	pair, err := tls.X509KeyPair([]byte(data["tls.crt"]), []byte(data["tls.key"]))
	must(r.t, err)
	leaf, err = x509.ParseCertificate(pair.Certificate[0])
	must(r.t, err)
	must(r.t, leaf.VerifyHostname("web.example.test"))
	_, body, _ := strings.Cut(data["tls.key"], "PRIVATE KEY-----\n")
	r.secretly(body[:40])
	return leaf, data["tls.key"]
}

// awaitSerial waits until a Secret has another certificate.
func (r *realm) awaitSerial(name, before string) string {
	r.t.Helper()
	var got string
	await(r.t, func() error {
		if got = r.secret(name)["serial_number"]; got == before || got == "" {
			return fmt.Errorf("Secret %q has certificate %q still", name, got)
		}
		return nil
	})
	return got
}

// awaitRevoked waits until Vault says that a certificate is revoked.
func (r *realm) awaitRevoked(serial string) {
	r.t.Helper()
	await(r.t, func() error {
		answer, err := r.vault.Read(r.t.Context(), "pki/cert/"+serial)
		if err != nil {
			return err
		}
		if at := fmt.Sprint(fieldAt(answer, "data", "revocation_time")); at == "0" || at == "<nil>" {
			return fmt.Errorf("certificate %s is not revoked: %s", serial, at)
		}
		return nil
	})
}

// TestOperatorCertificateLife has certificates of 30 s replaced, by Vault's key and
// by one of ours.
func TestOperatorCertificateLife(t *testing.T) {
	cases := map[string]struct {
		more string
		kept bool // the key
	}{
		"Issue":  {more: "expiryOffset: 20s"},
		"Issuer": {more: "issuerRef: default\nrenewalPercent: 30"},
		"Sign":   {more: "privateKey: {}\nexpiryOffset: 20s"},
		"Keep":   {more: "privateKey: {policy: keep, algorithm: rsa}\nexpiryOffset: 20s", kept: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRealm(t)
			r.revocable()
			must(t, r.vault.PKIRole(t.Context(), "pki", r.name, "example.test", 30*time.Second, false))
			if strings.Contains(tc.more, "privateKey") { // a role that takes keys of any kind makes none
				_, err := r.vault.Write(t.Context(), "pki/roles/"+r.name, map[string]any{
					"allowed_domains": "example.test", "allow_subdomains": true, "ttl": "30s", "key_type": "any",
				})
				must(t, err)
			}
			r.workload("Deployment", "app", "")
			r.operator()
			r.vpki("tls", tc.more+"\nalwaysWriteCA: true\nrolloutRestartTargets: [{kind: Deployment, name: app}]")
			r.awaitReady("VaultPKISecret", "tls")
			first, key := r.servingPair("tls")
			if r.secret("tls")["ca.crt"] == "" || r.stamp("Deployment", "app") != "" {
				t.Error("ca.crt is missing, or the first certificate restarts the workload")
			}
			r.awaitSerial("tls", r.secret("tls")["serial_number"])
			second, next := r.servingPair("tls")
			if !time.Now().Before(first.NotAfter) || !second.NotAfter.After(first.NotAfter) {
				t.Errorf("the first ended %s ago", time.Since(first.NotAfter))
			}
			if (key == next) != tc.kept {
				t.Errorf("the key was kept: %t, want %t", key == next, tc.kept)
			}
			r.awaitStamp("Deployment", "app", "")
		})
	}
}

// TestOperatorCertificateRepair breaks and deletes the Secret: no certificate is
// issued for it. A refresh revokes the one before, and the deletion the last.
func TestOperatorCertificateRepair(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	r.revocable()
	must(t, r.vault.PKIRole(t.Context(), "pki", r.name, "example.test", time.Hour, false))
	r.operator()
	r.vpki("tls", "revoke: true")
	r.awaitReady("VaultPKISecret", "tls")
	want := r.secret("tls")
	r.secretly(want["tls.key"])
	s := &corev1.Secret{}
	must(t, r.client.Get(t.Context(), client.ObjectKey{Namespace: r.space, Name: "tls"}, s))
	s.Data["tls.crt"] = []byte("broken")
	must(t, r.client.Update(t.Context(), s))
	r.awaitSecret("tls", "tls.crt", want["tls.crt"])
	must(t, r.client.Delete(t.Context(), s))
	r.awaitSecret("tls", "tls.key", want["tls.key"])
	if got := r.gate.asked("PUT pki/issue/"); got != 1 {
		t.Errorf("%d certificates, want 1", got)
	}
	r.annotate("VaultPKISecret", "tls", v1beta1.AnnotationRefresh, "1")
	serial := r.awaitSerial("tls", want["serial_number"])
	r.awaitRevoked(want["serial_number"])
	must(t, r.client.Delete(t.Context(), r.object("VaultPKISecret", "tls")))
	r.awaitRevoked(serial)
}
