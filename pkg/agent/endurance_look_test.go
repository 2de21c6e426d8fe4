package agent_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"time"
)

// look compares what lies in the files with what Vault knows.
func (h *hour) look() {
	h.t.Helper()
	h.vault.Forget()
	bad := h.bad()
	if f := h.excuse(); f != nil {
		if len(bad) > 0 {
			f.recovered = h.elapsed() - f.at - f.lasts + hourLook
		}
		return
	}
	for _, b := range bad {
		h.t.Error(b)
	}
	h.looks++
}

// bad lists everything that is not as it should be.
func (h *hour) bad() []string {
	alive := map[string]bool{}
	for _, l := range h.vault.Leases() {
		alive[l.ID] = true
	}
	var bad []string
	for i := range hourLogins {
		if id, _, _ := strings.Cut(h.read("out/"+roleName(i)), " "); !alive[id] {
			bad = append(bad, fmt.Sprintf("the login of %s is not alive in Vault (lease %q)", roleName(i), id))
		}
	}
	if lease, refused := h.app.newest(); !alive[lease] || refused > 0 {
		bad = append(bad, fmt.Sprintf("the application has the lease %q, alive in Vault: %t, and was refused %d times since the last look", lease, alive[lease], refused))
	}
	for i := range hourValues {
		bad = append(bad, h.badValue(i)...)
	}
	for i := range hourCertificates {
		bad = append(bad, h.badCertificate(i)...)
	}
	return append(append(bad, h.crowd()...), h.meter.takeBad()...)
}

// crowd tells of more goroutines than at rest that stay for several looks: the one
// that runs finalizers comes and goes. A request that is tried again has a goroutine
// of its own.
func (h *hour) crowd() []string {
	n := h.goroutines()
	if h.steady == 0 || n <= h.steady || h.faulty() {
		h.crowded = 0
		return nil
	}
	h.crowded++
	if h.crowded < 3 {
		return nil
	}
	var all bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&all, 1); err != nil {
		return []string{err.Error()}
	}
	return []string{fmt.Sprintf("%d goroutines, want %d as before:\n%s", n, h.steady, &all)}
}

// goroutines counts them. One that has returned counts until the runtime has put
// it away, for which it is given time; there is no real time to wait for here.
func (h *hour) goroutines() int {
	n := runtime.NumGoroutine()
	for i := 0; n > h.steady && i < 100_000; i++ {
		runtime.Gosched()
		n = runtime.NumGoroutine()
	}
	return n
}

func (h *hour) badValue(i int) []string {
	text, _, _ := strings.Cut(h.read("out/"+valueFile(i)), " ")
	version, err := strconv.Atoi(text)
	if err != nil {
		return []string{fmt.Sprintf("value %d has no version: %v", i, err)}
	}
	if version+1 >= len(h.written[i]) {
		return nil
	}
	if age := time.Since(h.written[i][version+1]); age > hourStale {
		return []string{fmt.Sprintf("value %d was replaced %v ago", i, age)}
	}
	return nil
}

func (h *hour) badCertificate(i int) []string {
	bundle := []byte(h.read("out/" + certificateFile(i)))
	pair, err := tls.X509KeyPair(bundle, bundle)
	if err != nil {
		return []string{fmt.Sprintf("certificate %d: %v", i, err)}
	}
	if left := time.Until(pair.Leaf.NotAfter); left <= 0 {
		return []string{fmt.Sprintf("certificate %d ended %v ago", i, -left)}
	}
	return nil
}

// faulty tells whether a fault is running, or has ended in the last ten seconds.
func (h *hour) faulty() bool {
	return slices.ContainsFunc(h.faults, func(f *plantedFault) bool {
		return h.elapsed() >= f.at && h.elapsed() <= f.at+f.lasts+hourLook
	})
}
