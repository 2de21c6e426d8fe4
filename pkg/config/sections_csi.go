package config

import "time"

// CSI holds what is special to the provider of the Secrets Store CSI Driver.
type CSI struct {
	Endpoints         []string      // unix sockets, by path
	HealthAddress     string        // host:port of the health endpoints and metrics
	HMACSecret        string        // Kubernetes Secret, in our namespace, with the key of the object versions
	CacheSize         int           // of the old provider; it has no effect
	AuthMount         string        // where a class names none, without "auth/"
	RefreshInterval   time.Duration // of what has no lease, where a class says nothing
	MountTimeout      time.Duration // of one mount, before the kubelet gives up
	Share             string        // "service-account" or "pod": who shares a session and what is read through it
	ServeStale        string        // "running" or "restarting": which pods are served from memory while Vault is away
	StaleMaxAge       time.Duration // of what has no end of its own, for pods that start while Vault is away
	OrphanAfter       time.Duration // a volume that was republished and then not seen for so long is gone
	NodeName          string        // whose pods are watched; "" for no watch
	Events            bool          // tell pods of failures and changes by Kubernetes events
	Templates         bool          // classes may hold templates
	AllowedAddresses  []string      // globs of Vault addresses that a class may name; none: any
	AllowedMounts     []string      // globs of auth mounts that a class may name; none: any
	AllowSkipVerify   bool          // a class may turn off the verification of Vault's certificate
	AllowNodeIdentity bool          // a class may log in with what the node's cloud says of the node
}
