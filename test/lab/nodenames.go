package lab

import (
	"bytes"
	"encoding/json"
)

const (
	nodeName = "lab-node"
	// nodeAddress is one reserved for documentation: the machine has no other use
	// for it, and it lies in a network of its own anyway.
	nodeAddress = "192.0.2.10"
	// dnsUser is the user that the cluster's DNS server is.
	dnsUser       = "lab-coredns"
	podRange      = "10.244.0.0/24"
	clusterDomain = "cluster.local"
	// pauseImage is what every pod's sandbox runs.
	pauseImage = "lab.local/pause:1"
)

type object = map[string]any

func jsonText(value any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", " ")
	err := e.Encode(value)
	return b.Bytes(), err
}
