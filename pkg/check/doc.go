// Package check is the doctor: it looks at a cluster and at a Vault, and tells
// what keeps secrets from arriving.
//
// It gathers, then judges. Facts are read once; every check is a small function
// from facts to findings, so that each is tested with a table. Nothing is written
// to the cluster: a pod is made as a dry run, a token of a service account is
// asked for when the user names one, and a token of Vault is revoked at the end.
//
// Most callers need two functions: [Gather] and [Judge].
package check
