// Package conformance holds one table of requests that the in-process Vault and a
// real one must answer alike.
//
// [Run] plays every case against a [Target] and compares each answer (status,
// errors, warnings, the keys and types of the body, and those values that do not
// differ by nature) with a file under testdata. The files are recorded from a real
// server by [Record]: where the two differ, the real one is right.
//
// A case sets itself up through Vault's HTTP API alone, below names of its own, so
// that all cases share one server.
package conformance
