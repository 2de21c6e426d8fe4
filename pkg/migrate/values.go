package migrate

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Values converts the values of the older charts, given as files of which later
// ones override earlier ones, to those of our chart. Templated strings stay as
// they are.
func Values(files ...[]byte) ([]byte, Notes, error) {
	old := map[string]any{}
	for i, text := range files {
		var values map[string]any
		if err := yaml.Unmarshal(text, &values); err != nil {
			return nil, nil, fmt.Errorf("read values, file %d: %w", i+1, err)
		}
		merge(old, values)
	}
	chart, err := readChart()
	if err != nil {
		return nil, nil, err
	}
	c := &conversion{chart: chart, origin: originOf(old), made: map[string]any{}, old: old}
	c.walk(nil, old)
	c.switches()
	if len(c.made) == 0 {
		return []byte("{}\n"), c.notes, nil
	}
	text, err := yaml.Marshal(c.made)
	return text, c.notes, err
}

// merge lays maps over each other, as Helm does.
func merge(into, from map[string]any) {
	for key, value := range from {
		below, isMap := value.(map[string]any)
		if there, isThere := into[key].(map[string]any); isMap && isThere {
			merge(there, below)
			continue
		}
		into[key] = value
	}
}

// origin says whose values they are; both, where they were put together.
type origin struct{ helm, operator bool }

func originOf(old map[string]any) origin {
	var o origin
	for _, key := range []string{"injector", "server", "ui"} {
		_, has := old[key]
		o.helm = o.helm || has
	}
	for _, key := range []string{"controller", "metricsService", "telemetry", "hooks", "defaultVaultConnection", "defaultAuthMethod"} {
		_, has := old[key]
		o.operator = o.operator || has
	}
	if csi, _ := old["csi"].(map[string]any); csi["driver"] != nil || csi["nodeDriverRegistrar"] != nil {
		o.operator = true
	}
	return o
}

// conversion is one under way.
type conversion struct {
	chart  *chart
	origin origin
	old    map[string]any
	made   map[string]any
	notes  Notes
}

func (c *conversion) note(at []string, o Outcome, to, why string) {
	c.notes = append(c.notes, Note{Key: strings.Join(at, "."), Outcome: o, To: to, Why: why})
}

// walk decides on a value, or on what is below it.
func (c *conversion) walk(at []string, value any) {
	key := strings.Join(at, ".")
	if len(at) > 0 && c.special(at, key, value) {
		return
	}
	if r, found := c.chart.rows[key]; found {
		c.row(at, r, value)
		return
	}
	below, isMap := value.(map[string]any)
	ours, known := c.chart.ours[key]
	if isMap && (len(below) > 0 || len(at) == 0) && !(known && ours.open && !ours.parent) {
		for _, name := range slices.Sorted(maps.Keys(below)) {
			c.walk(append(slices.Clone(at), name), below[name])
		}
		return
	}
	c.leaf(at, key, value)
}

// row follows the chart's table.
func (c *conversion) row(at []string, r row, value any) {
	switch {
	case r.Gone != "":
		c.note(at, Ignored, "", r.Gone)
	case value == nil || same(value, r.Was):
		c.note(at, Ignored, "", "it is the default of the old chart")
	case r.To == "operator.image.tag" || isOldImage(at, value):
		c.note(at, Ignored, "", "that image does not hold this program")
	default:
		c.set(strings.Split(r.To, "."), value)
		c.note(at, Renamed, r.To, "")
	}
}

// leaf keeps what our chart has in the same place.
func (c *conversion) leaf(at []string, key string, value any) {
	ours, known := c.chart.find(at)
	switch {
	case !known && value == nil:
		c.note(at, Ignored, "", "it says nothing")
	case !known:
		c.note(at, Cannot, "", "no chart that is known has this key"+c.chart.meant(key))
	case value == nil, same(value, ours.value):
		c.note(at, Kept, "", "")
	default:
		c.set(at, value)
		c.note(at, Kept, "", "")
	}
}

