//go:build tools

// Package tools keeps the requirements of the Secrets Store CSI Driver, which the
// lab builds from this module for its cluster; nothing imports it.
package tools

import _ "sigs.k8s.io/secrets-store-csi-driver/cmd/secrets-store-csi-driver"
