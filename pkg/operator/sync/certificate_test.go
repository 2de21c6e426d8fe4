package sync

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/rollout"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

type vpki = v1beta1.VaultPKISecret

const firstTLS = `tls | Normal | SecretSynced | synced Secret "tls"`

// pkiSecret is a VaultPKISecret of 100 hours in Secret tls.
func pkiSecret(change ...func(*vpki)) *vpki {
	s := &vpki{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "tls"},
		Spec: v1beta1.VaultPKISecretSpec{
			Mount: "pki", Role: "web", CommonName: "shop.example.com", AltNames: []string{"www.example.com"}, TTL: "100h",
			Destination:           v1beta1.Destination{Name: "tls", Create: true, Type: "kubernetes.io/tls"},
			RolloutRestartTargets: []v1beta1.RolloutRestartTarget{{Kind: "Deployment", Name: "app"}},
		},
	}
	for _, edit := range change {
		edit(s)
	}
	return s
}

func authority(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.vault.EnablePKI("pki")
	w.vault.PKIRole("pki", "web", 1000*time.Hour)
	return w
}

// answerRevocations has Vault take every revocation that no fault was made for before.
func (w *world) answerRevocations() {
	w.vault.Fault(fakevault.Fault{Path: "pki/revoke", Status: http.StatusOK, Body: `{"request_id":"1","data":{"revocation_time":1}}`})
}

func (w *world) issued() int {
	defer w.vault.ResetRequests()
	return w.vault.Count("PUT", "pki/issue/*")
}

func (w *world) revoked() int { return w.vault.Count("PUT", "pki/revoke") }

func (w *world) wantIssued(want int) {
	w.t.Helper()
	if got := w.issued(); got != want {
		w.t.Errorf("%d certificates issued, want %d", got, want)
	}
}

func TestCertificateFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := authority(t)
		s := pkiSecret()
		w.create(s)
		w.wantIssued(1)
		w.wantRestarts(0)
		w.wantEvents(firstTLS)
		w.wantWrites(map[string]int{"patch VaultPKISecret": 1, "create Secret": 1, "status VaultPKISecret": 1})
		secret := w.secret("tls")
		for _, key := range []string{"tls.crt", "tls.key", "certificate", "private_key", "serial_number", "expiration", "_raw"} {
			if len(secret.Data[key]) == 0 {
				t.Errorf("key %s is missing", key)
			}
		}
		cert := parseCertificate(t, secret.Data["tls.crt"])
		if diff := cmp.Diff([]string{"shop.example.com", "www.example.com"}, cert.DNSNames); diff != "" {
			t.Errorf("names (-want +got):\n%s", diff)
		}
		w.get(s)
		end := metav1.NewTime(cert.NotAfter.Local())
		want := v1beta1.VaultPKISecretStatus{
			SerialNumber: string(secret.Data["serial_number"]), Expiration: cert.NotAfter.Unix(), NotAfter: &end,
			LastGeneration: 1, ObservedGeneration: 1, LastRotation: s.Status.LastRotation, LastSyncTime: s.Status.LastSyncTime,
			SecretMAC: w.key.Text(secret.Data), Valid: true, Conditions: s.Status.Conditions,
		}
		if diff := cmp.Diff(want, s.Status); diff != "" {
			t.Errorf("status (-want +got):\n%s", diff)
		}
		w.wantCondition(s, v1beta1.ConditionReady, metav1.ConditionTrue, "Synced", holdsCertificate)
		w.wake(s)
		w.wantWrites(map[string]int{})
		w.vault.Seal()
		w.wake(s)
		w.wantWrites(map[string]int{}) // a good certificate needs no Vault
	})
}

func parseCertificate(t *testing.T, text []byte) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatal("there is no certificate")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestCertificateRenewal(t *testing.T) {
	half := 50
	cases := map[string]struct {
		change        func(*vpki)
		before, after time.Duration // of the renewal
	}{
		"Plain":   {func(*vpki) {}, 95 * time.Hour, 4 * time.Hour},
		"Offset":  {func(s *vpki) { s.Spec.ExpiryOffset = "20h" }, 80 * time.Hour, time.Hour},
		"Percent": {func(s *vpki) { s.Spec.RenewalPercent = &half }, 50 * time.Hour, 150 * time.Minute},
		"MinTTL":  {func(s *vpki) { s.Spec.Rotation = &v1beta1.RotationPolicy{MinTTL: "60h"} }, 37 * time.Hour, 3 * time.Hour},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := authority(t)
				s := pkiSecret(tc.change)
				w.create(s)
				w.wantIssued(1)
				w.wantEvents(firstTLS)
				pass(tc.before - time.Minute)
				w.wantIssued(0)
				pass(tc.after + time.Minute)
				w.wantIssued(1)
				w.wantRestarts(1)
				w.wantEvents(`tls | Normal | SecretRotated | wrote a new certificate to Secret "tls": InRenewalWindow`,
					`tls | Normal | RolloutRestartTriggered | restarted Deployment "app"`)
			})
		})
	}
}

