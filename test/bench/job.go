package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// job is what an agent is asked to do.
type job struct {
	dir       string // its own: document, log, rendered files
	address   string // of Vault, or of what stands before it
	role      string // file with the role id
	secret    string // file with the secret id
	templates int
	paths     int    // distinct; template i reads path i modulo paths
	short     bool   // paths of KV version 2 as people write them, without data/
	exit      bool   // after the first delivery
	interval  string // between reads of the same path; "" for the default, 5m
	round     int    // which value the secrets have
	// more adds to the document; nil: nothing.
	more func(document map[string]any)
}

func (j job) file(name string) string { return filepath.Join(j.dir, name) }
func (j job) documentPath() string    { return j.file("agent.json") }

func (j job) destination(i int) string { return j.file(fmt.Sprintf("out/%d", i)) }

// prepare makes the directory empty, but for the agent's document.
func (j job) prepare() error {
	if err := os.RemoveAll(j.dir); err != nil {
		return fmt.Errorf("prepare job: %w", err)
	}
	if err := os.MkdirAll(j.file("out"), 0o755); err != nil {
		return fmt.Errorf("prepare job: %w", err)
	}
	document, err := json.MarshalIndent(j.document(), "", "  ")
	if err != nil {
		return fmt.Errorf("prepare job: %w", err)
	}
	return os.WriteFile(j.documentPath(), document, 0o600)
}

// document is the agent document, which both agents read.
func (j job) document() map[string]any {
	var templates []any
	for i := range j.templates {
		templates = append(templates, map[string]any{"destination": j.destination(i), "contents": j.contents(i), "perms": "0600"})
	}
	config := map[string]any{"exit_on_retry_failure": true}
	if j.interval != "" {
		config["static_secret_render_interval"] = j.interval
	}
	document := map[string]any{
		"vault":           map[string]any{"address": j.address},
		"exit_after_auth": j.exit,
		"auto_auth": []any{map[string]any{"method": []any{map[string]any{"type": "approle", "config": map[string]any{
			"role_id_file_path": j.role, "secret_id_file_path": j.secret, "remove_secret_id_file_after_reading": false,
		}}}}},
		"template_config": config,
		"template":        templates,
	}
	if j.more != nil {
		j.more(document)
	}
	return document
}

// contents is a template as they are found in annotations.
func (j job) contents(i int) string {
	prefix := "secret/data/"
	if j.short {
		prefix = "secret/"
	}
	return fmt.Sprintf("{{ with secret %q }}username={{ .Data.data.username }}\npassword={{ .Data.data.password }}\n{{ end }}", prefix+secretPath(i%j.paths))
}

// rendered is what contents(i) must become.
func (j job) rendered(i int) string {
	data := secretData(i%j.paths, j.round)
	return fmt.Sprintf("username=%s\npassword=%s\n", data["username"], data["password"])
}

func secretPath(i int) string { return fmt.Sprintf("bench/app-%d", i) }

// secretData is the value of a path in a round.
func secretData(path, round int) map[string]any {
	return map[string]any{"username": fmt.Sprintf("user-%d", path), "password": fmt.Sprintf("round-%d", round)}
}

// check tells the first file that is not as it must be.
func (j job) check() error {
	for i := range j.templates {
		got, err := os.ReadFile(j.destination(i))
		if err != nil {
			return fmt.Errorf("rendered file: %w", err)
		}
		if want := j.rendered(i); string(got) != want {
			return fmt.Errorf("rendered file %q holds %q, want %q", j.destination(i), got, want)
		}
	}
	return nil
}

// delivered tells when the last file was written. The clock of files has the
// resolution of the kernel's tick, 4 ms or better.
func (j job) delivered() (time.Time, error) {
	var last time.Time
	for i := range j.templates {
		info, err := os.Stat(j.destination(i))
		if err != nil {
			return last, fmt.Errorf("rendered file: %w", err)
		}
		if info.ModTime().After(last) {
			last = info.ModTime()
		}
	}
	return last, nil
}
