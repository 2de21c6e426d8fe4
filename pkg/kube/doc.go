// Package kube speaks to a Kubernetes API server, in JSON over HTTP, as a pod or
// as whoever owns a kubeconfig.
//
// It imports no Kubernetes library: those register all kinds of all groups when a
// program starts, which every agent in every pod would pay for. Objects are
// whatever the caller decodes JSON into.
//
// Most callers need two functions: [Load], which finds the server and the
// credentials, and [Client.Do]. [Client.List] reads page by page, [Client.Watch]
// hears of changes, and a refusal is an [*Error].
package kube
