package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseTargets(t *testing.T) {
	cases := map[string]struct {
		words   []string
		want    []Target
		wantErr string
	}{
		"Nothing":  {want: AllTargets()},
		"One":      {words: []string{"etcd"}, want: []Target{TargetEtcd}},
		"Order":    {words: []string{"postgres", "vault"}, want: []Target{TargetPostgres, TargetVault}},
		"Repeated": {words: []string{"etcd", "vault", "etcd"}, want: []Target{TargetEtcd, TargetVault}},
		"Unknown": {
			words:   []string{"etcd", "consul"},
			wantErr: `unknown target "consul": expected one of ` + fmt.Sprint(AllTargets()),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := ParseTargets(tc.words)
			if (err == nil) != (tc.wantErr == "") || err != nil && err.Error() != tc.wantErr {
				t.Fatalf("error %v, want %q", err, tc.wantErr)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRecipeFor(t *testing.T) {
	src := t.TempDir()
	writeTree(t, src, map[string]string{
		"kubernetes/go.mod": "module x\n\nrequire k8s.io/kubernetes v1.36.3\n",
		"helm/go.mod":       "module x\n\nrequire k8s.io/client-go v0.37.0 // indirect\n",
	})
	common := []string{"-trimpath", "-buildvcs=false", "-gcflags=all=-dwarf=false"}
	const versions = "-ldflags=-s -w" +
		" -X k8s.io/component-base/version.gitVersion=v1.36.3 -X k8s.io/component-base/version.gitTreeState=clean" +
		" -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36" +
		" -X k8s.io/client-go/pkg/version.gitVersion=v1.36.3 -X k8s.io/client-go/pkg/version.gitTreeState=clean" +
		" -X k8s.io/client-go/pkg/version.gitMajor=1 -X k8s.io/client-go/pkg/version.gitMinor=36"
	cases := map[Target]recipe{
		TargetVault:        {dir: "vault", pkg: ".", flags: append(common, "-ldflags=-s -w")},
		TargetCSIDriver:    {dir: "csidriver", pkg: ".", flags: append(common, "-ldflags=-s -w")},
		TargetOldCSIDriver: {dir: "csidriver-old", pkg: ".", flags: append(common, "-ldflags=-s -w")},
		TargetCertManager:  {dir: "cert-manager", pkg: ".", flags: append(common, "-ldflags=-s -w")},
		TargetEtcd:         {dir: "etcd", pkg: ".", flags: append(common, "-ldflags=-s -w")},
		TargetVaultAgent:   {dir: "vault", pkg: "github.com/hashicorp/vault", flags: append(common, "-ldflags=-s -w", "-tags=minimal")},
		TargetAPIServer:    {dir: "kubernetes", pkg: "k8s.io/kubernetes/cmd/kube-apiserver", flags: append(common, versions)},
		TargetKubelet:      {dir: "kubernetes", pkg: "k8s.io/kubernetes/cmd/kubelet", flags: append(common, versions)},
		TargetRunc: {
			dir: "runc", pkg: "github.com/opencontainers/runc", flags: append(common, "-ldflags=-s -w", "-tags=seccomp"), env: []string{"CGO_ENABLED=1"},
		},
		TargetShim: {
			dir: "containerd", pkg: "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
			flags: append(common, "-ldflags=-s -w", "-tags=no_btrfs,no_zfs,no_devmapper,no_tracing"),
		},
		TargetLoopback:     {dir: "cni", pkg: "github.com/containernetworking/plugins/plugins/main/loopback", flags: append(common, "-ldflags=-s -w")},
		TargetHostLocal:    {dir: "cni", pkg: "github.com/containernetworking/plugins/plugins/ipam/host-local", flags: append(common, "-ldflags=-s -w")},
		TargetCoreDNS:      {dir: "coredns", pkg: ".", flags: append(common, "-ldflags=-s -w")},
		TargetNode:         {dir: "labnode", pkg: ".", flags: append(common, "-ldflags=-s -w")},
		TargetRegistrar:    {dir: "labnode", pkg: "./registrar", flags: append(common, "-ldflags=-s -w")},
		TargetSecretsStore: {dir: "secrets-store", pkg: "sigs.k8s.io/secrets-store-csi-driver/cmd/secrets-store-csi-driver", flags: append(common, "-ldflags=-s -w")},
		TargetImage:        {dir: "../../../internal/image", pkg: ".", flags: append(common, "-ldflags=-s -w")},
		TargetHelm: {
			dir: "helm", pkg: "helm.sh/helm/v3/cmd/helm", flags: append(common, "-ldflags=-s -w"+
				" -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=37"),
		},
		TargetScheduler: {dir: "kubernetes", pkg: "k8s.io/kubernetes/cmd/kube-scheduler", flags: append(common, versions)},
	}
	for target, want := range cases {
		t.Run(string(target), func(t *testing.T) {
			want.target, want.dir = target, filepath.Join(src, want.dir)
			got, err := recipeFor(src, target)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(recipe{})); diff != "" {
				t.Error(diff)
			}
		})
	}
	_, err := recipeFor(src, TargetPostgres)
	if err == nil || err.Error() != `target "postgres" is not compiled` {
		t.Errorf("postgres: %v", err)
	}
}

func TestRequiredVersion(t *testing.T) {
	cases := map[string]struct{ gomod, want string }{
		"Block":          {gomod: "require (\n\tk8s.io/api v0.36.3\n\tk8s.io/kubernetes v1.36.3 // why\n)\n", want: "v1.36.3"},
		"Line":           {gomod: "require k8s.io/kubernetes v1.2.3", want: "v1.2.3"},
		"Longer name":    {gomod: "require k8s.io/kubernetes-extra v1.2.3"},
		"Only replaced":  {gomod: "replace k8s.io/kubernetes => ../kubernetes"},
		"Other position": {gomod: "replace example.test/x => k8s.io/kubernetes v1.2.3"},
		"Empty":          {},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "go.mod")
			writeTree(t, filepath.Dir(file), map[string]string{"go.mod": tc.gomod})
			got, err := requiredVersion(file, "k8s.io/kubernetes")
			if got != tc.want || (err == nil) != (tc.want != "") {
				t.Errorf("got %q, %v; want %q", got, err, tc.want)
			}
		})
	}
}

func FuzzRequiredVersion(f *testing.F) {
	f.Add("require k8s.io/kubernetes v1.2.3")
	f.Add("require (\n\tk8s.io/kubernetes v1\n)")
	f.Fuzz(func(t *testing.T, gomod string) {
		file := filepath.Join(t.TempDir(), "go.mod")
		writeTree(t, filepath.Dir(file), map[string]string{"go.mod": gomod})
		got, err := requiredVersion(file, "k8s.io/kubernetes")
		if (got == "") != (err != nil) || got != "" && got[0] != 'v' {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

// writeTree writes files by their slash-separated path below dir.
func writeTree(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
