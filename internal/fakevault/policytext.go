package fakevault

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/scanner"
)

var knownCapabilities = []string{
	"create", "read", "update", "delete", "list", "patch", "sudo", "deny", "subscribe", "recover",
}

// policyText writes rules as the HCL that reading the policy gives back.
func policyText(paths map[string][]string) string {
	var b strings.Builder
	for _, p := range slices.Sorted(maps.Keys(paths)) {
		pattern, _ := json.Marshal(p)                            // strings always encode
		caps, _ := json.Marshal(append([]string{}, paths[p]...)) // and no list is an empty one
		fmt.Fprintf(&b, "path %s {\n  capabilities = %s\n}\n", pattern, caps)
	}
	return b.String()
}

// parsePolicy reads a policy document: JSON, or the part of HCL that policies
// are written in. Settings other than capabilities are read over.
func parsePolicy(text string) (map[string][]string, error) {
	parse := parsePolicyHCL
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		parse = parsePolicyJSON
	}
	paths, err := parse(text)
	if err != nil {
		return nil, err
	}
	for _, p := range slices.Sorted(maps.Keys(paths)) {
		for _, c := range paths[p] {
			if !slices.Contains(knownCapabilities, c) {
				return nil, fmt.Errorf("path %q: invalid capability %q", p, c)
			}
		}
	}
	return paths, nil
}

func parsePolicyJSON(text string) (map[string][]string, error) {
	var doc struct {
		Path map[string]struct {
			Capabilities []string `json:"capabilities"`
		} `json:"path"`
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		return nil, err
	}
	out := map[string][]string{}
	for p, rule := range doc.Path {
		out[p] = rule.Capabilities
	}
	return out, nil
}

// policyScanner reads HCL token by token; the first error stays.
type policyScanner struct {
	scanner.Scanner
	token rune
	err   error
}

func parsePolicyHCL(text string) (map[string][]string, error) {
	p := &policyScanner{}
	p.Init(strings.NewReader(hashComments(text)))
	p.Error = func(_ *scanner.Scanner, msg string) { p.fail(errors.New(msg)) }
	out := map[string][]string{}
	for p.next(); p.err == nil && p.token != scanner.EOF; {
		p.expectIdent("path")
		pattern := p.str()
		out[pattern] = append(out[pattern], p.block()...)
	}
	return out, p.err
}

// hashComments turns comments that begin with # into ones that text/scanner skips.
func hashComments(text string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if t := strings.TrimSpace(l); strings.HasPrefix(t, "#") {
			lines[i] = "//" + t[1:]
		}
	}
	return strings.Join(lines, "\n")
}

func (p *policyScanner) next() { p.token = p.Scan() }

func (p *policyScanner) fail(err error) {
	if p.err == nil {
		at := p.Pos()
		p.err = fmt.Errorf("at %d:%d: %w", at.Line, at.Column, err)
	}
}

func (p *policyScanner) expect(want rune) {
	if p.token != want {
		p.fail(fmt.Errorf("expected %s, found %q", scanner.TokenString(want), p.TokenText()))
	}
	p.next()
}

func (p *policyScanner) expectIdent(want string) {
	if p.TokenText() != want {
		p.fail(fmt.Errorf("expected %q, found %q", want, p.TokenText()))
	}
	p.expect(scanner.Ident)
}

func (p *policyScanner) str() string {
	var s string
	if p.token == scanner.String {
		if err := json.Unmarshal([]byte(p.TokenText()), &s); err != nil {
			p.fail(err)
		}
	}
	p.expect(scanner.String)
	return s
}

// block reads { name = value ... } and returns the value of capabilities.
func (p *policyScanner) block() []string {
	var caps []string
	p.expect('{')
	for p.err == nil && p.token != '}' {
		name := p.TokenText()
		p.expect(scanner.Ident)
		if name == "capabilities" {
			p.expect('=')
			caps = p.list()
			continue
		}
		p.skipValue()
	}
	p.expect('}')
	return caps
}

func (p *policyScanner) list() []string {
	var out []string
	p.expect('[')
	for p.err == nil && p.token != ']' {
		out = append(out, p.str())
		if p.token == ',' {
			p.next()
		}
	}
	p.expect(']')
	return out
}

// skipValue reads over "= value" or a nested block.
func (p *policyScanner) skipValue() {
	if p.token == '=' {
		p.next()
	}
	depth := 0
	for {
		switch p.token {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case scanner.EOF:
			p.fail(errors.New("the document ends within a block"))
			return
		}
		p.next()
		if depth <= 0 {
			return
		}
	}
}

// defaultPolicy is the part of Vault's default policy that this server serves.
func defaultPolicy() *policy {
	paths := map[string][]string{
		"auth/token/lookup-self": {"read"},
		"auth/token/renew-self":  {"update"},
		"auth/token/revoke-self": {"update"},
		"sys/capabilities-self":  {"update"},
		"sys/renew":              {"update"},
		"sys/leases/renew":       {"update"},
		"sys/leases/lookup":      {"update"},
		"sys/wrapping/wrap":      {"update"},
		"sys/wrapping/lookup":    {"update"},
		"sys/wrapping/unwrap":    {"update"},
	}
	return &policy{text: policyText(paths), paths: paths}
}

// wrappingPolicy is what a wrapping token may do.
func wrappingPolicy() *policy {
	paths := map[string][]string{"sys/wrapping/unwrap": {"update"}}
	return &policy{text: policyText(paths), paths: paths}
}
