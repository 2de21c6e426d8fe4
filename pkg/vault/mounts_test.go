package vault

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// library is a Vault of mounts. It keeps what it was asked.
type library struct {
	mounts map[string]map[string]any // mount -> answer of the look-up
	prefix string                    // of reported mounts
	fail   error                     // of look-ups
	delay  time.Duration
	known  map[string]bool // paths that exist; nil: all

	mu    sync.Mutex
	asked []string
}

// shelves has one mount of each sort.
func shelves() *library {
	v2 := map[string]any{"type": "kv", "options": map[string]any{"version": "2"}}
	v1 := map[string]any{"type": "kv", "options": map[string]any{"version": "1"}}
	return &library{mounts: map[string]map[string]any{
		"secret/": v2, "team/kv/": v2, "old/": v1, "team/db/": {"type": "database", "options": nil}, "generic/": {"type": "kv"},
	}}
}

func (l *library) send(ctx context.Context, r Request) (*Response, error) {
	line := r.Method + " " + r.Path
	if r.Body != nil {
		line += " " + strings.Join(slices.Sorted(maps.Keys(r.Body)), ",")
	}
	l.mu.Lock()
	l.asked = append(l.asked, line)
	l.mu.Unlock()
	<-time.After(l.delay) // virtual: the tests that set it run in a bubble
	if ctx.Err() != nil {
		return nil, &Error{Kind: Unavailable, Cause: ctx.Err()}
	}
	path, isLookup := strings.CutPrefix(r.Path, mountsPath)
	if !isLookup {
		if l.known != nil && !l.known[r.Path] {
			return nil, &Error{Kind: NotFound, Path: r.Path}
		}
		return &Response{RequestID: r.Path}, nil
	}
	if l.fail != nil {
		return nil, l.fail
	}
	for mount, answer := range l.mounts {
		if strings.HasPrefix(path+"/", mount) {
			data := maps.Clone(answer)
			data["path"] = l.prefix + mount
			return &Response{Data: sensitive.NewData(data)}, nil
		}
	}
	return nil, &Error{Kind: Denied, Status: 403, Path: r.Path}
}

func TestResolve(t *testing.T) {
	cases := map[string]struct {
		method string // default GET
		path   string
		want   string
		v2     bool
		asks   bool
	}{
		"version 2":                  {path: "secret/app", want: "secret/data/app", v2: true, asks: true},
		"slashes":                    {path: "/secret/app/", want: "secret/data/app", v2: true, asks: true},
		"nested":                     {path: "secret/a/b/c", want: "secret/data/a/b/c", v2: true, asks: true},
		"nested mount":               {path: "team/kv/app", want: "team/kv/data/app", v2: true, asks: true},
		"mount itself":               {path: "secret", want: "secret/data", v2: true, asks: true},
		"complete":                   {path: "secret/data/app", want: "secret/data/app", v2: true},
		"complete, nested mount":     {path: "team/kv/data/app", want: "team/kv/data/app", v2: true},
		"metadata":                   {path: "secret/metadata/app", want: "secret/metadata/app", v2: true, asks: true},
		"subkeys":                    {path: "secret/subkeys/app", want: "secret/subkeys/app", v2: true, asks: true},
		"name that begins like one":  {path: "secret/metadatas/app", want: "secret/data/metadatas/app", v2: true, asks: true},
		"version 1":                  {path: "old/app", want: "old/app", asks: true},
		"no options":                 {path: "generic/app", want: "generic/app", asks: true},
		"another engine":             {path: "team/db/creds/app", want: "team/db/creds/app", asks: true},
		"not told":                   {path: "hidden/app", want: "hidden/app", asks: true},
		"list":                       {method: "LIST", path: "secret/app", want: "secret/metadata/app", v2: true, asks: true},
		"list of the mount":          {method: "LIST", path: "secret", want: "secret/metadata", v2: true, asks: true},
		"complete list":              {method: "LIST", path: "secret/metadata/app", want: "secret/metadata/app", v2: true, asks: true},
		"list of a folder data":      {method: "LIST", path: "secret/data/app", want: "secret/metadata/data/app", v2: true, asks: true},
		"list of version 1":          {method: "LIST", path: "old/app", want: "old/app", asks: true},
		"write":                      {method: "PUT", path: "secret/app", want: "secret/data/app", v2: true, asks: true},
		"complete write":             {method: "PUT", path: "secret/data/app", want: "secret/data/app", v2: true, asks: true},
		"first segment is no marker": {path: "data/app", want: "data/app", asks: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			l, m := shelves(), &Mounts{}
			if tc.method == "" {
				tc.method = http.MethodGet
			}
			got, v2, err := m.Resolve(t.Context(), l.send, tc.method, tc.path)
			if err != nil || got != tc.want || v2 != tc.v2 {
				t.Errorf("Resolve() = %q, %v, %v, want %q, %v", got, v2, err, tc.want, tc.v2)
			}
			if asks := len(l.asked) > 0; asks != tc.asks {
				t.Errorf("asked %v", l.asked)
			}
		})
	}
}

