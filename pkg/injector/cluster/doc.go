// Package cluster is what the injector does in its cluster: it keeps a Secret,
// holds a Lease, watches and patches one webhook configuration, and looks for
// pods that run without what they asked for. None of that is needed to answer an
// admission request.
//
// It speaks to the API server through package kube. [InCluster] finds the server
// and [New] makes a client; the types are made of one: [Secret], [Elector],
// [Publisher], [Census].
package cluster
