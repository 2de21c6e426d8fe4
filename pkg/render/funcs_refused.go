package render

import (
	"fmt"
	"strings"
)

// refusedFunctions are known, so that a template that uses one is told why it
// does not work rather than that it is misspelled.
func refusedFunctions() []function {
	all := []function{{
		name: "plugin", arguments: "PROGRAM ARGUMENT...", summary: "fails: run a command after rendering instead",
		plain: refuse(&callError{`function "plugin" runs a program and is not supported`, true}),
	}}
	for server, names := range map[string]string{
		"Consul": `byKey byMeta byPort byTag caLeaf caRoots connect datacenters explode exportedServices importedServices key keyExists
			keyOrDefault ls node nodes partitions peerings safeLs safeTree service services tree`,
		"Nomad": "nomadService nomadServices nomadVar nomadVarExists nomadVarList nomadVarListSafe",
	} {
		for name := range strings.FieldsSeq(names) {
			text := fmt.Sprintf("function %q needs %s, which is not supported", name, server)
			all = append(all, function{name: name, arguments: "...", summary: "fails: it needs " + server, plain: refuse(&callError{text, true})})
		}
	}
	return all
}
