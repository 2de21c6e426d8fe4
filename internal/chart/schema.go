package chart

import (
	"bytes"
	"encoding/json"
	"strings"
)

// schema is the part of JSON Schema, draft 7, that is needed here. Fields are in
// the order of the file.
type schema struct {
	Schema      string             `json:"$schema,omitempty"`
	Description string             `json:"description,omitempty"`
	Deprecated  bool               `json:"deprecated,omitempty"`
	Type        any                `json:"type,omitempty"`
	Enum        []any              `json:"enum,omitempty"`
	Properties  map[string]*schema `json:"properties,omitempty"`
	// Additional is false where keys that are not documented are refused.
	Additional *bool `json:"additionalProperties,omitempty"`
}

// Schema returns the JSON Schema of the values. Keys that are not documented are
// refused, so that a typing error is one; old spellings are let in.
func (v *Values) Schema() ([]byte, error) {
	root := v.root.schema()
	root.Schema, root.Description = "http://json-schema.org/draft-07/schema#", "Values of vaultk8s; made of values.yaml by `make chart`"
	for _, row := range v.compat.Rows {
		s := &schema{Description: "has no effect: " + row.Gone}
		if row.To != "" {
			s = v.find(row.To).schema()
			s.Description, s.Properties, s.Additional = "old spelling of "+row.To, nil, nil
		}
		root.put(row.From, s)
	}
	for _, path := range v.compat.Foreign {
		root.put(path, &schema{Description: "of another CSI driver"})
	}
	for _, path := range v.compat.Server {
		root.put(path, &schema{Description: "of a Vault server, which this chart does not install"})
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(root)
	return b.Bytes(), err
}

func (k *Key) schema() *schema {
	s := &schema{Description: k.Comment}
	switch {
	case len(k.Enum) > 0:
		for _, word := range k.Enum {
			s.Enum = append(s.Enum, word)
		}
	case len(k.Types) == 1:
		s.Type = k.Types[0]
	default:
		s.Type = k.Types
	}
	if len(k.Keys) > 0 {
		s.Properties = make(map[string]*schema, len(k.Keys))
		for _, below := range k.Keys {
			s.Properties[below.Path[strings.LastIndex(below.Path, ".")+1:]] = below.schema()
		}
	}
	if k.Types[0] == "object" && !k.Open && len(k.Keys) > 0 {
		s.Additional = new(bool)
	}
	return s
}

// put hangs what is deprecated at a path into a schema, and makes what is missing
// above it.
func (s *schema) put(path string, what *schema) {
	what.Deprecated = true
	name, rest, more := strings.Cut(path, ".")
	if s.Properties == nil {
		s.Properties = make(map[string]*schema)
	}
	if !more {
		s.Properties[name] = what
		return
	}
	below := s.Properties[name]
	if below == nil {
		below = &schema{Deprecated: true, Type: "object", Additional: new(bool)}
		s.Properties[name] = below
	}
	below.put(rest, what)
}
