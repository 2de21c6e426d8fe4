// Package status says how a custom resource is, in conditions that people,
// kubectl wait and GitOps tools read.
//
// Every resource has Ready and Healthy. While the operator works on one, or
// tries again, Reconciling is there and true; when only a person can help,
// Stalled is. Both are absent otherwise, which is what the kstatus library of
// Flux, Argo and kubectl plugins expects. What else there is (SecretSynced,
// LeaseRenewal, ...) is put in by name.
//
// Most callers need two functions: [Edit], with the conditions as they are, and
// [Conditions.Conclude]. [Conditions.Changed] then tells whether anything is to
// be written at all.
package status
