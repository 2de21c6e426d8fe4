// Package fakevault is a Vault that lives inside the test process. It speaks
// Vault's HTTP API with the status codes, bodies and error texts of Vault 1.21,
// and exists for what a real server cannot give: virtual time and faults.
//
// Most tests need two functions: [New] makes a server, and the server itself is
// the http.RoundTripper to put into a client ([Server.RoundTrip]).
//
//	s := fakevault.New()
//	s.EnableKV("secret", 2)
//	s.PutKV("secret", "app/db", map[string]any{"password": "s3cr3t"})
//	client := &http.Client{Transport: s}
//
// A Server has no goroutine and no timer: leases and tokens end, passwords rotate
// and the uses of a secret id run out when somebody looks, by time.Now. So it
// works inside a testing/synctest bubble, where a test jumps weeks. It is also an
// http.Handler, for tests that need a socket.
//
// The methods named Enable..., Policy, ...Role and PutKV set it up; the HTTP API
// can do the same. Fault, Seal, RevokeToken, RevokeLease and ExpireEverything
// make it misbehave; Requests, Count, Leases and Logins tell what happened.
//
// Package conformance runs one table of requests against this server and against
// a real one, so that the two cannot drift apart.
package fakevault
