package process

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/interp"
)

// pidof prints the ids of all processes that run one of the named programs, in
// one line, the oldest first; with -s only that one. -x is accepted: scripts
// are always found by their name.
func pidof(_ context.Context, s *shell, hc interp.HandlerContext, args []string) error {
	flags, names, err := letters(args, "sxq")
	if err != nil {
		return err
	}
	all, err := listProcs(s.procRoot)
	if err != nil {
		return err
	}
	var ids []string
	for _, p := range all {
		if slices.ContainsFunc(names, p.is) {
			ids = append(ids, strconv.Itoa(p.pid))
		}
	}
	if len(ids) == 0 {
		return errQuiet
	}
	if strings.Contains(flags, "s") {
		ids = ids[:1]
	}
	if strings.Contains(flags, "q") {
		return nil
	}
	_, err = fmt.Fprintln(hc.Stdout, strings.Join(ids, " "))
	return err
}

// search is what pgrep and pkill look for.
type search struct {
	pattern *regexp.Regexp
	full    bool // -f: match the command line
	exact   bool // -x: match the whole of it
	oldest  bool
	newest  bool
	uids    []int // -u; empty: any
	signal  syscall.Signal
}

func pgrep(_ context.Context, s *shell, hc interp.HandlerContext, args []string) error {
	q, err := parseSearch(args, false)
	if err != nil {
		return err
	}
	found, err := q.find(s.procRoot)
	if err != nil {
		return err
	}
	for _, p := range found {
		if _, err := fmt.Fprintln(hc.Stdout, p.pid); err != nil {
			return err
		}
	}
	return nil
}

func pkill(_ context.Context, s *shell, _ interp.HandlerContext, args []string) error {
	q, err := parseSearch(args, true)
	if err != nil {
		return err
	}
	found, err := q.find(s.procRoot)
	if err != nil {
		return err
	}
	var failed []error
	for _, p := range found {
		failed = append(failed, send(strconv.Itoa(p.pid), q.signal))
	}
	return errors.Join(failed...)
}

// parseSearch reads the options; only pkill has a signal among them.
func parseSearch(args []string, signals bool) (search, error) {
	q := search{signal: unix.SIGTERM}
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		word := args[0]
		args = args[1:]
		if word == "--" {
			break
		}
		if name, ok := strings.CutPrefix(word, "--signal="); ok {
			word, args = "--signal", append([]string{name}, args...)
		}
		taken, err := q.option(word, args, signals)
		if err != nil {
			return q, err
		}
		args = args[taken:]
	}
	switch {
	case len(args) == 0 && len(q.uids) > 0:
		return q, nil
	case len(args) != 1:
		return q, usage("exactly one pattern is needed, not %d", len(args))
	}
	return q, q.compile(args[0])
}

// option reads one option and tells how many of the following words it took.
func (q *search) option(word string, next []string, signals bool) (int, error) {
	switch {
	case word == "-u" || (signals && word == "--signal"):
		if len(next) == 0 {
			return 0, usage("%s needs a value", word)
		}
		if word == "-u" {
			return 1, q.users(next[0])
		}
		return 1, q.setSignal(next[0])
	case signals && q.setSignal(word[1:]) == nil:
		return 0, nil
	}
	for _, c := range word[1:] {
		flag := map[rune]*bool{'f': &q.full, 'x': &q.exact, 'o': &q.oldest, 'n': &q.newest}[c]
		if flag == nil {
			return 0, usage("unknown option %s", word)
		}
		*flag = true
	}
	return 0, nil
}

func (q *search) setSignal(text string) error {
	sig, err := parseSignal(text)
	if err == nil {
		q.signal = sig
	}
	return err
}

// users reads a comma-separated list of names and numbers.
func (q *search) users(list string) error {
	for name := range strings.SplitSeq(list, ",") {
		uid, err := strconv.Atoi(name)
		if err != nil {
			u, lookupErr := user.Lookup(name)
			if lookupErr != nil {
				return usage("unknown user %q", name)
			}
			uid, err = strconv.Atoi(u.Uid)
		}
		if err != nil {
			return usage("user %q has no number", name)
		}
		q.uids = append(q.uids, uid)
	}
	return nil
}

func (q *search) compile(pattern string) error {
	if q.exact {
		pattern = "^(?:" + pattern + ")$"
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return usage("%v", err)
	}
	q.pattern = re
	return nil
}

// find returns the matching processes; none is errQuiet.
func (q *search) find(root string) ([]proc, error) {
	all, err := listProcs(root)
	if err != nil {
		return nil, err
	}
	found := slices.DeleteFunc(all, func(p proc) bool { return !q.matches(p) })
	switch {
	case len(found) == 0:
		return nil, errQuiet
	case q.oldest:
		return found[:1], nil
	case q.newest:
		return found[len(found)-1:], nil
	}
	return found, nil
}

func (q *search) matches(p proc) bool {
	if len(q.uids) > 0 {
		if uid, ok := p.uid(); !ok || !slices.Contains(q.uids, uid) {
			return false
		}
	}
	if q.pattern == nil {
		return true
	}
	text := p.comm
	if argv := p.argv(); q.full && len(argv) > 0 {
		text = strings.Join(argv, " ")
	}
	return q.pattern.MatchString(text)
}
