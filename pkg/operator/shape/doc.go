// Package shape makes the data of a Kubernetes Secret of what Vault answered.
//
// An answer becomes an [Answer] by [FromKV1], [FromKV2], [FromEngine] or
// [FromPKI]. A [Plan] is what a resource and the SecretTransformations that it
// refers to say, read once: templates are rendered first, then the keys of the
// answer that the filters leave are added, and the whole answer as _raw.
//
// Texts stay as they are, byte for byte; every other value becomes JSON. No error
// holds a value; those of templates say in which template, line and column.
//
// Most callers need two functions: [NewPlan] and [Plan.Build].
package shape
