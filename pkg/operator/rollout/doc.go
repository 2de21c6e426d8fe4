// Package rollout restarts workloads that use a Secret whose data has changed, and
// tells when all of them run with the change.
//
// A restart is a value in the workload: the time, or a hash of the data. What is
// wanted is compared with what is there, so nothing has to be remembered: a call
// that is repeated, after an error, by another operator process or by another object
// with the same target, restarts nobody a second time. Workloads are read live and
// one at a time, and never cached.
//
// Most callers need two functions: [Restarter.Restart] until it has nothing pending
// any more, and [Restarter.Rolled] where something depends on the end of the rollout.
package rollout
