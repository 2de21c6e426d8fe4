// Package operator is the mode of custom resources: it keeps Kubernetes Secrets
// equal to what Vault holds.
//
// [Run] is all that a program needs; [Rights] lists what it has to be allowed. The
// way through the files: cluster.go reaches the API server and fills one cache,
// run.go arranges what a process has once (sessions with Vault, endpoints), and
// term.go what it has for each shard of namespaces that it works on: a manager with
// the reconcilers of all kinds, whose rooms are the folders below. A process that
// waits for a Lease has its cache filled already, so that it goes on at once.
//
// Vault being away neither ends the process nor makes it unready.
package operator
