// Package references looks after the custom resources that others refer to:
// VaultConnection, VaultAuth, VaultAuthGlobal, SecretTransformation, CSISecrets.
//
// Each is judged, and what comes of it is in its status; of connections the health
// is looked at now and then. Nothing here waits for Vault when an object is
// deleted, and no status is written that says nothing new.
//
// [SetupWithManager] is all that most callers need. [Health] tells which Vaults are
// away, and [Follow] ends sessions whose objects changed, which every process has
// to do, also where it is not the one that writes statuses.
package references
