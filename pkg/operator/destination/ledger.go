package destination

import (
	"maps"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// remembered is how many versions of a Secret the ledger knows as its own. One
// write makes two at most, and the news of the look before may come late as well.
const remembered = 4

// ledger knows of each destination whose it is, and which versions of it its object
// has read or written, so that only what others do wakes anybody.
type ledger struct {
	mu    sync.Mutex
	pages map[types.NamespacedName]*page // by Secret
}

type page struct {
	owner    owner
	uid      types.UID // of the Secret; "": there is none
	versions []string  // the latest ones that the object knows of
	flights  int       // writes under way
	waiting  []func()  // news that came during them: only then it is known whose they are
}

// news is what a watch tells of a Secret.
type news struct {
	uid     types.UID
	version string
	deleted bool
}

func newLedger() *ledger { return &ledger{pages: map[types.NamespacedName]*page{}} }

// know takes down what the object of a Secret has read or written; nil: there is no
// such Secret.
func (l *ledger) know(secret types.NamespacedName, o owner, s *corev1.Secret) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.pages[secret]
	if p == nil {
		p = &page{}
		l.pages[secret] = p
	}
	p.owner = o
	if s == nil {
		p.uid = ""
		return
	}
	p.uid = s.UID
	if slices.Contains(p.versions, s.ResourceVersion) {
		return
	}
	if len(p.versions) == remembered {
		p.versions = append(p.versions[:0], p.versions[1:]...)
	}
	p.versions = append(p.versions, s.ResourceVersion)
}

// begin says that a write starts; the function that it returns, that it has ended.
func (l *ledger) begin(secret types.NamespacedName) (end func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.pages[secret]
	if p == nil {
		return func() {}
	}
	p.flights++
	return func() { l.end(p) }
}

func (l *ledger) end(p *page) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.flights--; p.flights > 0 {
		return
	}
	for _, judge := range p.waiting {
		judge()
	}
	p.waiting = nil
}

// tell takes down news of a Secret, and wakes its object if that is of a kind and
// knows nothing of them. It returns false where the ledger has no such Secret.
func (l *ledger) tell(secret types.NamespacedName, kind string, n news, wake func(types.NamespacedName)) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.pages[secret]
	if p == nil {
		return false
	}
	if p.owner.ref.Kind != kind {
		return true
	}
	judge := func() {
		if p.foreign(n) {
			wake(p.owner.name)
		}
	}
	if p.flights > 0 {
		p.waiting = append(p.waiting, judge)
	} else {
		judge()
	}
	return true
}

// foreign tells whether somebody else has made the news.
func (p *page) foreign(n news) bool {
	if n.deleted {
		return n.uid == p.uid
	}
	return !slices.Contains(p.versions, n.version)
}

// forget forgets the Secrets of an object.
func (l *ledger) forget(object types.UID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.pages, func(_ types.NamespacedName, p *page) bool { return p.owner.ref.UID == object })
}
