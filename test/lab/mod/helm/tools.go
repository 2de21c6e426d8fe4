//go:build tools

// Package tools pins the main package that the lab builds from this module; nothing imports it.
package tools

import (
	_ "helm.sh/helm/v3/cmd/helm"
)
