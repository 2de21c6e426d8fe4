package migrate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/injector"
	"github.com/vaultk8s/vaultk8s/pkg/injector/manifest"
)

// Manifest is a file of manifests.
type Manifest struct {
	Name string
	Text []byte
}

// Annotations judges the workloads in manifests that the Vault Agent Injector
// serves. All of its annotations are kept; the notes tell what our injector says
// to them, and what there is now that may be better. checkTemplate parses
// templates; nil checks none.
func Annotations(checkTemplate func(text, left, right string) error, files ...Manifest) (Notes, error) {
	o := injector.DefaultOptions()
	// Any address will do: nothing is contacted.
	o.VaultAddress, o.NativeSidecars, o.CheckTemplate = "https://vault:8200", true, checkTemplate
	o.Namespace = "default" // of manifests without one
	var notes Notes
	for _, f := range files {
		all, err := readResources(f.Text)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", f.Name, err)
		}
		for _, r := range all {
			notes = append(notes, annotationsOf(r)...)
		}
		for _, found := range manifest.Read(f.Name, f.Text).Inject(o) {
			if found.Warning || found.Failed {
				outcome := Warned
				if found.Failed {
					outcome = Cannot
				}
				notes = append(notes, Note{Where: found.Where, Key: string(found.Reason), Outcome: outcome, Why: found.Text})
			}
		}
	}
	return notes, nil
}

// annotationsOf lists what the pods of a workload ask for.
func annotationsOf(r resource) Notes {
	all := r.podAnnotations()
	var notes Notes
	keys := make([]string, 0, len(all))
	for key := range all {
		if strings.HasPrefix(key, injector.Prefix) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		n := Note{Where: r.String(), Key: key, Outcome: Kept}
		if hint := hintFor(strings.TrimPrefix(key, injector.Prefix), all[key], r.Kind); hint.Why != "" {
			hint.Where, hint.Key = n.Where, key
			notes = append(notes, n, hint)
			continue
		}
		notes = append(notes, n)
	}
	return notes
}

// podAnnotations are those of the pods that an object makes.
func (r resource) podAnnotations() map[string]string {
	if r.Kind == "Pod" {
		return r.Metadata.Annotations
	}
	spec := r.Spec
	for _, name := range []string{"jobTemplate", "spec"} { // of a CronJob
		if below, is := spec[name].(map[string]any); is {
			spec = below
		}
	}
	template, _ := spec["template"].(map[string]any)
	metadata, _ := template["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	all := make(map[string]string, len(annotations))
	for key, value := range annotations {
		all[key] = fmt.Sprint(value)
	}
	return all
}

// hintFor tells what there is beyond an annotation.
func hintFor(name, value, kind string) Note {
	hint := func(why string) Note { return Note{Outcome: Hint, Why: why} }
	switch {
	case name == "agent-image":
		return hint("without it pods get our agent, and not Vault's")
	case name == "agent-pre-populate-only" && (kind == "Job" || kind == "CronJob"):
		return hint("not needed for the Job to complete: it gets a native sidecar, which also keeps secrets fresh")
	case strings.HasPrefix(name, "agent-inject-template-") && strings.Contains(value, "export "):
		return hint("a template that exports variables can be one of environment variables now: see " + injector.OwnPrefix + "agent-env-NAME")
	case strings.HasPrefix(name, "agent-inject-template-") && strings.Contains(value, "toJSON"):
		return hint("a secret can have a format in place of a template: see " + injector.OwnPrefix + "agent-inject-format-NAME")
	case strings.Contains(name, "json-patch") && (strings.Contains(value, "/command") || strings.Contains(value, "/args/")):
		return Note{Outcome: Warned, Why: "the agent is started without a shell: a patch of its command line finds another one there"}
	case name == "agent-cache-enable" && value == "true":
		return hint("not needed for templates, which share what they read")
	}
	return Note{}
}
