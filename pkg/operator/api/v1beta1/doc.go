// Package v1beta1 holds the custom resources of the operator, group
// secrets.hashicorp.com.
//
// The kinds, fields, defaults and checks of the older operator are all here under
// their old names, so its manifests are accepted unchanged and its objects can be
// served by either program. What is new is optional: a manifest that does not name
// a new field gets none, because no new field of an old object has a default in the
// schema; what its absence means is written at the field.
//
// Callers need [AddToScheme] to teach a client the kinds, and the constants of
// names.go for everything that is visible in a cluster: finalizers, labels,
// conditions and the reasons of events. The comments of types and fields are the
// text of `kubectl explain`, and docs/operator-api.md is made of them.
//
// After a change of a type run `make generate`, which writes the deep copies, the
// definitions in charts/vaultk8s/files/crds and docs/operator-api.md anew.
//
// +kubebuilder:object:generate=true
// +groupName=secrets.hashicorp.com
package v1beta1

//go:generate go tool -modfile=../../../../tools/go.mod controller-gen object crd paths=. output:crd:dir=../../../../charts/vaultk8s/files/crds
//go:generate go test . -run ^(TestReference|TestSurface)$ -update
