// Package references looks after the custom resources that others refer to:
// VaultConnection, VaultAuth, VaultAuthGlobal, SecretTransformation, CSISecrets.
//
// Each is judged, and what comes of it is in its status; of connections the health
// is looked at now and then. Nothing here waits for Vault when an object is
// deleted, and no status is written that says nothing new.
//
// Most callers need two functions: [SetupWithManager], and [Follow], which ends
// sessions whose objects changed. Every process has to do that, also where it is not
// the one that writes statuses.
package references
