package e2e_test

import (
	"bytes"
	"encoding/pem"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

// storeClass has one certificate in two keystores.
const storeClass = `apiVersion: secrets-store.csi.x-k8s.io/v1
kind: SecretProviderClass
metadata: {name: store, namespace: shop}
spec:
  provider: vault
  parameters:
    vaultAddress: https://vault.example.com:8200
    roleName: csi-store
    objects: |
      - {objectName: web.p12, secretPath: secret/data/csi-store, format: pkcs12, passwordKey: storepass}
      - {objectName: web.jks, secretPath: secret/data/csi-store, format: jks, passwordKey: storepass, alias: web, filePermission: 0400}
`

// TestCSIKeystores mounts keystores through the newest driver and through the
// generation before it, which names the provider's socket in another way.
func TestCSIKeystores(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "classes.yaml")
	must(t, os.WriteFile(file, []byte(storeClass), 0o600))
	ca := authority(t, "csi-store")
	_, cert, key := issue(t, ca, lab.Leaf{CommonName: "web.example.test", DNSNames: []string{"web.example.test"}})
	data := map[string]any{"certificate": string(cert), "private_key": string(key), "issuing_ca": string(ca.PEM()), "storepass": canary + "-store"}
	for name, o := range map[string]lab.CSIDriverOptions{
		"newest driver": {Classes: file, Rotation: time.Millisecond}, "driver before": {Classes: file, Old: true},
	} {
		t.Run(name, func(t *testing.T) {
			n := newCSINodeOf(t, o)
			n.secretOf("csi-store", "csi-store", "csi-store", data)
			n.serveInProcess()
			v := n.volume("store", "csi-store")
			must(t, n.driver.Publish(t.Context(), v))
			n.opensStores(cert, ca.PEM())
			first := n.files()
			must(t, n.driver.Publish(t.Context(), v))
			if diff := cmp.Diff(first, n.files()); diff != "" {
				t.Error("a second call changes the files")
			}
			versions, err := n.driver.Versions(t.Context())
			if err != nil || len(versions["pod-shop-store"]) != 2 {
				t.Errorf("%v %v", versions, err)
			}
			must(t, n.driver.Unpublish(t.Context(), v))
			n.refusesStranger()
		})
	}
}

// opensStores opens both files as an application does.
func (n *csiNode) opensStores(cert, ca []byte) {
	n.t.Helper()
	files := n.files()
	if names := slices.Sorted(maps.Keys(files)); !slices.Equal(names, []string{"web.jks", "web.p12"}) {
		n.t.Fatalf("files %q", names)
	}
	want := pemBlocks(cert, ca)
	_, leaf, authorities, err := pkcs12.DecodeChain([]byte(files["web.p12"]), canary+"-store")
	must(n.t, err)
	if len(authorities) != 1 || !bytes.Equal(leaf.Raw, want[0]) || !bytes.Equal(authorities[0].Raw, want[1]) {
		n.t.Errorf("PKCS#12: another chain, of %d authorities", len(authorities))
	}
	store := keystore.New()
	must(n.t, store.Load(strings.NewReader(files["web.jks"]), []byte(canary+"-store")))
	entry, err := store.GetPrivateKeyEntry("web", []byte(canary+"-store"))
	must(n.t, err)
	if len(entry.CertificateChain) != 2 || !bytes.Equal(entry.CertificateChain[0].Content, want[0]) || len(entry.PrivateKey) == 0 {
		n.t.Errorf("JKS: another chain, of %d", len(entry.CertificateChain))
	}
	info, err := os.Stat(filepath.Join(n.target, "web.jks"))
	must(n.t, err)
	if info.Mode().Perm() != 0o400 {
		n.t.Errorf("mode %v", info.Mode())
	}
}

// refusesStranger publishes a volume for a service-account without a role.
func (n *csiNode) refusesStranger() {
	n.t.Helper()
	ctx := n.t.Context()
	must(n.t, world.kubernetes.CreateServiceAccount(ctx, "shop", "csi-stranger"))
	token, err := world.kubernetes.Token(ctx, "shop", "csi-stranger", "vault", time.Hour)
	must(n.t, err)
	n.token, n.target = token, filepath.Join(n.t.TempDir(), "mount")
	err = n.driver.Publish(ctx, n.volume("store", "csi-stranger"))
	if err == nil || !strings.Contains(err.Error(), "code = PermissionDenied") || len(n.files()) != 0 {
		n.t.Errorf("%d files: %v", len(n.files()), err)
	}
}

// pemBlocks returns the first block of each text.
func pemBlocks(texts ...[]byte) [][]byte {
	var blocks [][]byte
	for _, text := range texts {
		block, _ := pem.Decode(text)
		blocks = append(blocks, block.Bytes)
	}
	return blocks
}
