// Package defaults makes the VaultConnection and the VaultAuths that the values of
// the chart describe, and keeps them as described.
//
// Helm asks the cluster for the kind of every object before it creates the first
// one, so a release cannot hold objects of kinds that it brings itself. Therefore
// the chart writes them to a file, and the operator applies it: [Keeper.Run] does
// so once and ends, [Keeper.Apply] is one attempt. What the file no longer holds is
// deleted; like all resources, the objects outlive a release that is removed.
package defaults
