// Package inventory finds what of Vault's tools runs in a Kubernetes cluster:
// this program's modes, and the three tools that they replace.
//
// It only reads. [Workloads] tells the programs, [Webhooks] the injectors that the
// API server asks, [Definitions] the kinds of the operator; [Objects] reads any
// collection that may not be there.
package inventory
