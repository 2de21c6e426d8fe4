// Package certs makes and keeps the certificate that the webhook serves with.
//
// Either the injector has an authority of its own: [NewAuthority] makes one, a
// Secret keeps it for all replicas and restarts, [Bundle] says what the webhook's
// configuration has to trust, and [Renew] keeps a certificate of it fresh. Or
// somebody else makes certificates, and [Watch] reads them from files. Both put
// the current one into a [Holder], which the TLS server asks at each handshake.
//
// Nothing here knows Kubernetes; who calls it stores and publishes what it makes.
package certs
