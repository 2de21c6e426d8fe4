// Package destination writes the Secrets that custom resources ask for, and
// notices when somebody else does.
//
// What is to be done is decided from one live read: nothing is sent when nothing
// would change, a Secret of somebody else is left alone, and one of another type,
// or an immutable one, is made anew. Fields are written by server-side apply under
// the name [Manager]; those of the operator that was there before count as ours.
// No data of a Secret is kept after the call.
//
// With mergePolicy replace the Secret belongs to its object alone: keys that others
// have added are removed at once, their labels and annotations at the next write,
// so that two controllers never fight over those. With merge only the keys, labels
// and annotations that the object has written are ever touched. Replace is the
// default where the operator makes the Secret, merge where it only fills it.
//
// Most callers need two functions: [Writer.Look] and [Writer.Apply].
package destination
