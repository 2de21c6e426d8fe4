// Package injector decides what a pod looks like that is to receive secrets.
//
// Everything here is pure: [Inject] takes a pod with annotations and returns the
// pod with the agent's containers, volumes and mounts, and a [Report] that says
// what was done or why not. It reads no cluster and no Vault, so the webhook and
// an offline preview show the same. [Uninject] takes an injection back.
//
// Most callers need [Inject] and [Patch], which turns its result into the JSON
// patch that an admission response carries; [InjectWorkload] does the same for
// the pod template of a Deployment, a Job and the like.
//
// The way through the files: annotations.go holds the table of all annotations,
// parse.go reads a pod's annotations by it into the plan of plan.go, and
// inject.go builds the pod of the plan, with document.go for the agent's own
// configuration. The names of containers, volumes, paths and annotations are
// those of the Vault Agent Injector, which this package replaces.
package injector
