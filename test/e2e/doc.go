// Package e2e tells whole stories of the program as a user has it: the built
// binary runs as a process beside a real Vault, a real Kubernetes control plane
// and a real PostgreSQL, which package lab starts. Nothing here is a fake.
//
// A story begins with newPod, which makes an identity of its own in all servers
// and the files of a pod, and goes on with pod.sidecar or pod.run. Each pod is
// checked at its end: every sidecar has to end in order when it is asked to, and
// no planted value, token or password may be in anything that was printed.
package e2e