func TestCertificateRepair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := authority(t)
		s := pkiSecret()
		w.create(s)
		w.wantIssued(1)
		w.wantEvents(firstTLS)
		want := w.secret("tls").Data
		drift := func() {
			secret := w.secret("tls")
			secret.Data["tls.crt"] = []byte("broken")
			if err := w.cluster.Update(t.Context(), secret); err != nil {
				t.Fatal(err)
			}
			w.wake(s)
		}
		drift()
		w.wantIssued(0)
		w.wantRestarts(1)
		w.wantEvents(`tls | Normal | SecretSync | restored Secret "tls"`, `tls | Normal | RolloutRestartTriggered | restarted Deployment "app"`)
		if diff := cmp.Diff(want, w.secret("tls").Data); diff != "" {
			t.Errorf("data (-want +got):\n%s", diff)
		}
		if err := w.cluster.Delete(t.Context(), w.secret("tls")); err != nil {
			t.Fatal(err)
		}
		w.wake(s)
		w.wantIssued(0)
		w.takeover(nil)
		w.wake(s)
		w.wantIssued(0)
		w.wantWrites(map[string]int{})
		drift()
		w.wantIssued(1)
	})
}

// TestCertificateOutage: while Vault is away the certificate stays, and the status
// says what is wrong, once.
func TestCertificateOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := authority(t)
		s := pkiSecret()
		w.create(s)
		w.wantEvents(firstTLS)
		before := w.secret("tls").Data
		w.vault.Seal()
		pass(99 * time.Hour)
		w.wantCondition(s, v1beta1.ConditionReady, metav1.ConditionFalse, "VaultClientError", "PUT http://vault/v1/pki/issue/web: sealed")
		if s.Status.Valid || !strings.HasPrefix(s.Status.Error, "PUT http://vault/v1/pki/issue/web: sealed") {
			t.Errorf("status %+v", s.Status)
		}
		if len(w.events) != 1 {
			t.Errorf("events %q", w.events)
		}
		if diff := cmp.Diff(before, w.secret("tls").Data); diff != "" {
			t.Errorf("data (-want +got):\n%s", diff)
		}
		w.vault.Unseal()
		w.vault.ResetRequests()
		pass(time.Minute)
		w.wantIssued(1)
		w.wantCondition(s, v1beta1.ConditionReady, metav1.ConditionTrue, "Synced", "")
		if !s.Status.Valid || s.Status.Error != "" {
			t.Errorf("status %+v", s.Status)
		}
	})
}

func TestCertificateWriteFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := authority(t)
		var fail atomic.Bool
		fail.Store(true)
		w.kinds.all[2].kind.(*certificate).o.Destination = failing{w.writer, func() error {
			if fail.Load() {
				return errors.New("the server is broken")
			}
			return nil
		}}
		s := pkiSecret()
		w.create(s)
		pass(time.Minute)
		w.wantIssued(1)
		fail.Store(false)
		pass(time.Minute)
		w.wantIssued(0)
		w.wantCondition(s, v1beta1.ConditionSecretSynced, metav1.ConditionTrue, "Synced", "")
	})
}

func TestCertificateRevoke(t *testing.T) {
	rolling := &v1beta1.RotationPolicy{Previous: v1beta1.PreviousRevokeAfterRollout, GracePeriod: "20s"}
	cases := map[string]struct {
		change      func(*vpki)
		early, late int
	}{
		"Left":    {func(*vpki) {}, 0, 0},
		"AtOnce":  {func(s *vpki) { s.Spec.Revoke = true }, 1, 1},
		"Rollout": {func(s *vpki) { s.Spec.Rotation = rolling }, 0, 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := authority(t)
				s := pkiSecret(tc.change)
				w.answerRevocations()
				w.create(s)
				w.get(s)
				serial := s.Status.SerialNumber
				start := time.Now()
				w.rolled = func(rollout.Request) (bool, error) { return time.Since(start) >= time.Minute, nil }
				w.edit(s, func() { s.Annotations = map[string]string{v1beta1.AnnotationRefresh: "1"} })
				if got := w.revoked(); got != tc.early {
					t.Errorf("%d revocations at once, want %d", got, tc.early)
				}
				pass(3 * time.Minute)
				if got := w.revoked(); got != tc.late {
					t.Errorf("%d revocations, want %d", got, tc.late)
				}
				w.get(s)
				if s.Status.SerialNumber == serial || len(s.Status.PreviousCertificates) != 0 {
					t.Errorf("status %+v", s.Status)
				}
			})
		})
	}
}

