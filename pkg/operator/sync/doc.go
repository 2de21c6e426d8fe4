// Package sync keeps the Secrets of the operator's custom resources equal to what
// Vault holds: VaultStaticSecret, VaultDynamicSecret and VaultPKISecret.
//
// All kinds share one frame, the [Reconciler]. It loads an object, guards it with a
// finalizer, lets the kind work in one visit, and writes conditions, status and
// events only where they say something new. A kind only gathers, judges (package
// due), and acts; what it returns is an outcome: how the object stands, and when to
// look again.
//
// Nothing is polled here. A visit is caused by a change of the object or of what it
// refers to, by new data in the shared store, by a new token, by drift of the Secret,
// or by the time that the visit before it named.
//
// Most callers need two functions: [New] and [Kinds.SetupWithManager].
package sync
