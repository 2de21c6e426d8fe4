// Package chart tests the Helm chart with the real helm: what it renders for the
// values of charts/vaultk8s/ci and for those of the older charts, what it refuses,
// and that a real API server takes what it installs.
package chart
