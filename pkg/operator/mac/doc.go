// Package mac tells whether the data of a Kubernetes Secret is what the operator
// wrote, without keeping that data.
//
// The status of a custom resource holds a text that only the holder of a [Key]
// can make of a Secret's data. The key lies in the Secret [KeySecretName] of the
// operator's namespace. Its name, the algorithm and the text are those of the
// operator that was there before, so that a cluster changes over, or back,
// without one write: HMAC-SHA256 over the JSON object of the data, its keys
// sorted and its values in base64.
//
// Most callers need two functions: [ParseKey] at the start, and [Key.Compare]
// for each Secret.
package mac
