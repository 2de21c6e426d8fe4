// Package preview shows what would be delivered, and writes first documents,
// without an agent.
//
// [Render] executes one template once: with secrets of a live [Vault], or with
// answers from a file ([ReadData]). Unless told otherwise it renders with stand-ins
// in place of all values, so that nothing can leak to a terminal or the log of a
// pipeline. [GenerateConfig] walks secrets and writes an agent document that
// delivers them as environment variables.
//
// A connection that [Connect] opened ends with [Vault.Close], which revokes what
// the preview made Vault issue.
package preview
