package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
	"github.com/vaultk8s/vaultk8s/test/bench/proc"
)

func testEndurance(t *testing.T) *endurance {
	t.Helper()
	e := &endurance{scene: &scene{out: io.Discard, duration: 10 * time.Minute}, job: testJob(t)}
	e.job.templates, e.job.paths, e.job.exit, e.job.more = endurancePaths, endurancePaths, false, e.document
	if err := e.job.prepare(); err != nil {
		t.Fatal(err)
	}
	return e
}

// What is measured must be what the document says.
func TestEnduranceDocument(t *testing.T) {
	e := testEndurance(t)
	document, warnings, err := agentfile.Load([]string{e.job.documentPath()})
	if err != nil || len(warnings) > 0 {
		t.Fatalf("got %v, %v", warnings, err)
	}
	if err := document.Validate(); err != nil {
		t.Fatal(err)
	}
	if len(document.Templates) != endurancePaths+enduranceLogins || document.Templates[endurancePaths].Destination != e.loginFile(0) {
		t.Errorf("%d templates, want secrets and logins", len(document.Templates))
	}
	if len(document.Listeners) != 1 || document.Listeners[0].Address != e.socket() || document.Cache == nil || document.Cache.Persist.Path != e.job.dir || document.UseAutoAuthToken() != "true" {
		t.Errorf("listeners %+v, want one with a cache and the agent's token", document.Listeners)
	}
}

func TestRenewals(t *testing.T) {
	lease := lifeOfLease{ttl: 20 * time.Second, limit: time.Minute, grace: 3100 * time.Millisecond}
	cases := map[string]struct {
		change  func(*lifeOfLease)
		elapsed time.Duration
		want    int
	}{
		"none yet":        {func(*lifeOfLease) {}, 14 * time.Second, 0},
		"the first":       {func(*lifeOfLease) {}, 15 * time.Second, 1},
		"one life":        {func(*lifeOfLease) {}, 57 * time.Second, 3}, // at 14.4, 28.7 and 43.1; then 17 s are granted, no nine tenths of 20
		"ten lives":       {func(*lifeOfLease) {}, 570 * time.Second, 30},
		"short grace":     {func(l *lifeOfLease) { l.grace = 2 * time.Second }, 58 * time.Second, 4}, // 18 s are granted at 42
		"cached":          {func(l *lifeOfLease) { l.untilTheEnd = true }, 57 * time.Second, 4},      // once more at 55.3
		"seconds are cut": {func(l *lifeOfLease) { l.phase = 900 * time.Millisecond; l.grace = 2200 * time.Millisecond }, 57 * time.Second, 3},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			l := lease
			tc.change(&l)
			if got := l.renewals(tc.elapsed); got != tc.want {
				t.Errorf("%d renewals, want %d", got, tc.want)
			}
		})
	}
	// 10 leases of 57 s with 3 or, of one in four, 4 renewals: 10*600/57*3.25.
	if got := expectedRenewals(10, 0, 10*time.Minute); got < 330 || got > 350 {
		t.Errorf("%d renewals expected of ten leases in ten minutes, want about 342", got)
	}
}

func TestLeastSquares(t *testing.T) {
	line := func(slope float64, wobble ...float64) []reading {
		var all []reading
		for i := range 10 {
			r := reading{hours: float64(i) / 10, value: 100 + slope*float64(i)/10}
			if len(wobble) > 0 {
				r.value += wobble[i%len(wobble)]
			}
			all = append(all, r)
		}
		return all
	}
	cases := map[string]struct {
		readings []reading
		slope    float64
		steady   bool
	}{
		"flat":            {line(0), 0, true},
		"grows a little":  {line(1), 1, true},
		"grows":           {line(10), 10, false},
		"shrinks":         {line(-10), -10, true},
		"noise":           {line(10, 0, 20, -20), 10, true},
		"too few to tell": {line(10)[:2], 0, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := leastSquares(tc.readings)
			if got.steady(2) != tc.steady {
				t.Errorf("steady: %t with %+v", !tc.steady, got)
			}
			if name != "noise" && math.Abs(got.slope-tc.slope) > 1e-9 {
				t.Errorf("slope %v, want %v", got.slope, tc.slope)
			}
		})
	}
	// By hand: of (0,1) (1,3) (2,2) the slope is 1/2, what is left over are -1/2, 1
	// and -1/2, and their squares 3/2; twice the root of 3/2 / 1 / 2 is 1.73.
	got := leastSquares([]reading{{0, 1}, {1, 3}, {2, 2}})
	want := trend{mean: 2, slope: 0.5, noise: 2 * math.Sqrt(0.75)}
	near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-9 })
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(trend{}), near); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestJudgeEndurance(t *testing.T) {
	e := testEndurance(t)
	e.worked, e.asked, e.fromCache, e.behind = 99, 1000, 900, 6*time.Second
	e.invalid = []error{errors.New("login-3: no")}
	for i := 1; i <= 60; i++ {
		e.samples = append(e.samples, sample{
			at: time.Duration(i) * 10 * time.Second, worked: i, memory: proc.Memory{RSS: 20 << 20, Anon: int64(6+i/30) << 20},
		})
	}
	text := e.judge(300).text()
	for _, want := range []string{
		"1       20.0 MiB  6.00 MiB       6.00 to 6.00 MiB       5\n",
		"5       20.0 MiB  6.00 MiB       6.00 to 6.00 MiB       29\n",
		"48 readings after 2m0s",
		"less than that error: missed: ",
		"each of 11 every 5s: 100; that did not work: 1; target 0: missed.\nThe first of them: login-3: no.",
		"replaced in Vault 6.0 s before; target ≤ 5s: missed: 1.20 times the target",
		"Renewals of leases: 300, expected 38",
		"± 10 %: missed",
		"Requests to the listener: 1000, of them answered from the cache: 900.",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the table lacks %q:\n%s", want, text)
		}
	}
}

