package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// attended is a process that runs under an attendant.
type attended struct {
	pid    int
	log    string // file with its output
	cmd    *exec.Cmd
	stdin  io.Closer
	answer *json.Decoder
}

// startAttended starts a program through an attendant and returns when it was
// executed. When ctx ends it is stopped.
func startAttended(ctx context.Context, log string, env, argv []string) (*attended, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("start attendant: %w", err)
	}
	p := &attended{log: log, cmd: exec.CommandContext(ctx, self, append([]string{attendCommand, log}, argv...)...)}
	p.cmd.Env, p.cmd.Stderr = env, os.Stderr
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start attendant: %w", err)
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start attendant: %w", err)
	}
	p.stdin, p.answer = stdin, json.NewDecoder(stdout)
	p.cmd.Cancel = stdin.Close
	p.cmd.WaitDelay = 2 * stopGrace
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start attendant: %w", err)
	}
	var first begun
	if err := p.answer.Decode(&first); err != nil {
		return nil, errors.Join(fmt.Errorf("start %q: %w", argv[0], err), p.cmd.Wait())
	}
	p.pid = first.PID
	return p, nil
}

// wait returns what the process cost, once it has ended by itself.
func (p *attended) wait() (cost, error) {
	var c cost
	err := p.answer.Decode(&c)
	if waitErr := p.cmd.Wait(); waitErr != nil || err != nil {
		return c, fmt.Errorf("attendant: %w", errors.Join(err, waitErr))
	}
	if c.Exit != 0 {
		return c, fmt.Errorf("exit code %d; the end of its log:\n%s", c.Exit, p.tail())
	}
	return c, nil
}

// stop asks the process to end, and returns what it cost.
func (p *attended) stop() (cost, error) {
	_ = p.stdin.Close() // closed already is as good
	return p.wait()
}

// tailBytes is how much of a log an error shows.
const tailBytes = 4 << 10

func (p *attended) tail() string {
	content, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(content[max(0, len(content)-tailBytes):]))
}
