// Package push writes Secrets of the cluster to Vault's KV engine, as
// VaultPushSecrets ask for.
//
// A path belongs to one object. With KV version 2 its custom metadata managed-by
// says to which, and every write is checked against the version that was read, so
// that nothing of somebody else is ever lost unseen. What is to be done is decided
// in decide.go, from what the Secret and the path hold; nothing is written to Vault
// or to the cluster where both agree.
//
// A source is noticed when it changes: its metadata is watched, by name. Its data
// is read only while it is pushed, and not kept.
//
// Most callers need [SetupWithManager].
package push