func TestReportedMountAndNamespace(t *testing.T) {
	cases := map[string]struct{ prefix, path, want string }{
		"namespace in the report":       {prefix: "org/team/", path: "secret/app", want: "secret/data/app"},
		"namespace in both":             {prefix: "org/", path: "org/secret/app", want: "org/secret/data/app"},
		"namespace in the path":         {path: "org/secret/app", want: "org/secret/data/app"},
		"namespace that is a mount too": {prefix: "secret/", path: "secret/app", want: "secret/data/app"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			v2 := map[string]any{"type": "kv", "options": map[string]any{"version": "2"}, "path": tc.prefix + "secret/"}
			send := func(context.Context, Request) (*Response, error) { return &Response{Data: sensitive.NewData(v2)}, nil }
			got, _, err := (&Mounts{}).Resolve(t.Context(), send, "GET", tc.path)
			if err != nil || got != tc.want {
				t.Errorf("Resolve() = %q, %v, want %q", got, err, tc.want)
			}
		})
	}
}

func TestReportThatDoesNotFit(t *testing.T) {
	for name, data := range map[string]map[string]any{
		"another mount": {"type": "kv", "options": map[string]any{"version": "2"}, "path": "other/"},
		"no mount":      {"type": "kv", "options": map[string]any{"version": "2"}},
		"nothing":       nil,
	} {
		t.Run(name, func(t *testing.T) {
			send := func(context.Context, Request) (*Response, error) {
				return &Response{Data: sensitive.NewData(data)}, nil
			}
			got, v2, err := (&Mounts{}).Resolve(t.Context(), send, "GET", "secret/app")
			if err != nil || got != "secret/app" || v2 {
				t.Errorf("Resolve() = %q, %v, %v, want the path as it is", got, v2, err)
			}
		})
	}
}

func TestOneLookupPerMount(t *testing.T) {
	l, m := shelves(), &Mounts{}
	for _, path := range []string{"secret/a", "secret/b", "secret", "team/kv/a", "team/db/a", "team/kv/b", "hidden/a", "hidden/a", "hidden/b", "secrets/a", "secret/x/data/y"} {
		if _, _, err := m.Resolve(t.Context(), l.send, "GET", path); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"secret/a", "team/kv/a", "team/db/a", "hidden/a", "hidden/b", "secrets/a"}
	for i := range want {
		want[i] = "GET " + mountsPath + want[i]
	}
	if diff := cmp.Diff(want, l.asked); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	m.Forget()
	if _, _, err := m.Resolve(t.Context(), l.send, "GET", "secret/a"); err != nil || len(l.asked) != len(want)+1 {
		t.Errorf("after Forget: error %v, requests %v", err, l.asked)
	}
}

