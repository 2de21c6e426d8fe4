package agent_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
	"github.com/vaultk8s/vaultk8s/pkg/agent"
)

const (
	// hourLogins database logins of their own roles are delivered, hourValues values
	// that change every hourChange, and hourCertificates certificates.
	hourLogins       = 100
	hourValues       = 5
	hourCertificates = 3
	hourChange       = 3 * time.Second
	hourPoll         = 5 * time.Second
	// hourStale is how old a delivered value may be: polled each 5 s at the latest,
	// and where one request of four fails, after three attempts more.
	hourStale = 10 * time.Second
	hourLook  = 10 * time.Second
	hourEnd   = time.Hour
	// hourWarm is when the heap has its size.
	hourWarm = 10 * time.Minute
	// hourGrowth is what the heap in use may differ by between then and the end.
	hourGrowth = 0.10
	// hourRecovery is how long after the end of a fault everything must be well: a
	// read waits for a minute at most, by its backoff and by the quota of issues, and
	// what waited comes within seconds.
	hourRecovery = 70 * time.Second
)

// roleTerms returns the terms of a database role: TTLs of 1 to 3 minutes, max
// TTLs of 5 to 10, so that all kinds of ends come together in an hour.
func roleTerms(i int) (ttl, maxTTL time.Duration) {
	return time.Minute + time.Duration(i%5)*30*time.Second, time.Duration(5+i%6) * time.Minute
}

// hour is an agent that works for an hour, with everything that is watched of it.
type hour struct {
	*world
	begin   time.Time
	meter   *meter
	app     *application
	faults  []*plantedFault
	written [hourValues][]time.Time // when each version was written
	steady  int                     // goroutines at rest
	crowded int                     // looks in a row that found more
	heap    uint64                  // in use when it was warm
	looks   int                     // that found everything well
}

// TestHour runs an agent through an hour of short leases, changing values,
// certificates of minutes and faults of all kinds. Each ten seconds everything that
// it delivered must be good, but for a bounded time after a fault that no agent
// could have bridged; and in the end it must not have grown.
func TestHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHour(t)
		for h.elapsed() < hourEnd {
			h.second()
			if h.elapsed()%hourLook == 0 {
				h.look()
			}
			if h.elapsed() == hourWarm {
				h.steady, h.heap = h.goroutines(), h.heapInUse()
			}
			if t.Failed() {
				t.Fatalf("at %v; the newest lines of the log:\n%s", h.elapsed(), h.log())
			}
		}
		h.expectSameHeap()
		h.expectCounts()
	})
}

