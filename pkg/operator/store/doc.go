// Package store keeps the operator's Vault tokens in Kubernetes Secrets, so that
// a new process goes on with them: the leases of a token live only as long as it.
//
// There is one immutable Secret for each session, named after its cache key, in
// the operator's namespace. Names, labels and contents are those of the operator
// that was there before, whose tokens are taken over, and which can take ours.
// The token is in it either as it is or encrypted by Vault's transit engine, and
// a MAC ties it to the name, so that nobody moves one token to another session.
//
// Most callers need two functions: [Entry.Secret] to keep a token, and [Open] to
// get it back. Vault is not called here: [Encryption] says what to send to it, and
// takes what it answers.
package store
