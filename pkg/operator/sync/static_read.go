package sync

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/shape"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// place is what is read, and with whose eyes.
type place struct {
	session Session
	query   secret.Query
}

// reading is what an object watches in the store.
type reading struct {
	watches map[place]*secret.Watch
	object  uint64 // of what the newest visit saw of the object
}

// keep closes the watches that are not needed any more.
func (r *reading) keep(used map[place]bool) {
	for p, w := range r.watches {
		if !used[p] {
			w.Close()
			delete(r.watches, p)
		}
	}
}

// contents is what the store has for an object.
type contents struct {
	sources []shape.Source
	first   Session  // of the object's own path
	version int64    // of the object's own secret, for kv-v2
	pending bool     // something was not read yet
	missing []string // paths of what is needed and not there
	failure error    // of the newest attempt to read something
}

// round gathers the contents in one visit.
type round struct {
	v       *visit
	reading *reading
	notify  func()
	edited  bool // the object is not what the last visit saw
	every   time.Duration
	used    map[place]bool
	logins  map[string]Session // by Vault namespace
	got     contents
}

// read gathers what the sources hold. What is not watched yet is watched from now on.
func (k *static) read(ctx context.Context, v *visit, want []source) (*contents, *outcome) {
	mine, _ := v.memory.own.(*reading)
	seen := mine != nil
	if !seen {
		mine = &reading{watches: map[place]*secret.Watch{}}
		v.memory.own = mine
	}
	name, wake := v.name, v.r.wake
	saw := fingerprint(v)
	r := &round{
		v: v, reading: mine, notify: func() { wake(name) }, edited: seen && mine.object != saw,
		every: want[0].interval, used: map[place]bool{}, logins: map[string]Session{},
	}
	for _, s := range want {
		if bad := r.source(ctx, s); bad != nil {
			return nil, bad
		}
	}
	mine.object = saw
	mine.keep(r.used)
	v.memory.watches = slices.Collect(maps.Values(mine.watches))
	k.follow(v, r)
	return &r.got, nil
}

// fingerprint tells whether an object was edited: its spec, its labels, its
// annotations.
func fingerprint(v *visit) uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, v.object.GetGeneration(), v.object.GetLabels(), v.object.GetAnnotations()) // a hash takes everything
	return h.Sum64()
}

// source adds what one source holds.
func (r *round) source(ctx context.Context, s source) *outcome {
	session, ok := r.logins[s.spec.Namespace]
	if !ok {
		var bad *outcome
		if session, bad = r.v.loginTo(ctx, s.spec.Namespace); bad != nil {
			return bad
		}
		r.logins[s.spec.Namespace] = session
	}
	if len(r.got.sources) == 0 {
		r.got.first = session
	}
	out := shape.Source{Name: s.name, Keys: s.spec.Keys, Prefix: s.spec.KeyPrefix}
	if s.folder {
		var err error
		if out.Folder, err = shape.NewFolder(listName(s.name), s.spec.List); err != nil {
			o := r.v.unsynced(stuck(v1beta1.ReasonInvalidConfiguration, err))
			return &o
		}
		paths, there := r.list(session, s, out.Folder)
		if err := r.fits(s, out.Folder, paths); err != nil {
			o := r.v.unsynced(stuck(v1beta1.ReasonSecretDataBuilderError, err))
			return &o
		}
		if !there {
			r.miss(s)
		}
		for _, below := range paths {
			r.secret(session, s, path.Join(s.spec.Path, below), below, &out)
		}
	} else if !r.secret(session, s, s.spec.Path, "", &out) {
		r.miss(s)
	}
	if len(out.Items) > 0 || s.folder {
		r.got.sources = append(r.got.sources, out)
	}
	return nil
}

func listName(source string) string {
	if source == "path" {
		return "list"
	}
	return source + ".list"
}

// fits refuses a folder that holds more than was expected: a part of it is not the
// folder.
func (r *round) fits(s source, f *shape.Folder, paths []string) error {
	if len(paths) <= f.Most() {
		return nil
	}
	return fmt.Errorf("%s.maxItems: the folder %q of mount %q holds %d secrets that match, more than %d", listName(s.name), s.spec.Path, s.spec.Mount, len(paths), f.Most())
}

// miss takes note of a source that is not there.
func (r *round) miss(s source) {
	if !s.spec.Optional {
		r.got.missing = append(r.got.missing, strings.Trim(s.spec.Mount, "/")+"/"+strings.Trim(s.spec.Path, "/"))
	}
}