func newHour(t *testing.T) *hour {
	t.Helper()
	w := newWorld(t)
	jwt := w.read("token")
	w.dir = memoryDir(t)
	w.file("token", jwt)
	h := &hour{world: w, begin: time.Now(), meter: &meter{vault: w.vault, leases: map[string]string{}}}
	h.setUp()
	o := w.options(w.document(h.templates()))
	o.Log = slog.New(slog.NewTextHandler(&tail{t: t, world: w}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	o.Transport = h.meter
	run, handler, err := agent.WithProxy(o)
	if err != nil {
		t.Fatal(err)
	}
	h.app = &application{proxy: handler}
	h.faults = h.plan()
	h.meter.excused = func() bool { return h.excuse() != nil }
	ctx, cancel := context.WithCancel(t.Context())
	var tasks errgroup.Group
	tasks.Go(func() error { return run(ctx) })
	tasks.Go(func() error { return h.app.run(ctx) })
	t.Cleanup(func() {
		cancel()
		if err := tasks.Wait(); err != nil {
			t.Errorf("the agent ended with %v", err)
		}
	})
	synctest.Wait()
	return h
}

// setUp makes the roles and values in Vault. The agent's token lives for ten
// minutes and ends, with all its leases, after 25.
func (h *hour) setUp() {
	v := h.vault
	for i := range hourLogins + 1 {
		ttl, maxTTL := roleTerms(i)
		v.DynamicRole("database", roleName(i), ttl, maxTTL)
	}
	v.EnableKV("config", 1) // of which no former versions take memory
	for i := range hourValues {
		h.written[i] = make([]time.Time, 0, hourEnd/hourChange+1) // all at once: the heap is compared
		h.write(i)
	}
	v.PKIRole("pki", "short", 10*time.Minute)
	v.Policy("app", map[string][]string{"database/creds/*": {"read"}, "config/*": {"read"}, "pki/issue/short": {"update"}})
	v.KubernetesRole("kubernetes", "app", fakevault.KubernetesRole{
		ServiceAccounts: []string{"app"}, Namespaces: []string{"shop"}, Audience: "vault",
		Token: fakevault.TokenRole{Policies: []string{"app"}, TTL: 10 * time.Minute, MaxTTL: 25 * time.Minute},
	})
}

func roleName(i int) string { return fmt.Sprintf("role-%d", i) }

// write puts the next version of a value.
func (h *hour) write(i int) {
	h.vault.PutKV("config", fmt.Sprintf("value-%d", i), map[string]any{"value": canary, "version": fmt.Sprint(len(h.written[i]))})
	h.written[i] = append(h.written[i], time.Now())
}

func (h *hour) templates() string {
	var b strings.Builder
	add := func(destination, contents string) {
		fmt.Fprintf(&b, "template {\ncontents = %q\ndestination = \"DIR/out/%s\"\n}\n", contents, destination)
	}
	fmt.Fprintf(&b, "template_config { static_secret_render_interval = %q }\n", hourPoll.String())
	for i := range hourLogins {
		add(roleName(i), fmt.Sprintf(`{{ with secret "database/creds/%s" }}{{ .LeaseID }} {{ .Data.username }}:{{ .Data.password }}{{ end }}`, roleName(i)))
	}
	for i := range hourValues {
		add(valueFile(i), fmt.Sprintf(`{{ with secret "config/value-%d" }}{{ .Data.version }} {{ .Data.value }}{{ end }}`, i))
	}
	for i := range hourCertificates {
		add(certificateFile(i), fmt.Sprintf(`{{ with pkiCert "pki/issue/short" "common_name=c%d.test" "ttl=%dm" }}{{ .Cert }}{{ .CA }}{{ .Key }}{{ end }}`, i, 3+i))
	}
	return b.String()
}

func valueFile(i int) string       { return fmt.Sprintf("value-%d", i) }
func certificateFile(i int) string { return fmt.Sprintf("certificate-%d", i) }

func (h *hour) elapsed() time.Duration { return time.Since(h.begin) }

// second lets a second pass, in which values change and faults come and go.
func (h *hour) second() {
	pass(time.Second)
	if h.elapsed()%hourChange == 0 {
		for i := range hourValues {
			h.write(i)
		}
	}
	for _, f := range h.faults {
		f.turn(h.elapsed())
	}
	synctest.Wait()
}

// heapInUse is the heap without garbage and without what Vault need not remember.
func (h *hour) heapInUse() uint64 {
	h.vault.Forget()
	runtime.GC()
	runtime.GC() // finalizers, and the older half of pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func (h *hour) expectSameHeap() {
	now := h.heapInUse()
	h.t.Logf("heap in use: %d KiB after %v, %d KiB after %v; %d goroutines; %d of %d looks found no excuse needed",
		h.heap>>10, hourWarm, now>>10, hourEnd, h.steady, h.looks, hourEnd/hourLook)
	if difference := float64(now)/float64(h.heap) - 1; difference > hourGrowth || difference < -hourGrowth {
		h.t.Errorf("heap in use: %d bytes after %v, %d after %v; want a difference of at most %.0f %%", h.heap, hourWarm, now, hourEnd, 100*hourGrowth)
	}
}

// tail keeps the newest lines of a log for a test that fails: all lines of an hour
// would be most of the heap that is compared.
type tail struct {
	t     *testing.T
	world *world
}

// tailBytes are some hundred lines.
const tailBytes = 64 << 10

// Write implements io.Writer.
func (l *tail) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(canary)) {
		l.t.Error("a log line shows a secret value")
	}
	l.world.mu.Lock()
	defer l.world.mu.Unlock()
	logs := &l.world.logs
	if logs.Cap() == 0 {
		logs.Grow(4 * tailBytes)
	}
	if logs.Len() > 2*tailBytes {
		kept := bytes.Clone(logs.Bytes()[logs.Len()-tailBytes:])
		logs.Reset()
		logs.Write(kept)
	}
	return logs.Write(p)
}
