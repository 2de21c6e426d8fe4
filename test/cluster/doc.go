// Package cluster_test tells the stories of README.md and docs on a real cluster: the
// kubelet starts containers of our image, Helm installs our chart, the Secrets Store CSI
// Driver mounts volumes, and Vault and PostgreSQL run beside it. Each story is a folder
// of manifests that a user would write, below stories, and a test of the same name.
//
// One cluster serves all stories, each in a namespace of its own. It takes root on
// Linux. Elsewhere nothing runs, and a line says so; with CI=true that is a failure.
package cluster_test
