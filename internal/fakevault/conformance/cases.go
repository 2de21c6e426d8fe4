package conformance

import "slices"

// Cases is the table.
func Cases() []Case {
	return slices.Concat(kvCases(), systemCases(), policyCases(), tokenCases(), wrappingCases(), leaseCases(), loginCases(), pkiCases(), sealCases())
}

// Short forms, so that a case reads as a list of requests.

func get(path string) Step              { return Step{Method: "GET", Path: path} }
func list(path string) Step             { return Step{Method: "LIST", Path: path} }
func post(path, body string) Step       { return Step{Method: "POST", Path: path, Body: body} }
func put(path, body string) Step        { return Step{Method: "PUT", Path: path, Body: body} }
func remove(path string) Step           { return Step{Method: "DELETE", Path: path} }
func other(method, path string) Step    { return Step{Method: method, Path: path} }
func (s Step) as(token string) Step     { s.As = token; return s }
func (s Step) save(n, path string) Step { s.Save = map[string]string{n: path}; return s }
func (s Step) header(k, v string) Step  { s.Header = map[string]string{k: v}; return s }

func (s Step) until(text string) Step { s.Until = text; return s }

// nobody sends no token.
const nobody = "-"

// wrapped asks for the answer in a wrapping token that lives for a minute.
func (s Step) wrapped() Step { return s.header("X-Vault-Wrap-TTL", "60s") }

var (
	mountKV1 = post("sys/mounts/{m}", `{"type":"kv"}`)
	mountKV2 = post("sys/mounts/{m}", `{"type":"kv","options":{"version":"2"}}`)
)

// policyFor writes the policy {m} with the rules.
func policyFor(rules string) Step { return post("sys/policies/acl/{m}", `{"policy":`+quote(rules)+`}`) }

// limited makes the token {limited} with the policy {m}.
var limited = post("auth/token/create", `{"policies":["{m}"],"ttl":"1h"}`).save("limited", "auth.client_token")
