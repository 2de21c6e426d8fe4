package certs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// secret is a Secret in memory, with the API server's check of versions.
type secret struct {
	entries map[string]sensitive.String
	version int
	saves   int
	fail    error
}

func (s *secret) Load(context.Context) (map[string]sensitive.String, string, error) {
	if s.fail != nil {
		return nil, "", s.fail
	}
	if s.entries == nil {
		return nil, "", nil
	}
	return maps.Clone(s.entries), fmt.Sprint(s.version), nil
}

func (s *secret) Save(_ context.Context, entries map[string]sensitive.String, version string) error {
	if s.fail != nil {
		return s.fail
	}
	if s.entries == nil && version != "" || s.entries != nil && version != fmt.Sprint(s.version) {
		return errors.New("conflict")
	}
	s.entries, s.version, s.saves = maps.Clone(entries), s.version+1, s.saves+1
	return nil
}

// replica is one keeper with its holder.
type replica struct {
	*Keeper
	t *testing.T
	h Holder
}

func newReplica(t *testing.T, s *secret) *replica {
	r := &replica{t: t}
	r.Keeper = NewKeeper(s, []string{"injector"}, &r.h)
	return r
}

func (r *replica) sync(lead bool, want ...Reason) {
	r.t.Helper()
	reasons, err := r.Sync(r.t.Context(), lead)
	if err != nil {
		r.t.Fatal(err)
	}
	if diff := cmp.Diff(want, reasons); diff != "" {
		r.t.Errorf("reasons (-want +got):\n%s", diff)
	}
}

// trusts checks that a client with the bundle would go on.
func (r *replica) trusted(bundle []byte) {
	r.t.Helper()
	if err := Trusts(bundle, r.h.Current(), "injector", time.Now()); err != nil {
		r.t.Error(err)
	}
}

func pass(d time.Duration) { time.Sleep(d) } //nolint:forbidigo // virtual time

// Two replicas and the whole change of an authority: whatever bundle the API
// server has, it trusts both.
func TestNoReplicaIsEverDistrusted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s secret
		leader, other := newReplica(t, &s), newReplica(t, &s)
		if _, err := other.Sync(t.Context(), false); !errors.Is(err, ErrNone) || other.h.Current() != nil || other.Bundle() != nil {
			t.Errorf("before there is an authority: %v", err)
		}
		leader.sync(true, AuthorityCreated)
		other.sync(false)
		bundle := leader.Bundle()
		leader.Published(bundle)
		check := func() { leader.trusted(bundle); other.trusted(bundle) }
		check()
		pass(9*year + time.Hour)
		leader.sync(true, AuthorityAdded)
		other.sync(false)
		check() // with the bundle from before
		bundle = leader.Bundle()
		leader.Published(bundle)
		leader.sync(true)
		pass(settle)
		leader.Published(bundle)
		leader.sync(true, AuthorityPromoted)
		check() // the other one has not followed yet
		other.sync(false)
		check()
		bundle = leader.Bundle()
		other.Published(bundle)
		check()
		pass(year)
		other.sync(true, AuthorityDropped) // the leader is another one
		leader.sync(false)
		check()
		if s.saves != 4 {
			t.Errorf("%d writes", s.saves)
		}
	})
}

// A certificate is renewed when nine tenths of its life are over, and only then.
func TestCertificatesAreRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s secret
		r := newReplica(t, &s)
		r.sync(true, AuthorityCreated)
		seen := map[string]bool{}
		for range 7 * 24 {
			r.sync(false)
			c := r.h.Current()
			seen[c.Leaf.SerialNumber.String()] = true
			if left := time.Until(c.Leaf.NotAfter); left < CertificateLife/10-time.Hour {
				t.Errorf("only %v are left", left)
			}
			pass(time.Hour)
		}
		// 168 h in steps of 22 h, the first full hour after 0.9*(24 h+5 min): at 0, 22, ... 154.
		if len(seen) != 8 {
			t.Errorf("%d certificates in a week", len(seen))
		}
		if s.saves != 1 {
			t.Errorf("%d writes", s.saves)
		}
	})
}

// While the Secret cannot be read, the authority that is held goes on.
func TestOutageOfTheAPIServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s secret
		r := newReplica(t, &s)
		r.sync(true, AuthorityCreated)
		bundle := r.Bundle()
		s.fail = errors.New("away")
		pass(30 * 24 * time.Hour)
		if _, err := r.Sync(t.Context(), true); text(err) != "read authorities: away" {
			t.Errorf("error %v", err)
		}
		r.trusted(bundle)
	})
}

func TestSyncErrors(t *testing.T) {
	t.Run("a Secret of somebody else", func(t *testing.T) {
		s := secret{entries: map[string]sensitive.String{entryBundle: sensitive.New("x"), "more": sensitive.New("y")}}
		r := newReplica(t, &s)
		if _, err := r.Sync(t.Context(), false); text(err) != `read authorities: entry "ca.crt" holds no certificates in PEM` {
			t.Errorf("error %v", err)
		}
		r.sync(true, AuthorityCreated)
		if s.entries["more"].Reveal() != "y" {
			t.Error("the other entry is gone")
		}
	})
	t.Run("two make the first one", func(t *testing.T) {
		var s secret
		slow := &overtaken{secret: &s}
		r := &replica{t: t}
		r.Keeper = NewKeeper(slow, []string{"injector"}, &r.h)
		if _, err := r.Sync(t.Context(), true); text(err) != "write authorities: conflict" {
			t.Errorf("error %v", err)
		}
		r.sync(true)
		if s.saves != 1 {
			t.Errorf("%d writes", s.saves)
		}
	})
	t.Run("no host", func(t *testing.T) {
		k := NewKeeper(&secret{}, nil, &Holder{})
		if _, err := k.Sync(t.Context(), true); text(err) != "a serving certificate needs a host name" {
			t.Errorf("error %v", err)
		}
	})
}

// overtaken is a store in which another replica writes between our read and ours.
type overtaken struct {
	*secret
	done bool
}

func (o *overtaken) Save(ctx context.Context, entries map[string]sensitive.String, version string) error {
	if !o.done {
		o.done = true
		k := NewKeeper(o.secret, []string{"injector"}, &Holder{})
		if _, err := k.Sync(ctx, true); err != nil {
			return err
		}
	}
	return o.secret.Save(ctx, entries, version)
}

func TestStatesDoNotPrintKeys(t *testing.T) {
	s := advance(t, nil, start(), false, AuthorityCreated)
	entries, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d"} {
		if got := fmt.Sprintf(verb, s) + fmt.Sprintf(verb, entries); strings.Contains(got, "BEGIN") || strings.Contains(got, "0x") {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}
