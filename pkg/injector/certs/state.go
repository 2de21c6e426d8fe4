package certs

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"slices"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// Names of the Secret's entries.
const (
	entryBundle       = "ca.crt" // everything that is to be trusted, the signer first
	entryKey          = "ca.key" // of the signer
	entrySuccessor    = "next-ca.crt"
	entrySuccessorKey = "next-ca.key"
)

// State is everything that a Secret keeps. It does not change; [Advance] makes
// another one.
type State struct {
	signer    *Authority
	successor *Authority // trusted, but not yet signing; nil for none
	former    []*x509.Certificate
}

// Format implements fmt.Formatter, so that no verb prints a key.
func (s *State) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(sensitive.Redacted)) }

// Bundle returns in PEM what the API server is to trust. Equal states have equal
// bundles, byte for byte.
func (s *State) Bundle() []byte {
	var b bytes.Buffer
	for _, c := range s.trusted() {
		b.Write(encodeCertificate(c))
	}
	return b.Bytes()
}

func (s *State) trusted() []*x509.Certificate {
	all := []*x509.Certificate{s.signer.certificate}
	if s.successor != nil {
		all = append(all, s.successor.certificate)
	}
	return append(all, s.former...)
}

// Encode returns the entries of the Secret. They hold private keys.
func (s *State) Encode() (map[string]sensitive.String, error) {
	entries := map[string]sensitive.String{entryBundle: sensitive.New(string(s.Bundle()))}
	var err error
	if entries[entryKey], err = s.signer.KeyPEM(); err != nil || s.successor == nil {
		return entries, err
	}
	entries[entrySuccessor] = sensitive.New(string(s.successor.PEM()))
	entries[entrySuccessorKey], err = s.successor.KeyPEM()
	return entries, err
}

// entryNames lists all that Encode may write.
func entryNames() []string {
	return []string{entryBundle, entryKey, entrySuccessor, entrySuccessorKey}
}

// Decode reads the entries of a Secret. Without any of ours it returns nil: the
// Secret is new. An error names the entry, and shows nothing of it.
func Decode(entries map[string]sensitive.String) (*State, error) {
	if !slices.ContainsFunc(entryNames(), func(name string) bool { return entries[name].Reveal() != "" }) {
		return nil, nil
	}
	trusted, err := parseCertificates([]byte(entries[entryBundle].Reveal()))
	if err != nil || len(trusted) == 0 {
		return nil, fmt.Errorf("entry %q holds no certificates in PEM", entryBundle)
	}
	var s State
	if s.signer, err = ParseAuthority(encodeCertificate(trusted[0]), entries[entryKey]); err != nil {
		return nil, fmt.Errorf("entries %q and %q: %w", entryBundle, entryKey, err)
	}
	if entries[entrySuccessor].Reveal() != "" {
		s.successor, err = ParseAuthority([]byte(entries[entrySuccessor].Reveal()), entries[entrySuccessorKey])
		if err != nil {
			return nil, fmt.Errorf("entries %q and %q: %w", entrySuccessor, entrySuccessorKey, err)
		}
	}
	for _, c := range trusted[1:] {
		if s.successor == nil || !c.Equal(s.successor.certificate) {
			s.former = append(s.former, c)
		}
	}
	return &s, nil
}
