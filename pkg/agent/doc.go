// Package agent is the mode that runs beside an application: it logs in to
// Vault with the pod's token, renders templates to files, keeps leases alive
// and files fresh, and runs a command after a change.
//
// [Run] is the whole program: it arranges a session, a store and the deliveries
// in one schedule. Everything that waits for a time or for an event is an entry
// there, so an idle agent has one timer and no goroutine per template or lease.
// With exit_after_auth it ends after the first delivery (an init container), and
// hands token and leases over to the next agent through an encrypted file on a
// memory volume; else it goes on until it is told to stop (a sidecar).
package agent
