// Package fanout makes the objects of ClusterVaultSecrets: in every namespace that
// one selects, a VaultStaticSecret, VaultDynamicSecret or VaultPKISecret with the
// spec that it holds. What an object does is none of its business; it only tells in
// the status how many are ready.
//
// An object carries the label secrets.hashicorp.com/cluster-vault-secret with the
// name of its ClusterVaultSecret, which says whose it is. With deletionPolicy
// delete it has that as its owner, too, so that the garbage collector deletes it.
// One without the label is somebody else's and stays as it is.
//
// Most callers need [SetupWithManager]; what is decided is in plan.go, without
// Kubernetes around it.
package fanout
