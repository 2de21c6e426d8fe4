package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Target names one thing that [Build] can make available.
type Target string

// The targets; those of a whole cluster are in targetnode.go. All but TargetPostgres
// and TargetLDAP are compiled from a module under mod.
const (
	TargetVault             Target = "vault"
	TargetVaultAgent        Target = "vault-agent" // the command line of Vault, which is the original `vault agent` as well
	TargetEtcd              Target = "etcd"
	TargetAPIServer         Target = "kube-apiserver"
	TargetControllerManager Target = "kube-controller-manager"
	TargetScheduler         Target = "kube-scheduler"
	TargetPostgres          Target = "postgres" // installed from the distribution
	TargetLDAP              Target = "slapd"    // installed from the distribution
	TargetCSIDriver         Target = "csidriver"
	TargetOldCSIDriver      Target = "csidriver-old" // the generation before
)

// AllTargets is everything that tests and measurements need. What is small comes before
// what is large, and is compiled while that is downloaded.
func AllTargets() []Target {
	return append([]Target{
		TargetEtcd, TargetVault, TargetVaultAgent, TargetAPIServer, TargetControllerManager, TargetScheduler, TargetPostgres, TargetLDAP, TargetCSIDriver, TargetOldCSIDriver,
		TargetHelm, TargetCertManager,
	}, NodeTargets()...)
}

// ParseTargets turns words of a command line into targets. No word means
// [AllTargets].
func ParseTargets(words []string) ([]Target, error) {
	if len(words) == 0 {
		return AllTargets(), nil
	}
	var out []Target
	for _, w := range words {
		if !slices.Contains(AllTargets(), Target(w)) {
			return nil, fmt.Errorf("unknown target %q: expected one of %v", w, AllTargets())
		}
		out = append(out, Target(w))
	}
	return dedupe(out), nil
}

func dedupe(in []Target) []Target {
	var out []Target
	for _, t := range in {
		if !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

// recipe is how one target is compiled.
type recipe struct {
	target Target
	dir    string // the nested module
	pkg    string // the main package, as `go build` run in dir understands it
	flags  []string
	env    []string // variables of the build
}

// recipeFor reads mod/kubernetes/go.mod for the version that the Kubernetes
// programs are told at link time; without it they report v0.0.0-master and
// refuse to parse their own version.
func recipeFor(src string, t Target) (recipe, error) {
	// Debugging information would be made, a tenth of the work, and then left out.
	r := recipe{target: t, pkg: ".", flags: []string{"-trimpath", "-buildvcs=false", "-gcflags=all=-dwarf=false", "-ldflags=-s -w"}}
	switch t {
	case TargetVault:
		r.dir = filepath.Join(src, "vault")
	case TargetVaultAgent:
		r.dir, r.pkg = filepath.Join(src, "vault"), "github.com/hashicorp/vault"
		r.flags = append(r.flags, "-tags=minimal")
	case TargetEtcd, TargetCSIDriver, TargetOldCSIDriver, TargetCertManager:
		r.dir = filepath.Join(src, string(t))
	case TargetAPIServer, TargetControllerManager, TargetScheduler, TargetKubelet, TargetProxy, TargetKubectl:
		r.dir, r.pkg = filepath.Join(src, "kubernetes"), "k8s.io/kubernetes/cmd/"+string(t)
		version, err := requiredVersion(filepath.Join(r.dir, "go.mod"), "k8s.io/kubernetes")
		if err != nil {
			return recipe{}, err
		}
		r.flags[len(r.flags)-1] += kubernetesVersionFlags(version)
	case TargetHelm:
		if err := helmRecipe(src, &r); err != nil {
			return recipe{}, err
		}
	default:
		if !nodeRecipe(src, &r) {
			return recipe{}, fmt.Errorf("target %q is not compiled", t)
		}
	}
	return r, nil
}

func kubernetesVersionFlags(version string) string {
	major, minor := majorMinor(version)
	var b strings.Builder
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		fmt.Fprintf(&b, " -X %[1]s.gitVersion=%[2]s -X %[1]s.gitTreeState=clean -X %[1]s.gitMajor=%[3]s -X %[1]s.gitMinor=%[4]s",
			pkg, version, major, minor)
	}
	return b.String()
}

func majorMinor(version string) (major, minor string) {
	major, rest, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	minor, _, _ = strings.Cut(rest, ".")
	return major, minor
}

// requiredVersion finds "module v1.2.3" in a go.mod, replace lines left aside.
func requiredVersion(gomod, module string) (string, error) {
	b, err := os.ReadFile(gomod)
	if err != nil {
		return "", fmt.Errorf("read the pinned version of %s: %w", module, err)
	}
	line := regexp.MustCompile(`(?m)^(?:require)?\s*` + regexp.QuoteMeta(module) + `\s+(v\S+)`)
	m := line.FindSubmatch(b)
	if m == nil {
		return "", fmt.Errorf("no version of %s in %q", module, gomod)
	}
	return string(m[1]), nil
}
