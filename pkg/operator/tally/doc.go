// Package tally keeps the numbers of every object that the operator looks after: how
// often it was written, how often a look at it failed, when it was in order last.
//
// Most callers need two methods of a [Kind], which [Tally.Kind] makes: [Kind.Visited]
// at the end of a look, and [Kind.Wrote] after a write. A manager that runs the Kind
// lets go all of its objects when it ends, so that no number outlives the work on its
// object in this process.
package tally
