package due_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/vaultk8s/vaultk8s/pkg/operator/due"
)

var now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func TestStatic(t *testing.T) {
	const poll = 54 * second // 90 % of the 60 s after which drift is looked for
	synced := due.Static{Verified: true, Generation: 2, Synced: 2, Create: true, Recorded: true}
	cases := map[string]struct {
		change func(*due.Static)
		want   due.Decision
		reason string
	}{
		"InSync":       {func(*due.Static) {}, due.Decision{Next: poll}, ""},
		"RefreshAfter": {func(s *due.Static) { s.RefreshAfter = 30 * second }, due.Decision{Next: 27 * second}, ""},
		"First": {
			func(s *due.Static) {
				s.Synced, s.Recorded, s.Missing, s.Changed, s.Drifted = 0, false, true, true, true
			},
			due.Decision{Action: due.Sync, Reason: "InitialSync", Next: poll},
			"the first sync restarts nobody",
		},
		"Adopted":         {func(s *due.Static) { s.Synced, s.Recorded = 0, false }, due.Decision{Action: due.Sync, Reason: "InitialSync", Next: poll}, ""},
		"Missing":         {func(s *due.Static) { s.Missing, s.Drifted = true, true }, due.Decision{Action: due.Sync, Reason: "InexistentDestination", Next: poll, Restart: true}, ""},
		"MissingForeign":  {func(s *due.Static) { s.Create, s.Missing, s.Synced = false, true, 0 }, due.Decision{Action: due.Absent, Reason: "InexistentDestination", Next: 4500 * time.Millisecond}, ""},
		"Changed":         {func(s *due.Static) { s.Changed, s.Drifted = true, true }, due.Decision{Action: due.Sync, Reason: "DataChanged", Next: poll, Restart: true}, ""},
		"Drifted":         {func(s *due.Static) { s.Drifted = true }, due.Decision{Action: due.Sync, Reason: "SecretDataDrift", Next: poll, Restart: true}, ""},
		"Forced":          {func(s *due.Static) { s.Forced = true }, due.Decision{Action: due.Sync, Reason: "ForceSync", Next: poll}, ""},
		"Edited":          {func(s *due.Static) { s.Generation = 3 }, due.Decision{Action: due.Sync, Reason: "ResourceUpdated", Next: poll}, "an edit without other data restarts nobody"},
		"EditedAndOther":  {func(s *due.Static) { s.Generation, s.Changed = 3, true }, due.Decision{Action: due.Sync, Reason: "DataChanged", Next: poll, Restart: true}, ""},
		"Unverified":      {func(s *due.Static) { s.Verified, s.Changed = false, true }, due.Decision{Action: due.Sync, Reason: "DataUnverified"}, "nothing is polled unless it is asked for"},
		"UnverifiedPolls": {func(s *due.Static) { s.Verified, s.RefreshAfter = false, 10*minute }, due.Decision{Action: due.Sync, Reason: "DataUnverified", Next: 9 * minute}, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := synced
			tc.change(&s)
			if diff := cmp.Diff(tc.want, s.Judge(always(0))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestDynamic(t *testing.T) {
	running := due.Dynamic{
		Now: now, Since: now, Generation: 2, Synced: 2, Create: true, Percent: 67,
		Was: due.Client{CacheKey: "k", ID: "i"}, Is: due.Client{CacheKey: "k", ID: "i"},
		Lease: due.Lease{ID: "database/creds/app/1", TTL: 100 * minute, Renewable: true, Renewed: now.Add(-10 * minute)},
	}
	role := &due.Role{LastRotation: 1, Period: hour, TTL: 20 * minute}
	sync := func(reason string) due.Decision {
		return due.Decision{Action: due.Sync, Reason: reason, Restart: true}
	}
	cases := map[string]struct {
		change func(*due.Dynamic)
		want   due.Decision
		reason string
	}{
		"Runs":         {func(*due.Dynamic) {}, due.Decision{Next: 67 * minute}, "77 % of 100 minutes, of which 10 are over"},
		"Takeover":     {func(d *due.Dynamic) { d.Takeover = true }, due.Decision{Next: 67 * minute}, "a restart of the operator rotates nothing"},
		"Due":          {func(d *due.Dynamic) { d.Now = now.Add(57 * minute) }, due.Decision{Action: due.Renew, Reason: "LeaseRenewalDue"}, ""},
		"NotYetDue":    {func(d *due.Dynamic) { d.Now = now.Add(57*minute - 1) }, due.Decision{Next: 10*minute + 1}, ""},
		"NotRenewable": {func(d *due.Dynamic) { d.Now, d.Lease.Renewable = now.Add(hour), false }, sync("LeaseRenewalDue"), ""},
		"NoID":         {func(d *due.Dynamic) { d.Now, d.Lease.ID = now.Add(hour), "" }, sync("LeaseRenewalDue"), ""},
		"First":        {func(d *due.Dynamic) { d.Synced, d.Missing, d.Forced = 0, true, true }, due.Decision{Action: due.Sync, Reason: "InitialSync"}, "the first credentials restart nobody"},
		"Forced":       {func(d *due.Dynamic) { d.Forced, d.Generation, d.Missing = true, 3, true }, sync("ForceSync"), ""},
		"Edited":       {func(d *due.Dynamic) { d.Generation, d.Missing, d.Is.CacheKey = 3, true, "x" }, sync("ResourceUpdated"), ""},
		"Missing":      {func(d *due.Dynamic) { d.Missing, d.Is.CacheKey = true, "x" }, sync("InexistentDestination"), ""},
		"Absent":       {func(d *due.Dynamic) { d.Create, d.Missing, d.Synced = false, true, 0 }, due.Decision{Action: due.Absent, Reason: "InexistentDestination", Next: 4500 * time.Millisecond}, ""},
		"OtherSession": {func(d *due.Dynamic) { d.Is = due.Client{CacheKey: "x", ID: "y"} }, sync("VaultClientConfigChanged"), ""},
		"OtherToken":   {func(d *due.Dynamic) { d.Is.ID = "y" }, sync("VaultTokenRotated"), "the former token has ended, and the lease with it"},
		"Adopt":        {func(d *due.Dynamic) { d.Is.ID, d.Takeover = "y", true }, due.Decision{Action: due.Adopt, Reason: "LeaseAdopted"}, ""},
		"AdoptEnded":   {func(d *due.Dynamic) { d.Is.ID, d.Takeover, d.Now = "y", true, now.Add(90*minute) }, sync("VaultTokenRotated"), ""},
		"AdoptFixed":   {func(d *due.Dynamic) { d.Is.ID, d.Takeover, d.Lease.Renewable = "y", true, false }, due.Decision{Next: 67 * minute}, "it may live: it is replaced when it is due"},
		"Unrecorded":   {func(d *due.Dynamic) { d.Was = due.Client{} }, due.Decision{Next: 67 * minute}, "a status that does not name the session is no change of it"},
		"NoLease":      {func(d *due.Dynamic) { d.Lease.TTL = 0 }, due.Decision{}, "it is asked for again only when something changes"},
		"NoLeaseToken": {func(d *due.Dynamic) { d.Lease.TTL, d.Is.ID = 0, "y" }, due.Decision{}, "what has no lease does not end with a token"},
		"Refresh":      {func(d *due.Dynamic) { d.Lease.TTL, d.RefreshAfter = 0, 100*minute }, due.Decision{Next: 67 * minute}, ""},
		"RefreshDue":   {func(d *due.Dynamic) { d.Lease.TTL, d.RefreshAfter, d.Now = 0, 100*minute, now.Add(hour) }, sync("RefreshDue"), ""},
		"Role":         {func(d *due.Dynamic) { d.Role, d.Lease.TTL = role, 0 }, due.Decision{Next: 10*minute + 500*time.Millisecond}, ""},
		"RoleDue":      {func(d *due.Dynamic) { d.Role, d.Now = role, now.Add(11*minute) }, due.Decision{Action: due.Sync, Reason: "StaticRotationDue"}, "who is restarted is seen when the data is compared"},
		"RoleToken":    {func(d *due.Dynamic) { d.Role, d.Is.ID = role, "y" }, due.Decision{Next: 10*minute + 500*time.Millisecond}, "a static role has no lease"},
		"RoleInvalid":  {func(d *due.Dynamic) { d.Role = &due.Role{} }, due.Decision{}, ""},
		"MissingHeld":  {func(d *due.Dynamic) { d.Missing, d.Held = true, true }, due.Decision{Action: due.Restore, Reason: "InexistentDestination"}, "no new lease for what is in memory"},
		"MissingEnded": {func(d *due.Dynamic) { d.Missing, d.Held, d.Now = true, true, now.Add(90*minute) }, sync("InexistentDestination"), ""},
		"Drifted":      {func(d *due.Dynamic) { d.Drifted = true }, sync("SecretDataDrift"), ""},
		"DriftedHeld":  {func(d *due.Dynamic) { d.Drifted, d.Held = true, true }, due.Decision{Action: due.Restore, Reason: "SecretDataDrift"}, ""},
		"Adopted": {
			func(d *due.Dynamic) { d.Is.ID, d.Takeover, d.Extended = "y", true, true },
			due.Decision{Next: 67 * minute},
			"it was renewed by this process",
		},
		"AdoptedAtOnce": {
			func(d *due.Dynamic) { d.Is.ID, d.Takeover, d.Lease.Renewed = "y", true, d.Since },
			due.Decision{Action: due.Adopt, Reason: "LeaseAdopted"},
			"it was issued in the second in which this process began",
		},
		"AdoptedEnds": {
			func(d *due.Dynamic) {
				d.Is.ID, d.Takeover, d.Extended, d.Since, d.TokenTTL = "y", true, true, now.Add(-20*minute), 150*minute
			},
			due.Decision{Next: 5 * minute},
			"the former token has 50 minutes at least; after 25 its leases are replaced",
		},
		"AdoptedEnded": {
			func(d *due.Dynamic) {
				d.Is.ID, d.Takeover, d.Since, d.TokenTTL = "y", true, now.Add(-20*minute), 2*hour
			},
			sync("VaultTokenRotated"), "",
		},
		"MinTTL":      {func(d *due.Dynamic) { d.MinTTL = 50 * minute }, due.Decision{Next: 40 * minute}, "100 minutes less 50, of which 10 are over"},
		"MinTTLDue":   {func(d *due.Dynamic) { d.MinTTL, d.Now = 50*minute, now.Add(40*minute) }, due.Decision{Action: due.Renew, Reason: "LeaseRenewalDue"}, ""},
		"MinTTLLong":  {func(d *due.Dynamic) { d.MinTTL, d.Lease.Renewed = hour*9, now }, due.Decision{Next: 10 * minute}, "a tenth of the lease is always used"},
		"PercentZero": {func(d *due.Dynamic) { d.Percent = 0 }, due.Decision{Action: due.Renew, Reason: "LeaseRenewalDue"}, ""},
		"PercentMost": {func(d *due.Dynamic) { d.Percent = 90 }, due.Decision{Next: 90 * minute}, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d := running
			tc.change(&d)
			if diff := cmp.Diff(tc.want, d.Judge(always(0))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// TestDynamicProgress: whoever waits as long as he is told finds the renewal point
// come, and before the lease has ended.
func TestDynamicProgress(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ttl := time.Duration(rapid.Int64Range(int64(second), int64(1000*hour)).Draw(t, "ttl"))
		d := due.Dynamic{
			Now: now, Generation: 1, Synced: 1, Create: true, Percent: rapid.IntRange(0, 90).Draw(t, "percent"),
			Lease: due.Lease{ID: "l", TTL: ttl, Renewable: true, Renewed: now},
		}
		rnd := always(rapid.Float64Range(0, almost).Draw(t, "random"))
		waited := d.Judge(rnd)
		d.Now = d.Now.Add(waited.Next)
		if got := d.Judge(rnd); got.Action != due.Renew {
			t.Errorf("after %s of %s: %s", waited.Next, ttl, got.Action)
		}
		if waited.Next > ttl {
			t.Errorf("%s is after the end, %s", waited.Next, ttl)
		}
	})
}

func TestTruncated(t *testing.T) {
	if !due.Truncated(hour, hour-1) || due.Truncated(hour, hour) || due.Truncated(hour, hour+1) {
		t.Error("truncated is wrong")
	}
}

func TestCertificate(t *testing.T) {
	issued := due.Certificate{
		Now: now, Generation: 1, Synced: 1, Serial: "1", Create: true,
		Issued: now.Add(-10 * hour), Expires: now.Add(90 * hour), Offset: 20 * hour,
	}
	sync := func(reason string) due.Decision {
		return due.Decision{Action: due.Sync, Reason: reason, Restart: true}
	}
	cases := map[string]struct {
		change func(*due.Certificate)
		rnd    float64
		want   due.Decision
		reason string
	}{
		"Offset":       {func(*due.Certificate) {}, 0, due.Decision{Next: 70 * hour}, ""},
		"OffsetJitter": {func(*due.Certificate) {}, 0.5, due.Decision{Next: 70*hour + 30*minute}, "half of 5 % of the 20 hours"},
		"MinTTL":       {func(c *due.Certificate) { c.MinTTL = 40 * hour }, 0, due.Decision{Next: 48 * hour}, "50 hours less 5 % of the 40"},
		"MinTTLSmall":  {func(c *due.Certificate) { c.MinTTL = hour }, 0, due.Decision{Next: 70 * hour}, "the offset comes first"},
		"MinTTLLong":   {func(c *due.Certificate) { c.MinTTL = 100 * hour }, 0, due.Decision{Next: 70 * hour}, "no certificate is as long"},
		"InWindow":     {func(c *due.Certificate) { c.Now = now.Add(70 * hour) }, 0, sync("InRenewalWindow"), ""},
		"Percent":      {func(c *due.Certificate) { c.Offset, c.Percent = 0, 67 }, 0, due.Decision{Next: 57 * hour}, ""},
		"Plain":        {func(c *due.Certificate) { c.Offset = 0 }, 0, due.Decision{Next: 85 * hour}, "the last 5 % of 100 hours"},
		"PlainLate":    {func(c *due.Certificate) { c.Offset = 0 }, 0.5, due.Decision{Next: 87 * hour}, ""},
		"Unknown":      {func(c *due.Certificate) { c.Offset, c.Issued = 0, time.Time{} }, 0, due.Decision{Next: 85*hour + 30*minute}, "5 % of the 90 hours that are left"},
		"UnknownEnd":   {func(c *due.Certificate) { c.Offset, c.Issued, c.Now = 0, time.Time{}, now.Add(90*hour-minute) }, 0, sync("InRenewalWindow"), ""},
		"LongOffset":   {func(c *due.Certificate) { c.Offset = 1000 * hour }, 0, sync("InRenewalWindow"), ""},
		"Soon":         {func(c *due.Certificate) { c.Now = now.Add(70*hour - 5) }, 0, due.Decision{Next: second}, "at least a second"},
		"Expired":      {func(c *due.Certificate) { c.Now = now.Add(1000 * hour) }, 0, sync("InRenewalWindow"), ""},
		"NoEnd":        {func(c *due.Certificate) { c.Expires = time.Time{} }, 0, due.Decision{}, "no certificate a look"},
		"First":        {func(c *due.Certificate) { c.Serial, c.Missing = "", true }, 0, due.Decision{Action: due.Sync, Reason: "InitialSync"}, ""},
		"Forced":       {func(c *due.Certificate) { c.Forced, c.Generation, c.Held = true, 2, true }, 0, sync("ForceSync"), ""},
		"Edited":       {func(c *due.Certificate) { c.Generation, c.Missing = 2, true }, 0, sync("ResourceUpdated"), ""},
		"Missing":      {func(c *due.Certificate) { c.Missing, c.Drifted = true, true }, 0, sync("InexistentDestination"), ""},
		"MissingHeld":  {func(c *due.Certificate) { c.Missing, c.Held = true, true }, 0, due.Decision{Action: due.Restore, Reason: "InexistentDestination", Restart: true}, "no new certificate for what is in memory"},
		"Drifted":      {func(c *due.Certificate) { c.Drifted = true }, 0, sync("SecretDataDrift"), ""},
		"DriftedHeld":  {func(c *due.Certificate) { c.Drifted, c.Held = true, true }, 0, due.Decision{Action: due.Restore, Reason: "SecretDataDrift", Restart: true}, ""},
		"DriftedLate":  {func(c *due.Certificate) { c.Drifted, c.Held, c.Now = true, true, now.Add(80*hour) }, 0, sync("SecretDataDrift"), "it has to be replaced anyway"},
		"Absent":       {func(c *due.Certificate) { c.Create, c.Missing, c.Serial = false, true, "" }, 0, due.Decision{Action: due.Absent, Reason: "InexistentDestination", Next: 4500 * time.Millisecond}, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := issued
			tc.change(&c)
			if diff := cmp.Diff(tc.want, c.Judge(always(tc.rnd))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// TestCertificateWindow: the window begins and ends before the certificate does,
// and whoever waits as told is in it.
func TestCertificateWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		life := time.Duration(rapid.Int64Range(int64(minute), int64(100_000*hour)).Draw(t, "life"))
		c := due.Certificate{
			Now: now, Generation: 1, Synced: 1, Serial: "1", Create: true, Issued: now, Expires: now.Add(life),
			Offset:  time.Duration(rapid.Int64Range(0, int64(life)).Draw(t, "offset")),
			Percent: rapid.IntRange(0, 90).Draw(t, "percent"),
		}
		from, to := c.Window()
		if from.After(to) || to.After(c.Expires) {
			t.Errorf("window %s to %s of a certificate to %s", from, to, c.Expires)
		}
		rnd := always(rapid.Float64Range(0, almost).Draw(t, "random"))
		if d := c.Judge(rnd); d.Action == due.Wait {
			c.Now = c.Now.Add(d.Next)
			if again := c.Judge(rnd); again.Action != due.Sync {
				t.Errorf("after %s of %s: %s", d.Next, life, again.Action)
			}
		}
	})
}

func TestActionNames(t *testing.T) {
	want := map[due.Action]string{due.Wait: "wait", due.Sync: "sync", due.Renew: "renew", due.Adopt: "adopt", due.Restore: "restore", due.Absent: "absent"}
	for action, name := range want {
		if action.String() != name {
			t.Errorf("%s, want %s", action, name)
		}
	}
}