// same tells whether two values mean the same: what is empty does in any form, and
// numbers do as text.
func same(a, b any) bool {
	return reflect.DeepEqual(a, b) || isEmpty(a) && isEmpty(b) || isScalar(a) && isScalar(b) && fmt.Sprint(a) == fmt.Sprint(b)
}

func isEmpty(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return v == nil || v == ""
}

func isScalar(v any) bool {
	switch v.(type) {
	case nil, map[string]any, []any:
		return false
	}
	return true
}

func (c *conversion) set(at []string, value any) {
	node := c.made
	for _, name := range at[:len(at)-1] {
		next, is := node[name].(map[string]any)
		if !is {
			next = map[string]any{}
			node[name] = next
		}
		node = next
	}
	last := at[len(at)-1]
	if there, is := node[last].(map[string]any); is {
		if more, isMap := value.(map[string]any); isMap {
			merge(there, more)
			return
		}
	}
	node[last] = value
}

// get returns a value of the old ones.
func (c *conversion) get(at ...string) any {
	var node any = c.old
	for _, name := range at {
		m, _ := node.(map[string]any)
		node = m[name]
	}
	return node
}

// special decides on what is more than a key with another name.
func (c *conversion) special(at []string, key string, value any) bool {
	switch {
	case slices.Contains(c.chart.server, key):
		c.server(at, value)
	case slices.Contains(c.chart.foreign, key):
		c.note(at, Ignored, "", "it belongs to the CSI driver of the old operator, which is not in this chart")
	case key == "csi.enabled" && c.origin.operator && !c.origin.helm:
		if value == true {
			c.note(at, Cannot, "", "it turned on the CSI driver of the old operator, which is not in this chart: csi is the provider of the Secrets Store CSI Driver here")
		} else {
			c.note(at, Ignored, "", "it is about the CSI driver of the old operator")
		}
	case (key == "injector.image" || key == "csi.image") && isOldImage(at, value):
		c.note(at, Ignored, "", "that image does not hold this program")
	case key == "injector.agentImage" && isVault(value):
		c.note(at, Ignored, "", "pods get our agent; keep the key if they must have that of Vault")
	default:
		return false
	}
	return true
}

// imageOf is the repository of an image, given as a map or as text.
func imageOf(value any) string {
	if m, is := value.(map[string]any); is {
		value = m["repository"]
	}
	name, _ := value.(string)
	return path.Base(name)
}

func isOldImage(at []string, value any) bool {
	if !slices.Contains(at, "image") {
		return false
	}
	name := imageOf(value)
	return strings.HasPrefix(name, "vault-k8s") || strings.HasPrefix(name, "vault-csi-provider") || strings.HasPrefix(name, "vault-secrets-operator")
}

func isVault(value any) bool {
	name := imageOf(value)
	return name == "vault" || name == "vault-enterprise" || name == "openbao"
}

// server judges the part of vault-helm that is the Vault server.
func (c *conversion) server(at []string, value any) {
	m, _ := value.(map[string]any)
	asks := m["enabled"] == true
	for _, kind := range []string{"ha", "dev", "standalone"} {
		below, _ := m[kind].(map[string]any)
		asks = asks || below["enabled"] == true && m["enabled"] != false
	}
	if asks {
		c.note(at, Cannot, "", "this chart installs no Vault server: keep the old chart for it, with injector.enabled=false and csi.enabled=false, and set vault.address here")
		return
	}
	c.note(at, Ignored, "", "this chart installs no Vault server")
}

// switches says what the old charts implied by being installed.
func (c *conversion) switches() {
	if !c.origin.operator {
		return
	}
	say := func(mode string, on bool, why string) {
		if made, _ := c.made[mode].(map[string]any); made["enabled"] != nil || c.get(mode, "enabled") != nil {
			return
		}
		c.set([]string{mode, "enabled"}, on)
		c.note([]string{mode, "enabled"}, Added, fmt.Sprint(on), why)
	}
	say("operator", true, "the old chart had nothing else")
	if !c.origin.helm {
		say("injector", false, "the old chart had none")
	}
}

// errChart is a mistake in what the program was built with.
var errChart = errors.New("the table of the chart cannot be read")
