// Package agentfile reads and writes the document of the Vault Agent.
//
// The injector writes such a document into a pod, the agent reads it, and users
// bring their own: in HCL (version 1, as the Vault Agent reads it) or in JSON.
// [Load] reads files and directories, [Decode] one text; both return a typed
// [Document] with warnings, and every problem at once with its line. Then
// [Document.Validate] judges the whole, after a program has applied its flags.
// [Encode] writes a document as JSON that decodes to an equal one.
package agentfile
