//go:build tools

// This file keeps the requirements of the `vault agent` that benchmarks measure
// against; the lab builds it from this module with -tags minimal.
package main

import (
	_ "github.com/hashicorp/vault"
)
