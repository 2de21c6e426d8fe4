package injector

import (
	"cmp"
	"slices"
	"strings"
	"sync"
)

const (
	// Prefix is that of the annotations of the old injector.
	Prefix = "vault.hashicorp.com/"
	// OwnPrefix is that of the annotations which the old injector does not have.
	OwnPrefix = "vaultk8s.io/"

	injectKey = Prefix + "agent-inject"
	// StatusKey is the annotation that tells an injected pod.
	StatusKey      = Prefix + "agent-inject-status"
	statusInjected = "injected"
)

// Annotation describes one annotation, or a family of them: a name that ends in
// "-NAME" or "-X" stands for any ending.
type Annotation struct {
	Name    string // with its prefix
	Type    string // "bool", "quantity", "path" and so on
	Default string // in words; "" for none
	Effect  string // one sentence or two
	Own     bool   // the old injector does not have it
	Section string // heading in the documentation
}

// Annotations returns all annotations that Inject understands, in the order of
// the documentation.
func Annotations() []Annotation {
	rows := table().rows
	all := make([]Annotation, len(rows))
	for i, r := range rows {
		all[i] = Annotation{Name: r.key, Type: r.kind, Default: r.fallback, Effect: r.effect, Own: strings.HasPrefix(r.key, OwnPrefix), Section: r.section}
	}
	return all
}

// row is one annotation with the function that reads it.
type row struct {
	name, kind, fallback, effect string
	option                       func(*Options) string // stands in for an absent annotation; nil: nothing does
	set                          setter                // nil: read elsewhere
	needsOurs                    bool                  // an old agent cannot follow it
	ofVariable                   bool                  // NAME may be that of an environment variable, too

	// What follows is filled in by table.

	key, section string // key is the name with its prefix
	stem         string // what the keys of a family begin with; "" for a single name
}

// stemOf returns what the keys of a family begin with, "" for a single key.
func stemOf(key string) string {
	for _, end := range []string{"NAME", "X"} {
		if stem, ok := strings.CutSuffix(key, "-"+end); ok {
			return stem + "-"
		}
	}
	return ""
}

// index finds rows by the names of annotations.
type index struct {
	rows     []*row
	single   map[string]*row
	families []*row // longest first: agent-inject-template-file- before agent-inject-template-
	options  []*row // those that an option stands in for
}

// table is built when the first pod comes: most processes that link this
// package are agents, which never need it.
var table = sync.OnceValue(func() *index {
	x := &index{single: map[string]*row{}}
	x.add(Prefix, "Switches", switchRows())
	x.add(Prefix, "Secrets", secretRows())
	x.add(Prefix, "Agent containers", containerRows())
	x.add(Prefix, "Security and resources", securityRows())
	x.add(Prefix, "Connection to Vault", vaultRows())
	x.add(Prefix, "Login", authRows())
	x.add(Prefix, "Cache, templates and telemetry", agentRows())
	x.add(OwnPrefix, "Native sidecars and containers", ownContainerRows())
	x.add(OwnPrefix, "Secrets, more", ownSecretRows())
	x.add(OwnPrefix, "Environment variables", ownEnvRows())
	slices.SortStableFunc(x.families, func(a, b *row) int {
		return cmp.Compare(len(b.stem), len(a.stem))
	})
	return x
})

func (x *index) add(prefix, section string, rows []row) {
	for _, r := range rows {
		r.key, r.section = prefix+r.name, section
		r.stem = stemOf(r.key)
		x.rows = append(x.rows, &r)
		if r.stem != "" {
			x.families = append(x.families, &r)
			continue
		}
		x.single[r.key] = &r
		if r.option != nil {
			x.options = append(x.options, &r)
		}
	}
}

// find returns the row of an annotation and, of a family, the ending.
func (x *index) find(key string) (*row, string) {
	if r, ok := x.single[key]; ok {
		return r, ""
	}
	for _, r := range x.families {
		if end, ok := strings.CutPrefix(key, r.stem); ok && end != "" {
			return r, end
		}
	}
	return nil, ""
}

// names lists what an unknown annotation could have meant; a family stands in
// with the ending that the annotation has after its last dash.
func (x *index) names(key string) []string {
	end := key[max(0, strings.LastIndexByte(key, '-')):]
	names := make([]string, 0, len(x.rows))
	for _, r := range x.rows {
		if r.stem != "" {
			names = append(names, strings.TrimSuffix(r.stem, "-")+end)
			continue
		}
		names = append(names, r.key)
	}
	return names
}
