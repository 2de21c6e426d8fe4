// Package due knows when the operator looks at a secret again, and why it acts
// when it does.
//
// The world is gathered first, into a [Static], a [Dynamic] or a [Certificate];
// their method Judge then asks a list of questions, of which the first that
// applies decides. The result is a [Decision]: what to do, for which reason
// (which logs, events and conditions show), and when to look again. Nothing here
// reads a clock, a cluster or a Vault, and random numbers are an argument.
//
// Most callers need two functions: Judge of what they gathered, and [Horizon]
// for everything that is simply tried again.
package due