// secret adds one secret to a source; false where there is none in Vault.
func (r *round) secret(session Session, s source, at, below string, out *shape.Source) bool {
	response, there := r.look(session, query(s, at))
	if response == nil {
		return there
	}
	from := shape.FromKV1
	if s.spec.Type == v1beta1.KVV2 {
		from = shape.FromKV2
	}
	answer, err := from(response.Data)
	if err != nil {
		r.fail(fmt.Errorf("%s: mount %q, path %q: %w", s.name, s.spec.Mount, at, err))
		return true
	}
	if s.name == "path" && below == "" {
		r.got.version = versionOf(response)
	}
	out.Items = append(out.Items, shape.Item{Path: below, Answer: answer})
	return true
}

func (r *round) fail(err error) {
	if r.got.failure == nil {
		r.got.failure = err
	}
}

// list returns the paths, below the folder, of the secrets that are read; false
// where there is no folder.
func (r *round) list(session Session, s source, f *shape.Folder) (paths []string, there bool) {
	folders := []string{""}
	for i := 0; i < len(folders); i++ {
		response, exists := r.look(session, listing(s, path.Join(s.spec.Path, folders[i])))
		there = there || exists
		for _, name := range names(response) {
			below := folders[i] + name
			switch {
			case !strings.HasSuffix(name, "/"):
				if f.Keeps(below) {
					paths = append(paths, below)
				}
			case f.Recursive() && len(folders) < mostFolders:
				folders = append(folders, below)
			}
		}
	}
	slices.Sort(paths)
	return paths, there
}

// mostFolders bounds how many folders are listed for one object: ten times the
// secrets that may be read of them.
const mostFolders = 100_000

// names are the names of a listing. Those of folders end in a slash.
func names(r *secret.Response) []string {
	if r == nil {
		return nil
	}
	keys, _ := r.Data.Reveal()["keys"].([]any)
	all := make([]string, 0, len(keys))
	for _, key := range keys {
		if name, ok := key.(string); ok {
			all = append(all, name)
		}
	}
	return all
}

// look returns what the store has for a query, nil for nothing yet; false where
// there is nothing in Vault.
func (r *round) look(session Session, q secret.Query) (*secret.Response, bool) {
	p := place{session, q}
	w := r.reading.watches[p]
	opened := w == nil
	if opened {
		w = session.Watch(q, r.notify)
		r.reading.watches[p] = w
	}
	r.used[p] = true
	state := w.State()
	r.confirm(p, state, opened)
	switch {
	case state.Err != nil && vault.KindOf(state.Err) == vault.NotFound:
		return nil, false
	case state.Err != nil:
		r.fail(state.Err)
	case state.Response == nil:
		r.got.pending = true
	default:
		return state.Response, true
	}
	return nil, true
}

// confirmSpread is how long the store waits before it confirms what it holds for a
// new object, so that many new objects cause one read.
const confirmSpread = time.Second

// confirm lets the store read again what it has, for an object that was edited, or
// that is new and must not get what was read before it was there. Where it turns out
// to be old, the object is woken.
func (r *round) confirm(p place, state secret.State, opened bool) {
	switch {
	case r.edited:
		p.session.Announce(p.query, 0)
	case opened && state.Response != nil && state.Read.Before(r.newest()):
		p.session.Announce(p.query, confirmSpread)
	}
}

// newest is from when on data counts as new for an object that was not looked at
// before: from when it was there, or this process, whichever is later. One that is
// polled accepts what a poll would not have found out either.
func (r *round) newest() time.Time {
	since := r.v.r.bell.since()
	if r.v.object.GetCreationTimestamp().After(since) {
		since = r.v.memory.since
	}
	if r.every == secret.Never {
		return since
	}
	return lease.Earliest(since, time.Now().Add(-r.every))
}

// versionOf is the version of a secret of kv-v2; 0 for any other.
func versionOf(r *secret.Response) int64 {
	metadata, _ := r.Data.Reveal()["metadata"].(map[string]any)
	number, _ := metadata["version"].(json.Number)
	version, _ := number.Int64()
	return version
}

// query reads a secret.
func query(s source, at string) secret.Query {
	mount, at := strings.Trim(s.spec.Mount, "/"), strings.Trim(at, "/")
	full := mount + "/" + at
	if s.spec.Type == v1beta1.KVV2 {
		full = mount + "/data/" + at
		if s.spec.Version > 0 && !s.folder {
			full += "?version=" + strconv.Itoa(s.spec.Version)
		}
	}
	return secret.NewQuery(secret.Read, full, nil).Literally("GET").Every(s.interval)
}

// listing reads the names in a folder.
func listing(s source, at string) secret.Query {
	mount, at := strings.Trim(s.spec.Mount, "/"), strings.Trim(at, "/")
	full := mount + "/" + at
	if s.spec.Type == v1beta1.KVV2 {
		full = mount + "/metadata/" + at
	}
	return secret.NewQuery(secret.List, full, nil).Literally("LIST").Every(s.interval)
}
