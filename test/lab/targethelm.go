package lab

import "path/filepath"

// TargetHelm is the program that installs charts.
const TargetHelm Target = "helm"

// helmRecipe completes the recipe of [TargetHelm]. Helm takes the version of a
// cluster that it does not ask from its linker, which is told that of its client
// library: without it, charts are rendered for Kubernetes 1.20.
func helmRecipe(src string, r *recipe) error {
	r.dir, r.pkg = filepath.Join(src, "helm"), "helm.sh/helm/v3/cmd/helm"
	version, err := requiredVersion(filepath.Join(r.dir, "go.mod"), "k8s.io/client-go")
	if err != nil {
		return err
	}
	const variables = "helm.sh/helm/v3/pkg/chartutil"
	_, minor := majorMinor(version) // v0.36.1 is of Kubernetes 1.36
	r.flags[len(r.flags)-1] += " -X " + variables + ".k8sVersionMajor=1 -X " + variables + ".k8sVersionMinor=" + minor
	return nil
}
