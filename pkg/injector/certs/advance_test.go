package certs

import (
	"bytes"
	"crypto/x509"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// year is what lives of authorities are counted in.
const year = 365 * 24 * time.Hour

func advance(t *testing.T, s *State, at time.Time, published bool, want ...Reason) *State {
	t.Helper()
	next, reasons, err := Advance(s, at, published)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, reasons); diff != "" {
		t.Errorf("at %s (-want +got):\n%s", at.Format(time.DateOnly), diff)
	}
	return next
}

// The life of a cluster over twenty years: at each step the bundle that was known
// before and the one that is known after trust whoever signs.
func TestAuthoritiesSucceedEachOther(t *testing.T) {
	first := advance(t, nil, start(), false, AuthorityCreated)
	advance(t, first, start().Add(8*year), true)
	old := start().Add(9*year + time.Hour)
	both := advance(t, first, old, true, AuthorityAdded)
	if both.signer != first.signer || len(both.trusted()) != 2 {
		t.Error("the successor signs before it is known")
	}
	advance(t, both, old.Add(time.Hour), false) // the API server has not heard of it
	second := advance(t, both, old.Add(time.Hour), true, AuthorityPromoted)
	if second.signer != both.successor || second.successor != nil || len(second.trusted()) != 2 {
		t.Error("the successor does not sign")
	}
	for name, s := range map[string]*State{"before": first, "after": second} {
		c := issue(t, s.signer, old, "injector")
		if err := Trusts(both.Bundle(), c, "injector", old); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := Trusts(second.Bundle(), issue(t, first.signer, old, "injector"), "injector", old); err != nil {
		t.Errorf("a replica that has not followed: %v", err)
	}
	advance(t, second, start().Add(10*year-time.Hour), true)
	alone := advance(t, second, start().Add(10*year+time.Hour), true, AuthorityDropped)
	if len(alone.trusted()) != 1 {
		t.Error("an authority that has ended is trusted")
	}
}

func TestAuthorityThatCannotBeUsed(t *testing.T) {
	s := advance(t, nil, start(), false, AuthorityCreated)
	anew := advance(t, s, start().Add(11*year), true, AuthorityCreated)
	if len(anew.trusted()) != 1 {
		t.Error("what has ended is trusted")
	}
	// A clock that was wrong: the authority begins in the future.
	back := advance(t, s, start().Add(-time.Hour), true, AuthorityCreated)
	if len(back.trusted()) != 2 {
		t.Error("replicas with the other clock are not trusted any more")
	}
}

// A round through the Secret changes nothing, with and without a successor.
func TestStateGoesThroughASecret(t *testing.T) {
	first := advance(t, nil, start(), false, AuthorityCreated)
	both := advance(t, first, start().Add(9*year+time.Hour), false, AuthorityAdded)
	second := advance(t, both, start().Add(9*year+2*time.Hour), true, AuthorityPromoted)
	for name, s := range map[string]*State{"alone": first, "with a successor": both, "with a former one": second} {
		t.Run(name, func(t *testing.T) {
			again := throughSecret(t, s)
			if !bytes.Equal(again.Bundle(), s.Bundle()) {
				t.Error("the bundle is another one")
			}
			if !again.signer.certificate.Equal(s.signer.certificate) || (again.successor == nil) != (s.successor == nil) {
				t.Error("the authorities are others")
			}
			if !slices.EqualFunc(again.former, s.former, (*x509.Certificate).Equal) {
				t.Error("the former ones are others")
			}
		})
	}
}

func throughSecret(t *testing.T, s *State) *State {
	t.Helper()
	entries, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Decode(entries)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

func TestDecodeRefuses(t *testing.T) {
	s := advance(t, nil, start().Add(-9*year-time.Hour), false, AuthorityCreated)
	s = advance(t, s, start(), false, AuthorityAdded)
	good, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	const canary = "canary-key"
	cases := map[string]struct{ entry, value, want string }{
		"no bundle":          {entryBundle, "", `entry "ca.crt" holds no certificates in PEM`},
		"text":               {entryBundle, "x", `entry "ca.crt" holds no certificates in PEM`},
		"broken certificate": {entryBundle, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", `entry "ca.crt" holds no certificates in PEM`},
		"no key":             {entryKey, "", `entries "ca.crt" and "ca.key": authority's key is not an EC key in PEM`},
		"text for a key":     {entryKey, canary, `entries "ca.crt" and "ca.key": authority's key is not an EC key in PEM`},
		"other key":          {entryKey, good[entrySuccessorKey].Reveal(), `entries "ca.crt" and "ca.key": authority's certificate and key do not belong together`},
		"no successor's key": {entrySuccessorKey, "", `entries "next-ca.crt" and "next-ca.key": authority's key is not an EC key in PEM`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			entries := map[string]sensitive.String{}
			for key, value := range good {
				entries[key] = value
			}
			entries[tc.entry] = sensitive.New(tc.value)
			if _, err := Decode(entries); text(err) != tc.want {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
	if s, err := Decode(map[string]sensitive.String{"other": sensitive.New("x")}); s != nil || err != nil {
		t.Errorf("a Secret without our entries: %v, %v", s, err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("x", "y", "", "")
	f.Add("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n", "", "")
	f.Fuzz(func(t *testing.T, bundle, key, next, nextKey string) {
		s, err := Decode(map[string]sensitive.String{
			entryBundle: sensitive.New(bundle), entryKey: sensitive.New(key), entrySuccessor: sensitive.New(next), entrySuccessorKey: sensitive.New(nextKey),
		})
		if s != nil && (err != nil || len(s.Bundle()) == 0) {
			t.Errorf("a state with error %v, bundle %q", err, s.Bundle())
		}
	})
}
