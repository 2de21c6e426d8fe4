package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// memoryDir is a file system in memory on every usual Linux.
const memoryDir = "/dev/shm"

// files are the places of everything that the demo writes: one directory, in
// memory where possible, as the volumes of a pod would be.
type files struct {
	dir      string
	inMemory bool
}

func newFiles() (files, error) {
	f := files{}
	parent := os.TempDir()
	if info, err := os.Stat(memoryDir); err == nil && info.IsDir() {
		parent, f.inMemory = memoryDir, true
	}
	var err error
	if f.dir, err = os.MkdirTemp(parent, "vaultk8s-demo-"); err != nil {
		return files{}, fmt.Errorf("make the demo's directory: %w", err)
	}
	for _, sub := range []string{f.secrets(), f.handover(), f.noPrograms()} {
		if err := os.Mkdir(sub, 0o700); err != nil {
			return f, fmt.Errorf("make the demo's directory: %w", err)
		}
	}
	return f, nil
}

// short leaves the demo's directory away from a text, for lines that fit a screen.
func (f files) short(text string) string { return strings.ReplaceAll(text, f.dir+"/", "") }

func (f files) in(name string) string { return filepath.Join(f.dir, name) }

func (f files) document() string    { return f.in("agent.hcl") }
func (f files) token() string       { return f.in("token") }
func (f files) log() string         { return f.in("agent.log") }
func (f files) audit() string       { return f.in("audit.log") }
func (f files) socket() string      { return f.in("agent.sock") }
func (f files) reloads() string     { return f.in("reloads") }
func (f files) secrets() string     { return f.in("secrets") }
func (f files) handover() string    { return f.in("handover") }
func (f files) noPrograms() string  { return f.in("no-programs") }
func (f files) settings() string    { return filepath.Join(f.secrets(), "orders.env") }
func (f files) login() string       { return filepath.Join(f.secrets(), "database.json") }
func (f files) certificate() string { return filepath.Join(f.secrets(), "tls.pem") }
