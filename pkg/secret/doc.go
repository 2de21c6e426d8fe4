// Package secret holds what Vault gave us: the shared store of every mode.
//
// A [Query] names a secret, an [Identity] says with whose eyes it is seen. The
// [Store] fetches a query once per identity however many watch it, keeps it
// fresh by its own state machine (renewed, refreshed or polled; see the ordered
// checks in policy.go), and hands every watcher the newest whole [State]. One
// secret that fails, expires or is denied never touches another.
//
// Most callers need two functions: Store.Watch and Watch.State.
package secret
