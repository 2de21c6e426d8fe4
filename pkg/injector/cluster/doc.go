// Package cluster is what the injector does in its cluster: it keeps a Secret,
// holds a Lease, watches and patches one webhook configuration, and looks for
// pods that run without what they asked for. None of that is needed to answer an
// admission request.
//
// It speaks to the API server in JSON over HTTP by itself, in a few files: the
// usual client libraries register all kinds of all groups when a program starts,
// which every agent in every pod would pay for. [InCluster] or [New] make a
// [Client]; the other types are made of one: [Secret], [Elector], [Publisher],
// [Census].
package cluster
