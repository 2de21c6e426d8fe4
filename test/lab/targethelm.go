package lab

import "path/filepath"

// TargetHelm is the program that installs charts.
const TargetHelm Target = "helm"

// helmRecipe completes the recipe of [TargetHelm]. Helm takes the version of a
// cluster that it does not ask from its own, and that from its linker: without it,
// charts are rendered for Kubernetes 1.20.
func helmRecipe(src string, r *recipe) error {
	r.dir, r.pkg = filepath.Join(src, "helm"), "helm.sh/helm/v3/cmd/helm"
	version, err := requiredVersion(filepath.Join(src, "kubernetes", "go.mod"), "k8s.io/kubernetes")
	if err != nil {
		return err
	}
	const variables = "helm.sh/helm/v3/pkg/chartutil"
	major, minor := majorMinor(version)
	r.flags[2] += " -X " + variables + ".k8sVersionMajor=" + major + " -X " + variables + ".k8sVersionMinor=" + minor
	return nil
}
