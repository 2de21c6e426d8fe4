//go:build tools

// Package tools pins the main packages that the lab builds from this module; nothing imports it.
package tools

import (
	_ "github.com/opencontainers/runc"
)
