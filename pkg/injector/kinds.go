package injector

import (
	"slices"
	"strconv"
	"strings"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/vaultk8s/vaultk8s/pkg/config/scalar"
)

// setter reads one annotation into the plan, or adds a problem.
type setter func(*parser, arg)

// place finds where a value goes: into the plan, or into one of its secrets.
type place[T any] func(*parser, arg) *T

func inPlan[T any](at func(*plan) *T) place[T] {
	return func(p *parser, _ arg) *T { return at(p.plan) }
}

func inSecret[T any](at func(*secretPlan) *T) place[T] {
	return func(p *parser, a arg) *T { return at(p.secret(a)) }
}

func text(at place[string]) setter {
	return func(p *parser, a arg) { *at(p, a) = a.value }
}

// trimmed is for names, where blanks at the ends are slips of the pen.
func trimmed(at place[string]) setter {
	return func(p *parser, a arg) { *at(p, a) = strings.TrimSpace(a.value) }
}

// boolean takes the empty text for false, as the old injector does.
func boolean(at place[bool]) setter {
	return func(p *parser, a arg) {
		b, err := truth(a.value)
		if err != nil {
			p.refuse(atAgent, "%s: %w", a.key, err)
			return
		}
		*at(p, a) = b
	}
}

func truth(text string) (bool, error) {
	if strings.TrimSpace(text) == "" {
		return false, nil
	}
	return scalar.Bool(text)
}

// maybe is a boolean that may also be absent.
func maybe(at place[*bool]) setter {
	return func(p *parser, a arg) {
		b := new(bool)
		boolean(func(*parser, arg) *bool { return b })(p, a)
		*at(p, a) = b
	}
}

// lax takes a bad boolean for false with a warning: the old injector does so
// silently, and what started with it has to start here.
func lax(at place[*bool]) setter {
	return func(p *parser, a arg) {
		b, err := truth(a.value)
		if err != nil {
			p.warn("%s: %v; taken for false", a.key, err)
		}
		*at(p, a) = &b
	}
}

// oneOf takes one of some words in any case. The words are not sorted: the
// first one is the default.
func oneOf(at place[string], words ...string) setter {
	return func(p *parser, a arg) {
		word := strings.ToLower(strings.TrimSpace(a.value))
		if !slices.Contains(words, word) {
			p.refuse(atAgent, "%s: %q is not one of %s", a.key, a.value, strings.Join(words, ", "))
			return
		}
		*at(p, a) = word
	}
}

// digits takes an integer of at least low and keeps its text; empty means none.
func digits(at place[string], low int) setter {
	return func(p *parser, a arg) {
		if strings.TrimSpace(a.value) == "" {
			return
		}
		n, ok := p.integer(a, low)
		if ok {
			*at(p, a) = strconv.Itoa(n)
		}
	}
}

func (p *parser) integer(a arg, low int) (int, bool) {
	n, err := scalar.Int(a.value)
	switch {
	case err != nil:
		p.refuse(atAgent, "%s: %w", a.key, err)
	case n < low:
		p.refuse(atAgent, "%s: %d is less than %d", a.key, n, low)
	default:
		return n, true
	}
	return 0, false
}

func integer(at place[int], low int) setter {
	return func(p *parser, a arg) {
		if n, ok := p.integer(a, low); ok {
			*at(p, a) = n
		}
	}
}

// id is a user or group of the agent.
func id(at place[int64], said place[bool]) setter {
	return func(p *parser, a arg) {
		if n, ok := p.integer(a, 0); ok {
			*at(p, a), *said(p, a) = int64(n), true
		}
	}
}

// backoff keeps the words of the old injector; empty means that nothing is said.
func backoff(at place[time.Duration], which string) setter {
	return func(p *parser, a arg) {
		if a.value == "" {
			return
		}
		d, err := scalar.Duration(a.value)
		if err != nil {
			p.refuse(atDefaults, "error parsing %s backoff as duration: %s: %w", which, a.key, err)
			return
		}
		*at(p, a) = d
	}
}

// span is a duration; empty means that nothing is said.
func span(at place[time.Duration], low time.Duration) setter {
	return func(p *parser, a arg) {
		if a.value == "" {
			return
		}
		d, err := scalar.Duration(a.value)
		switch {
		case err != nil:
			p.refuse(atAgent, "%s: %w", a.key, err)
		case d < low:
			p.refuse(atAgent, "%s: %q is less than %v", a.key, a.value, low)
		default:
			*at(p, a) = d
		}
	}
}

// spanText checks a duration and keeps its text, which goes into a variable.
func spanText(at place[string]) setter {
	return func(p *parser, a arg) {
		var d time.Duration
		span(func(*parser, arg) *time.Duration { return &d }, 0)(p, a)
		*at(p, a) = a.value
	}
}

// fraction is a number above 0 and below 1; 0 leaves it to the agent.
func fraction(at place[float64]) setter {
	return func(p *parser, a arg) {
		x, err := scalar.Float(a.value)
		switch {
		case err != nil:
			p.refuse(atAgent, "%s: %w", a.key, err)
		case x < 0 || x >= 1:
			p.refuse(atAgent, "%s: %q is not a fraction above 0 and below 1", a.key, a.value)
		default:
			*at(p, a) = x
		}
	}
}

// quantity reads an amount of a resource; empty removes it.
func quantity(at place[amount]) setter {
	return func(p *parser, a arg) {
		cell := at(p, a)
		cell.key, cell.said, cell.quantity = a.key, a.said, nil
		if a.value == "" {
			return
		}
		q, err := resource.ParseQuantity(a.value)
		switch {
		case err != nil:
			p.refuse(atPatch, "%s: %q is not a quantity: write 100m, 0.5 or 64Mi", a.key, a.value)
		case q.Sign() < 0:
			p.refuse(atPatch, "%s: %q is a negative quantity", a.key, a.value)
		default:
			cell.quantity = &q
		}
	}
}

// patch is a JSON patch of a container. It is decoded here, so that a bad one is
// told from one that does not fit; empty means none.
func patch(at place[string]) setter {
	return func(p *parser, a arg) {
		if a.value == "" {
			return
		}
		if _, err := jsonpatch.DecodePatch([]byte(a.value)); err != nil {
			p.refuse(atDefaults, "error parsing JSON patch for annotation %s: %w", a.key, err)
			return
		}
		*at(p, a) = a.value
	}
}

// list is a list with commas; blanks around its words fall away.
func list(at place[[]string]) setter {
	return func(p *parser, a arg) { *at(p, a) = scalar.Words(a.value) }
}

// subsystems is a list of words that the agent ignores when it does not know them.
func subsystems(at place[[]string]) setter {
	known := []string{"auto-auth", "caching", "proxying", "templating"}
	return func(p *parser, a arg) {
		words := scalar.Words(a.value)
		for _, word := range words {
			if !slices.Contains(known, word) {
				p.warn("%s: %q is not one of %s and has no effect", a.key, word, strings.Join(known, ", "))
			}
		}
		*at(p, a) = slices.DeleteFunc(words, func(w string) bool { return !slices.Contains(known, w) })
	}
}

// directory is an absolute path; it is cleaned.
func directory(at place[string]) setter {
	return func(p *parser, a arg) {
		if !strings.HasPrefix(a.value, "/") || strings.ContainsRune(a.value, ':') {
			p.refuse(atAgent, "%s: %q is not an absolute path without a colon", a.key, a.value)
			return
		}
		*at(p, a) = cleanPath(a.value)
	}
}
