// Package config turns what the user said into typed, checked settings.
//
// One YAML file serves every mode; flags and environment variables override it,
// defaults fill the rest: flag > environment > agent document > file > default.
// Only the variables of the old operator (VSO_*) are stronger than flags.
// [Load] reads all of them and returns a [Config], or every problem at once.
// [Keys] is the one table from which flags, environment variables, defaults and
// the reference page are made. This is the only package that knows viper; the
// Vault Agent's own document is read by package agentfile.
package config
