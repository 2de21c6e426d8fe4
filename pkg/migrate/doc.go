// Package migrate converts what users of the older tools have, and tells what
// becomes of each part of it: chart values, annotations, agent documents and
// custom resources, and in which order to go over in a cluster.
//
// The converters are pure: text in, text and notes out. Only [Look] reads a
// cluster, and nothing here writes to one: the plan prints the commands, because
// whoever runs them can stop between two steps and look.
//
// Most callers need one function for each kind: [Values], [Annotations],
// [AgentConfig], [Resources] and [MakePlan].
package migrate
