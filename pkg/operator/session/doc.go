// Package session keeps the operator logged in to Vault for the custom resources.
//
// What a resource refers to is resolved to one [Session] for each cache key: one
// login, one token kept alive and one set of secrets, however many resources
// share it. [Sessions] owns them all, with one schedule for everything that has a
// time: tokens, reads, credentials that are looked at again, sessions that nobody
// uses any more.
//
// Secrets and tokens of Kubernetes are read when a login needs them, and kept
// nowhere but in that login. A VaultAuth or VaultConnection that changes ends the
// sessions that were made of it; see [Sessions.Changed].
//
// Most callers need two functions: [Sessions.For] and [Session.Watch].
package session