func TestCertificateDelete(t *testing.T) {
	cases := map[string]struct {
		change  func(*vpki)
		fault   bool
		revoked int
		empty   bool
		event   string
	}{
		"Left":   {change: func(*vpki) {}},
		"Revoke": {change: func(s *vpki) { s.Spec.Revoke = true }, revoked: 1, event: "tls | Normal | CertificateRevoked | revoked certificate "},
		"Down":   {change: func(s *vpki) { s.Spec.Revoke = true }, fault: true, revoked: 2, event: "tls | Warning | LeaseOrphaned | certificate "},
		"Clear":  {change: func(s *vpki) { s.Spec.Clear, s.Spec.Destination.Create = true, false }, empty: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := authority(t)
				k := w.kinds.all[2].kind.(*certificate)
				go func() { _ = k.Start(t.Context()) }()
				s := pkiSecret(tc.change)
				if !s.Spec.Destination.Create {
					foreign := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "tls"}, Data: map[string][]byte{"other": []byte("x")}}
					if err := w.cluster.Create(t.Context(), foreign); err != nil {
						t.Fatal(err)
					}
				}
				w.create(s)
				w.wantEvents(firstTLS)
				if tc.fault {
					w.vault.Fault(fakevault.Fault{Path: "pki/revoke", Status: http.StatusServiceUnavailable, Times: 1})
				}
				w.answerRevocations()
				if err := w.cluster.Delete(t.Context(), s); err != nil {
					t.Fatal(err)
				}
				w.wake(s)
				pass(time.Minute)
				if got := w.revoked(); got != tc.revoked {
					t.Errorf("%d revocations, want %d", got, tc.revoked)
				}
				if tc.event != "" && (len(w.events) != 1 || !strings.HasPrefix(w.events[0], tc.event)) {
					t.Errorf("events %q", w.events)
				}
				if got := len(w.secret("tls").Data); tc.empty != (got == 0) {
					t.Errorf("the Secret has %d keys", got)
				}
			})
		})
	}
}

// TestCertificateKeystores waits for the password before anything is issued.
func TestCertificateKeystores(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := authority(t)
		ref := v1beta1.SecretKeyRef{Name: "store", Key: "password"}
		s := pkiSecret(func(s *vpki) {
			s.Spec.Keystores = &v1beta1.Keystores{PKCS12: &v1beta1.Keystore{PasswordSecretRef: ref}}
		})
		w.create(s)
		w.wantIssued(0)
		w.wantCondition(s, v1beta1.ConditionReady, metav1.ConditionFalse, "InvalidResourceRef", `keystores: there is no Secret "store"`)
		password := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "store"}}
		if err := w.cluster.Create(t.Context(), password); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		w.wantCondition(s, v1beta1.ConditionReady, metav1.ConditionFalse, "InvalidResourceRef", `keystores: Secret "store" has no key "password"`)
		password.Data = map[string][]byte{"password": []byte("secret")}
		if err := w.cluster.Update(t.Context(), password); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		w.wantIssued(1)
		if len(w.secret("tls").Data["keystore.p12"]) == 0 {
			t.Error("there is no keystore")
		}
		w.forgetWrites()
		w.wake(s)
		w.wantWrites(map[string]int{})
	})
}

