// Package shard divides the namespaces of a cluster among the processes of the
// operator.
//
// Each shard has a Lease, and whoever holds it works on the namespaces of that
// shard alone. With one shard, which is usual, that is a leader election. The Lease
// is watched, not polled: one that is given back has a new holder at once, and only
// one whose holder was lost is waited for.
//
// A [View] shows a process's cache as if there were nothing but the shard's
// objects, so that the controllers which work in it need not know of shards.
//
// Most callers need two functions: [Lease.Hold] and [NewView].
package shard

import "hash/fnv"

// Of returns the shard of a namespace, 0 to count-1. What has no namespace belongs
// to shard 0.
func Of(namespace string, count int) int {
	if count <= 1 || namespace == "" {
		return 0
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(namespace)) // it cannot fail
	return int(h.Sum32() % uint32(count))
}
