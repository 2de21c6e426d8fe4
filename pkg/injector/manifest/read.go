package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// Documents is a stream of manifests.
type Documents []*Document

// Document is one manifest of a stream.
type Document struct {
	Kind, Namespace, Name string

	file   string
	number int    // in the file, from 1
	mark   []byte // the line that begins the document, with what stands before it
	raw    []byte
	before []byte // JSON; nil where it cannot be read, or is empty
	after  []byte // JSON; nil where nothing was changed
	patch  []byte
	err    error
}

// head is what is read of every document.
type head struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
	} `json:"metadata"`
}

// Read takes a stream apart. file is how findings call it. What cannot be read
// becomes a finding later, and passes through.
func Read(file string, text []byte) Documents {
	var all Documents
	for i, part := range split(text) {
		d := &Document{file: file, number: i + 1, mark: part.mark, raw: part.body}
		all = append(all, d)
		asJSON, err := yaml.YAMLToJSON(part.body)
		if err != nil {
			d.err = err
			continue
		}
		var h head
		if bytes.Equal(asJSON, []byte("null")) {
			continue
		}
		if err := json.Unmarshal(asJSON, &h); err != nil {
			d.err = fmt.Errorf("it is no object of Kubernetes: %w", err)
			continue
		}
		d.before = asJSON
		d.Kind, d.Namespace, d.Name = h.Kind, h.Metadata.Namespace, h.Metadata.Name
	}
	return all
}

type part struct{ mark, body []byte }

// split cuts a stream at the lines that begin documents, and loses nothing.
func split(text []byte) []part {
	var all []part
	var now part
	for len(text) > 0 {
		end := bytes.IndexByte(text, '\n') + 1
		if end == 0 {
			end = len(text)
		}
		line := text[:end]
		text = text[end:]
		if !isMark(line) {
			now.body = append(now.body, line...)
			continue
		}
		if len(now.mark) > 0 || len(bytes.TrimSpace(now.body)) > 0 {
			all = append(all, now)
			now = part{}
		}
		// What stands before the first mark, such as comments, belongs to it.
		now = part{mark: append(now.body, line...)}
	}
	return append(all, now)
}

// isMark reports whether a line begins a document and holds nothing else of it.
func isMark(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("---"))
	rest = bytes.TrimSpace(rest)
	return ok && (len(rest) == 0 || rest[0] == '#')
}

// list is a document that holds others.
type list struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Items      []json.RawMessage `json:"items"`
}

// typed decodes what makes pods; nil for everything else.
func typed(text []byte) (any, error) {
	var h head
	if err := json.Unmarshal(text, &h); err != nil {
		return nil, err
	}
	object := newObject(h.APIVersion + "/" + h.Kind)
	if object == nil {
		return nil, nil
	}
	return object, json.Unmarshal(text, object)
}

func newObject(kind string) any {
	switch kind {
	case "v1/Pod":
		return &corev1.Pod{}
	case "v1/PodTemplate":
		return &corev1.PodTemplate{}
	case "v1/ReplicationController":
		return &corev1.ReplicationController{}
	case "apps/v1/Deployment":
		return &appsv1.Deployment{}
	case "apps/v1/StatefulSet":
		return &appsv1.StatefulSet{}
	case "apps/v1/DaemonSet":
		return &appsv1.DaemonSet{}
	case "apps/v1/ReplicaSet":
		return &appsv1.ReplicaSet{}
	case "batch/v1/Job":
		return &batchv1.Job{}
	case "batch/v1/CronJob":
		return &batchv1.CronJob{}
	}
	return nil
}
