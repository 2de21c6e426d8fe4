// Package e2e tells whole stories of the program as a user has it: the built
// binary runs as a process beside a real Vault, a real Kubernetes control plane
// and a real PostgreSQL, which package lab starts. Nothing here is a fake.
//
// A story begins with newPod, which makes an identity of its own in all servers
// and the files of a pod, and goes on with pod.sidecar or pod.run. Each pod is
// checked at its end: every sidecar has to end in order when it is asked to, and
// no planted value, token or password may be in anything that was printed.
//
// Where a document names absolute paths, or a pod is more than its files, the
// story uses pod.contained: there the agent runs in mount and process namespaces
// of its own, with volumes where a pod has them, as process 1 or beside another
// application. The test binary plays the other processes; see play.
package e2e
