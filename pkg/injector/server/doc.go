// Package server runs the injector: it puts the webhook, its certificates and
// what is done in the cluster together.
//
// [Run] is all that a program needs; [Defaults] turns settings into what package
// injector takes, for those who inject files. The way through the files: run.go
// arranges, tls.go chooses where the certificate comes from, readiness.go says
// when the API server may come. Every replica answers requests; of several, the
// holder of a Lease renews authorities and writes the webhook configuration.
package server
