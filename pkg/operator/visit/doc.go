// Package visit is the reconciler of kinds whose objects are looked at one by one, each
// time from the beginning: load the object, guard it by a finalizer, judge it, write its
// status and an event where they say something new, and count all of that.
//
// Most callers need a [Kind] with a [Judge], which is what differs between kinds, and
// [Kind.Complete]. [Lines] makes the message of a condition of an error.
package visit
