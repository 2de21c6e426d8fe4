// Package arch holds the rules of this code base as tests.
//
// rules_test.go says which room may import which, and who may know which
// library; the other files check sizes, doc comments and habits. Each rule takes
// the parsed sources of a [testing/fstest.MapFS] as well as the real ones, so
// that tests prove that it can fail. A violation is printed with the chain of
// imports that leads to it. To let a new package in, give it a row in rooms.
//
// The modules linked into the binary are a reviewed list, docs/dependencies.txt;
// run the tests of this package with -update after a change of go.mod.
package arch
