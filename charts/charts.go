// Package charts holds files of the chart that the program needs, too: the default
// values, and the table of old spellings, so that `vaultk8s migrate values` and
// the chart itself cannot disagree.
package charts

import _ "embed" // for the files

//go:embed vaultk8s/values.yaml
var values []byte

//go:embed vaultk8s/files/compat.yaml
var compatibility []byte

// Values returns the chart's documented default values.
func Values() []byte { return values }

// Compatibility returns the table of keys that have another place, or none.
func Compatibility() []byte { return compatibility }