func TestJudgeGoodEndurance(t *testing.T) {
	e := testEndurance(t)
	for i := 1; i <= 60; i++ {
		e.samples = append(e.samples, sample{at: time.Duration(i) * 10 * time.Second, memory: proc.Memory{RSS: 20 << 20, Anon: 6<<20 + int64(i%3)<<12}})
	}
	text := e.judge(expectedRenewals(enduranceLogins, 1, 10*time.Minute)).text()
	if strings.Contains(text, "missed") || strings.Count(text, "met") != 4 {
		t.Errorf("not all of the four targets are met:\n%s", text)
	}
}

func TestEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		calls := 0
		if err := each(ctx, 3*time.Second, func(_ context.Context, n int) error { calls = n; return nil }); err != nil || calls != 3 {
			t.Errorf("%d calls, %v", calls, err)
		}
		failure := errors.New("no")
		if err := each(t.Context(), time.Second, func(context.Context, int) error { return failure }); !errors.Is(err, failure) {
			t.Errorf("got %v", err)
		}
		ending, end := context.WithCancel(t.Context())
		if err := each(ending, time.Second, func(context.Context, int) error { end(); return failure }); err != nil {
			t.Errorf("a failure by the end of the run: %v", err)
		}
	})
}

func TestLookAtSecrets(t *testing.T) {
	e := testEndurance(t)
	begin := time.Now()
	e.written = []time.Time{begin, begin.Add(time.Second), begin.Add(2 * time.Second)}
	for i := range endurancePaths {
		e.job.round = min(i, 2) // the first file shows what was replaced at one second
		if err := os.WriteFile(e.job.destination(i), []byte(e.job.rendered(i)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.lookAtSecrets(begin.Add(4 * time.Second)); err != nil || e.behind != 3*time.Second {
		t.Errorf("%v behind, %v; want 3s", e.behind, err)
	}
	if err := os.WriteFile(e.job.destination(0), []byte("password=round-x"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := `rendered file holds "password=round-x": expected a round`
	if err := e.lookAtSecrets(begin); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestReadLogin(t *testing.T) {
	e := testEndurance(t)
	if _, err := e.readLogin(0); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a login that is not there: %v", err)
	}
	for content, want := range map[string]databaseLogin{"u:p": {"u", "p"}, "nothing": {}} {
		if err := os.WriteFile(e.loginFile(0), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := e.readLogin(0)
		if got != want || (err != nil) != (want.user == "") {
			t.Errorf("%q: got %v, %v", content, got, err)
		}
		if err != nil && strings.Contains(err.Error(), content) {
			t.Errorf("the error shows the file's content: %v", err)
		}
	}
}

// The reader counts what comes from the cache, and keeps the login that it was given.
func TestReader(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "l")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1/database/creds/role-10":
			w.Header().Set("X-Cache", "HIT")
			_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"username": "u", "password": "p"}})
		case "/v1/secret/data/bench/app-0":
			_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"data": map[string]any{"username": "user"}}})
		default:
			http.NotFound(w, r)
		}
	})}
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(l) }()
	defer func() { _ = server.Close(); <-served }()
	client := overSocket(socket)
	defer client.CloseIdleConnections()
	e := testEndurance(t)
	read := e.reader(client)
	for n := 1; n <= 10; n++ {
		if err := read(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	if e.asked != 10 || e.fromCache != 9 || e.shared != (databaseLogin{"u", "p"}) {
		t.Errorf("%d requests, %d from the cache, login of %q; want 10, 9 and u", e.asked, e.fromCache, e.shared.user)
	}
	if _, _, err := ask(t.Context(), client, "other"); err == nil || err.Error() != "status 404" {
		t.Errorf("got %v, want status 404", err)
	}
}
