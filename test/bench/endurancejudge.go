package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/vaultk8s/vaultk8s/test/bench/attendant"
	"github.com/vaultk8s/vaultk8s/test/bench/proc"
)

const (
	// enduranceWarmUp is the part of the run in which a heap takes its size.
	enduranceWarmUp = 0.2
	// enduranceGrowth is what private memory may grow by, in percent of its mean
	// per hour: half in a day, which a restart at a roll-out takes back.
	enduranceGrowth = 2.0
	// renewalTolerance is how far the number of renewals may be from the expected
	// one: moments of renewal are spread by 5 %.
	renewalTolerance = 0.10
	// enduranceBehind is how old a file may be: a secret is polled each second, read
	// and written, on a machine that does a lot beside.
	enduranceBehind = 5 * time.Second
)

// sample is the memory at one time of the run.
type sample struct {
	at     time.Duration
	memory proc.Memory
	worked int // logins that had worked until then
}

func (e *endurance) sample(ctx context.Context, p *attendant.Process, begin time.Time) error {
	m, err := steadiest(ctx, p)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	s := sample{at: time.Since(begin), memory: m, worked: e.worked}
	e.samples = append(e.samples, s)
	e.scene.progress("%s MiB resident, %s MiB private, %d logins worked", digits(mib(m.RSS)), digits(mib(m.Anon)), e.worked)
	return nil
}

// judge makes the table: a line for each minute, and what follows from all.
func (e *endurance) judge(renewals int) *table {
	t := &table{header: []string{"minute", "resident", "of it private", "least to most private", "database logins that worked"}}
	for minute, samples := range perMinute(e.samples) {
		private := func(s sample) float64 { return mib(s.memory.Anon) }
		least := slices.MinFunc(samples, func(a, b sample) int { return int(a.memory.Anon - b.memory.Anon) })
		most := slices.MaxFunc(samples, func(a, b sample) int { return int(a.memory.Anon - b.memory.Anon) })
		t.add(fmt.Sprint(minute+1), digits(medianOf(samples, func(s sample) float64 { return mib(s.memory.RSS) }))+" MiB",
			digits(medianOf(samples, private))+" MiB", digits(private(least))+" to "+digits(private(most))+" MiB", fmt.Sprint(samples[len(samples)-1].worked))
	}
	e.judgeMemory(t)
	e.judgeDeliveries(t)
	expected := expectedRenewals(enduranceLogins, 1, e.scene.duration)
	off := max(ratio(float64(renewals), float64(expected)), ratio(float64(expected), float64(renewals))) - 1
	t.note("Renewals of leases: %d, expected %d; target ± %.0f %%: %s.", renewals, expected, 100*renewalTolerance, verdict(off, renewalTolerance))
	t.note("Requests to the listener: %d, of them answered from the cache: %d.", e.asked, e.fromCache)
	return t
}

func perMinute(samples []sample) [][]sample {
	var minutes [][]sample
	for _, s := range samples {
		for int(s.at/time.Minute) >= len(minutes) {
			minutes = append(minutes, nil)
		}
		minutes[len(minutes)-1] = append(minutes[len(minutes)-1], s)
	}
	return slices.DeleteFunc(minutes, func(m []sample) bool { return len(m) == 0 })
}

func (e *endurance) judgeMemory(t *table) {
	warm := time.Duration(enduranceWarmUp * float64(e.scene.duration))
	var readings []reading
	for _, s := range e.samples {
		if s.at > warm {
			readings = append(readings, reading{s.at.Hours(), mib(s.memory.Anon)})
		}
	}
	line := leastSquares(readings)
	result := "met"
	if !line.steady(enduranceGrowth) {
		result = verdict(line.percent(line.slope), enduranceGrowth)
	}
	t.note("Private memory grows by %.1f ± %.1f %% of its mean in an hour (least squares of %d readings after %v, twice the standard error); target ≤ %.0f %% or less than that error: %s.",
		line.percent(line.slope), line.percent(line.noise), len(readings), warm, enduranceGrowth, result)
}

func (e *endurance) judgeDeliveries(t *table) {
	t.note("Logins tried in the database, each of %d every %v: %d; that did not work: %d; target 0: %s.",
		enduranceLogins+1, enduranceLook, e.worked+len(e.invalid), len(e.invalid), none(len(e.invalid)))
	if len(e.invalid) > 0 {
		t.note("The first of them: %v.", e.invalid[0])
	}
	t.note("Oldest value of a secret in a file: replaced in Vault %.1f s before; target ≤ %v: %s.",
		e.behind.Seconds(), enduranceBehind, verdict(e.behind.Seconds(), enduranceBehind.Seconds()))
}

// none is the verdict where nothing at all is allowed.
func none(n int) string {
	if n == 0 {
		return "met"
	}
	return "missed"
}
