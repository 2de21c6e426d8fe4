package agent_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
)

// plantedFault is something that goes wrong for a while.
type plantedFault struct {
	name      string
	at        time.Duration
	lasts     time.Duration
	excuse    bool // until hourRecovery after its end things may be bad
	begin     func() (end func())
	end       func()
	running   bool
	recovered time.Duration // how long after its end everything was well at a look
}

// turn begins and ends the fault.
func (f *plantedFault) turn(elapsed time.Duration) {
	switch {
	case elapsed == f.at:
		f.end, f.running = f.begin(), true
	case f.running && elapsed >= f.at+f.lasts:
		f.end()
		f.running = false
	}
}

// covers tells whether the fault excuses what is bad now.
func (f *plantedFault) covers(elapsed time.Duration) bool {
	return f.excuse && elapsed >= f.at && elapsed <= f.at+f.lasts+hourRecovery
}

// excuse returns the fault that excuses what is bad now, nil for none.
func (h *hour) excuse() *plantedFault {
	for _, f := range h.faults {
		if f.covers(h.elapsed()) {
			return f
		}
	}
	return nil
}

// plan lists the faults. The shortest leases, of a minute, are renewed 18 s before
// their end, so an agent must bridge what is shorter without a loss; what is
// longer, or takes leases away, excuses a loss for a bounded time.
func (h *hour) plan() []*plantedFault {
	v := h.vault
	answered := func(path string, status int, retryAfter time.Duration) func() func() {
		return func() func() { return v.Fault(fakevault.Fault{Path: path, Status: status, RetryAfter: retryAfter}) }
	}
	once := func(do func()) func() func() { return func() func() { do(); return func() {} } }
	return []*plantedFault{
		{name: "503 for 3 s", at: 12 * time.Minute, lasts: 3 * time.Second, begin: answered("*", http.StatusServiceUnavailable, 0)},
		{name: "503 for 20 s", at: 15 * time.Minute, lasts: 20 * time.Second, excuse: true, begin: answered("*", http.StatusServiceUnavailable, 0)},
		{name: "one of four connections breaks", at: 20 * time.Minute, lasts: time.Minute, begin: h.oneOfFour(fakevault.Fault{Drop: true})},
		{name: "429 for 5 s", at: 23 * time.Minute, lasts: 5 * time.Second, begin: answered("*", http.StatusTooManyRequests, 2*time.Second)},
		{name: "one of four answers is lost", at: 26 * time.Minute, lasts: 30 * time.Second, begin: h.oneOfFour(fakevault.Fault{Lose: true})},
		{name: "sealed", at: 30 * time.Minute, lasts: time.Minute, excuse: true, begin: func() func() { v.Seal(); return v.Unseal }},
		{name: "token revoked", at: 35 * time.Minute, excuse: true, begin: once(func() { v.RevokeToken(h.read("vault-token")) })},
		{name: "leases revoked", at: 40 * time.Minute, lasts: 3 * time.Minute, excuse: true, begin: once(h.revokeSome)},
		{name: "sealed, and the token revoked", at: 46 * time.Minute, lasts: time.Minute, excuse: true, begin: func() func() {
			v.RevokeToken(h.read("vault-token"))
			v.Seal()
			return v.Unseal
		}},
		{name: "no issues for 40 s", at: 51 * time.Minute, lasts: 40 * time.Second, excuse: true, begin: answered("database/creds/*", http.StatusInternalServerError, 0)},
		{name: "everything expired", at: 54 * time.Minute, excuse: true, begin: once(v.ExpireEverything)},
	}
}

// oneOfFour plays a fault for one of four requests, at random: a pattern could meet
// each attempt of one lease. Chance could as well, in one of a hundred hours, so it
// never meets more than three attempts in a row to do the same.
func (h *hour) oneOfFour(f fakevault.Fault) func() func() {
	met := map[string]int{}
	f.Path, f.Match = "*", func(r *http.Request) bool {
		request := h.requestText(r)
		if met[request] == 3 || rand.IntN(4) > 0 {
			delete(met, request)
			return false
		}
		met[request]++
		return true
	}
	return func() func() { return h.vault.Fault(f) }
}

// requestText is what a request asks for: renewals of different leases have the
// same path.
func (h *hour) requestText(r *http.Request) string {
	if r.Body == nil {
		return r.URL.Path
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		h.t.Errorf("the body of %s %s: %v", r.Method, r.URL.Path, err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return r.URL.Path + " " + string(body)
}

// revokeSome revokes each tenth lease. The agent finds out when it renews, 73 % of
// at most three minutes later: that is what the fault is said to last.
func (h *hour) revokeSome() {
	for i, l := range h.vault.Leases() {
		if i%10 == 0 {
			h.vault.RevokeLease(l.ID)
		}
	}
}
