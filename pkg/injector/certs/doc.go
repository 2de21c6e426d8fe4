// Package certs makes the certificates that the webhook serves with, and renews
// them so that no request is lost.
//
// A [State] holds an authority and its successor while there is one.
// [State.Encode] and [Decode] carry it through a Secret, so that restarts and
// upgrades change nothing. [Advance] decides what is due and is a function of
// values. A [Keeper] does it: in every replica it reads the Secret and issues a
// certificate of its own, and in the one that leads it also writes the Secret.
// [Watch] takes the certificate from files in place of all that. Both put it into
// a [Holder], which the listener asks at each handshake.
//
// The order of a change of authorities is what keeps requests alive. First the
// successor is only trusted: its certificate is added to the bundle that the API
// server verifies with. When that has been known for a while, the successor
// signs; the former authority stays trusted until it ends, because replicas take
// up the change one after the other.
package certs
