// Package manifest injects the workloads in files of manifests, as the webhook
// would inject their pods.
//
// [Read] takes a stream of documents apart, in YAML or JSON; [Documents.Inject]
// and [Documents.Uninject] change what makes pods, and [Documents.Write] puts the
// stream together again. What is not changed comes out byte for byte.
package manifest
