// Package csi is the provider "vault" of the Secrets Store CSI Driver: a Mount
// call in, files out. It takes the SecretProviderClasses of the Vault CSI
// Provider and of OpenBao's as they are.
//
// A call becomes a request (params.go, object.go), the request a volume that
// watches secrets in the shared store under the identity of its pod (volume.go,
// login.go), and what they hold becomes files with versions (content.go,
// version.go). A volume stays known after its Mount: its leases are renewed in
// the background, and when the driver calls again it is answered from memory.
//
// There is no call that tells of the end of a pod. With the name of its node the
// provider watches the node's pods; without, a volume that the driver has asked
// for repeatedly and then no more counts as gone (gone.go). What a gone pod held is revoked.
//
// Most callers need two functions: New and Provider.Run.
package csi
