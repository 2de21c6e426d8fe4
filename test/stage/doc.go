// Package stage is what the showings of this project stand on: test/demo and test/tour.
// Both announce a step, do it, and prove it by what servers say.
//
// Start with [Perform], which does one [Step] and returns its row of the summary, and
// with [Screen], to which all of them write. [Await] waits for what was announced,
// [Mask] hides secrets, [Audit] counts what was asked of Vault, and [End] makes an exit code
// of how it went.
package stage
