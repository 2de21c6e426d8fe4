// Package startup spares a start the collection of garbage. Before main begins, the
// packages of all modes have made tables of some MB, which stay; an init container
// then works for a few milliseconds, and ends. A collector that starts at its usual
// 4 MB goes through all of it twice in that time, at a third of the processor time.
//
// To link the package has that effect; [Over] ends it for a program that goes on. It
// imports next to nothing and is ours, so that the language has it initialized before
// the packages that fill most of the tables: they are sorted by their paths.
package startup

import (
	"os"
	"runtime/debug"
	"sync"
)

// plenty is how much garbage may come together, in percent: 400 of the 4 MB that count
// at least are 16 MB, which a start with ten templates does not reach.
const plenty = 400

var usual = begin()

// begin returns what was in force before. Who sets GOGC has decided otherwise.
func begin() int {
	if os.Getenv("GOGC") != "" {
		return 0
	}
	return debug.SetGCPercent(plenty)
}

var once sync.Once

// Over has garbage collected as usual from now on.
func Over() {
	once.Do(func() {
		if usual != 0 {
			debug.SetGCPercent(usual)
		}
	})
}