func TestCertificateRequest(t *testing.T) {
	cases := map[string]struct {
		spec v1beta1.VaultPKISecretSpec
		path string
		body map[string]any
	}{
		"Least": {v1beta1.VaultPKISecretSpec{Mount: "pki", Role: "web"}, "pki/issue/web", map[string]any{"remove_roots_from_chain": true}},
		"All": {
			v1beta1.VaultPKISecretSpec{
				Mount: "/pki/", Role: "web", IssuerRef: "next", CommonName: "a", AltNames: []string{"b", "c"}, IPSans: []string{"1.2.3.4"},
				URISans: []string{"spiffe://a"}, OtherSans: []string{"1.3;UTF8:x"}, UserIDs: []string{"u", "v"}, TTL: "2d", Format: "pem_bundle",
				PrivateKeyFormat: "pkcs8", NotAfter: "2030-01-01T00:00:00Z", ExcludeCNFromSans: true,
			},
			"pki/issuer/next/issue/web",
			map[string]any{
				"remove_roots_from_chain": true, "common_name": "a", "alt_names": "b,c", "ip_sans": "1.2.3.4", "uri_sans": "spiffe://a",
				"other_sans": "1.3;UTF8:x", "user_ids": "u,v", "ttl": "172800s", "format": "pem_bundle", "private_key_format": "pkcs8",
				"not_after": "2030-01-01T00:00:00Z", "exclude_cn_from_sans": true,
			},
		},
		"Sign":       {v1beta1.VaultPKISecretSpec{Mount: "pki", Role: "web", PrivateKey: &v1beta1.PrivateKey{}}, "pki/sign/web", map[string]any{"remove_roots_from_chain": true}},
		"SignIssuer": {v1beta1.VaultPKISecretSpec{Mount: "pki", Role: "web", IssuerRef: "i", PrivateKey: &v1beta1.PrivateKey{}}, "pki/issuer/i/sign/web", map[string]any{"remove_roots_from_chain": true}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := certificatePath(&tc.spec); got != tc.path {
				t.Errorf("path %s, want %s", got, tc.path)
			}
			if diff := cmp.Diff(tc.body, certificateBody(&tc.spec)); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPrivateKeys makes keys, writes them as a Secret holds them, and takes them up
// again.
func TestPrivateKeys(t *testing.T) {
	cases := map[string]struct {
		key    v1beta1.PrivateKey
		format string
		pkcs   string
		begins string
		kind   string
	}{
		"EC":      {key: v1beta1.PrivateKey{}, begins: "-----BEGIN EC PRIVATE KEY-----", kind: "ec"},
		"EC384":   {key: v1beta1.PrivateKey{Algorithm: "ec", Size: 384}, pkcs: "pkcs8", begins: "-----BEGIN PRIVATE KEY-----", kind: "ec"},
		"RSA":     {key: v1beta1.PrivateKey{Algorithm: "rsa"}, begins: "-----BEGIN RSA PRIVATE KEY-----", kind: "rsa"},
		"Ed25519": {key: v1beta1.PrivateKey{Algorithm: "ed25519"}, begins: "-----BEGIN PRIVATE KEY-----", kind: "ed25519"},
		"DER":     {key: v1beta1.PrivateKey{}, format: "der", kind: "ec"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			spec := &v1beta1.VaultPKISecretSpec{CommonName: "a.example.com", AltNames: []string{"b", "x@example.com"}, IPSans: []string{"1.2.3.4"}, URISans: []string{"spiffe://a"}, Format: tc.format, PrivateKeyFormat: tc.pkcs}
			key, err := newPrivateKey(&tc.key, sensitive.String{})
			if err != nil {
				t.Fatal(err)
			}
			text, err := key.encode(spec)
			if err != nil || !strings.HasPrefix(text, tc.begins) || key.kind() != tc.kind {
				t.Errorf("%.40s, kind %s, error %v", text, key.kind(), err)
			}
			tc.key.Policy = v1beta1.PrivateKeyKeep
			again, err := newPrivateKey(&tc.key, sensitive.New(text))
			if err != nil {
				t.Fatal(err)
			}
			if other, _ := again.encode(spec); other != text {
				t.Error("the key was not kept")
			}
			tc.key.Policy = v1beta1.PrivateKeyRotate
			if next, _ := newPrivateKey(&tc.key, sensitive.New(text)); next == nil {
				t.Error("no key")
			} else if other, _ := next.encode(spec); other == text {
				t.Error("the key was not rotated")
			}
			csr, err := key.request(spec)
			if err != nil {
				t.Fatal(err)
			}
			block, _ := pem.Decode([]byte(csr))
			parsed, err := x509.ParseCertificateRequest(block.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"a.example.com", "b"}, parsed.DNSNames); diff != "" || len(parsed.EmailAddresses)+len(parsed.IPAddresses)+len(parsed.URIs) != 3 {
				t.Errorf("%+v", parsed)
			}
		})
	}
}

func TestPrivateKeyRefused(t *testing.T) {
	wrong := map[string]v1beta1.PrivateKey{
		`make a private key: the algorithm "x" is not known`: {Algorithm: "x"},
		"make a private key: there is no curve of 100 bits":  {Size: 100},
	}
	for want, spec := range wrong {
		if _, err := newPrivateKey(&spec, sensitive.String{}); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	ec, err := newPrivateKey(&v1beta1.PrivateKey{}, sensitive.New("no key"))
	if err != nil {
		t.Fatal(err)
	}
	if ec.fits(&v1beta1.PrivateKey{Algorithm: "rsa"}) || ec.fits(&v1beta1.PrivateKey{Size: 384}) {
		t.Error("another kind of key is kept")
	}
	if _, err := ec.request(&v1beta1.VaultPKISecretSpec{IPSans: []string{"x"}}); err == nil || err.Error() != `ipSans: "x" is no IP address` {
		t.Error(err)
	}
	if _, err := ec.request(&v1beta1.VaultPKISecretSpec{URISans: []string{":"}}); err == nil || err.Error() != `uriSans: ":" is no URI` {
		t.Error(err)
	}
}