func TestFailedLookups(t *testing.T) {
	cases := map[Kind]bool{ // kind -> the failure is returned, and not kept
		Permanent: false, Denied: false, NotFound: false,
		InvalidToken: true, Sealed: true, RateLimited: true, Unavailable: true,
	}
	for kind, returned := range cases {
		t.Run(kind.String(), func(t *testing.T) {
			l, m := shelves(), &Mounts{}
			l.fail = &Error{Kind: kind}
			got, v2, err := m.Resolve(t.Context(), l.send, "GET", "secret/app")
			if returned != (err != nil) || returned && KindOf(err) != kind {
				t.Errorf("error = %v", err)
			}
			if !returned && (got != "secret/app" || v2) {
				t.Errorf("Resolve() = %q, %v, want the path as it is", got, v2)
			}
			l.fail = nil
			want := "secret/app"
			if returned {
				want = "secret/data/app"
			}
			if got, _, err := m.Resolve(t.Context(), l.send, "GET", "secret/app"); got != want || err != nil {
				t.Errorf("later Resolve() = %q, %v, want %q", got, err, want)
			}
		})
	}
}

func TestSend(t *testing.T) {
	cases := map[string]struct {
		request Request
		known   []string
		want    []string
		found   string // "": it fails
	}{
		"read":          {request: Request{Method: "GET", Path: "secret/app"}, want: []string{"L secret/app", "GET secret/data/app"}, found: "secret/data/app"},
		"complete read": {request: Request{Method: "GET", Path: "secret/data/app"}, want: []string{"GET secret/data/app"}, found: "secret/data/app"},
		"complete read of nothing": {
			request: Request{Method: "GET", Path: "secret/data/app"}, known: []string{"x"},
			want: []string{"GET secret/data/app", "L secret/data/app"},
		},
		"folder data of version 2": {
			request: Request{Method: "GET", Path: "secret/app/data/db"}, known: []string{"secret/data/app/data/db"},
			want:  []string{"GET secret/app/data/db", "L secret/app/data/db", "GET secret/data/app/data/db"},
			found: "secret/data/app/data/db",
		},
		"folder data of version 1": {request: Request{Method: "GET", Path: "old/data/db"}, want: []string{"GET old/data/db"}, found: "old/data/db"},
		"write": {
			request: Request{Method: "PUT", Path: "secret/app", Body: map[string]any{"user": "u"}},
			want:    []string{"L secret/app", "PUT secret/data/app data"}, found: "secret/data/app",
		},
		"write of version 1": {
			request: Request{Method: "PUT", Path: "old/app", Body: map[string]any{"user": "u"}},
			want:    []string{"L old/app", "PUT old/app user"}, found: "old/app",
		},
		"write without a body": {request: Request{Method: "PUT", Path: "secret/app"}, want: []string{"L secret/app", "PUT secret/data/app"}, found: "secret/data/app"},
		"list":                 {request: Request{Method: "LIST", Path: "secret/app"}, want: []string{"L secret/app", "LIST secret/metadata/app"}, found: "secret/metadata/app"},
		"read of nothing":      {request: Request{Method: "GET", Path: "old/app"}, known: []string{"x"}, want: []string{"L old/app", "GET old/app"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			l, m := shelves(), &Mounts{}
			if tc.known != nil {
				l.known = map[string]bool{}
				for _, path := range tc.known {
					l.known[path] = true
				}
			}
			response, err := m.Send(t.Context(), l.send, tc.request)
			if tc.found == "" {
				if failed, ok := errors.AsType[*Error](err); !ok || failed.Kind != NotFound || failed.Path != tc.request.Path {
					t.Errorf("error = %v, want that of the path as it was asked for", err)
				}
			} else if err != nil || response.RequestID != tc.found {
				t.Errorf("Send() = %v, %v, want %q", response, err, tc.found)
			}
			var got []string
			for _, line := range l.asked {
				got = append(got, strings.Replace(line, "GET "+mountsPath, "L ", 1))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSendKeepsOtherFailures: only a path that is not there, or is denied, may
// be another one in truth.
func TestSendKeepsOtherFailures(t *testing.T) {
	calls := 0
	send := func(context.Context, Request) (*Response, error) {
		calls++
		return nil, &Error{Kind: Sealed}
	}
	_, err := (&Mounts{}).Send(t.Context(), send, Request{Method: "GET", Path: "secret/data/app"})
	if err == nil || KindOf(err) != Sealed || calls != 1 {
		t.Errorf("error %v after %d calls", err, calls)
	}
	_, err = (&Mounts{}).Send(t.Context(), send, Request{Method: "GET", Path: "secret/app"})
	if err == nil || KindOf(err) != Sealed || calls != 2 {
		t.Errorf("error %v after %d calls, want that of the look-up", err, calls)
	}
}

// resolveAll resolves paths at the same time, and returns the errors.
func resolveAll(ctx context.Context, m *Mounts, send Sender, paths ...string) []error {
	errs := make([]error, len(paths))
	var wg sync.WaitGroup
	for i, path := range paths {
		wg.Go(func() { _, _, errs[i] = m.Resolve(ctx, send, "GET", path) })
	}
	wg.Wait()
	return errs
}

func TestConcurrentCallersShareALookup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, m := shelves(), &Mounts{}
		l.delay = time.Second
		for _, err := range resolveAll(t.Context(), m, l.send, "secret/a", "secret/b", "secret/c", "old/a") {
			if err != nil {
				t.Error(err)
			}
		}
		if len(l.asked) != 2 {
			t.Errorf("asked %v, want one look-up for each of two mounts", l.asked)
		}
	})
}

func TestConcurrentCallersShareAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, m := shelves(), &Mounts{}
		l.delay, l.fail = time.Second, &Error{Kind: Sealed}
		for _, err := range resolveAll(t.Context(), m, l.send, "secret/a", "secret/b", "secret/c") {
			if err == nil || KindOf(err) != Sealed {
				t.Errorf("error = %v", err)
			}
		}
		if len(l.asked) != 1 {
			t.Errorf("asked %v, want one look-up", l.asked)
		}
	})
}

func TestCancelledLookupIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, m := shelves(), &Mounts{}
		l.delay = 10 * time.Second
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		var first, second, third error
		var wg sync.WaitGroup
		wg.Go(func() { _, _, first = m.Resolve(ctx, l.send, "GET", "secret/a") })
		synctest.Wait()
		wg.Go(func() { _, _, second = m.Resolve(t.Context(), l.send, "GET", "secret/b") })
		wg.Go(func() { _, _, third = m.Resolve(ctx, l.send, "GET", "secret/c") })
		wg.Wait()
		if !errors.Is(first, context.DeadlineExceeded) || !errors.Is(third, context.DeadlineExceeded) || KindOf(third) != Unavailable {
			t.Errorf("errors of the cancelled: %v, %v", first, third)
		}
		if second != nil || len(l.asked) != 2 {
			t.Errorf("error %v after %v, want a second look-up that works", second, l.asked)
		}
	})
}

func FuzzMountPrefix(f *testing.F) {
	f.Add("secret", "secret/app")
	f.Add("org/secret", "secret/app")
	f.Add("secret", "org/secret/app")
	f.Add("", "")
	f.Add("a//b", "/b")
	f.Fuzz(func(t *testing.T, reported, path string) {
		mount := mountPrefix(strings.Trim(reported, "/"), path)
		if mount == "" {
			return
		}
		if !strings.HasPrefix(path+"/", mount) {
			t.Errorf("mount %q is no prefix of %q", mount, path)
		}
		for _, method := range []string{"GET", "LIST"} {
			if once := complete(method, path, mount, true); !strings.HasPrefix(once+"/", mount) {
				t.Errorf("%q leaves the mount %q", once, mount)
			}
		}
	})
}
