package attendant

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/vaultk8s/vaultk8s/test/bench/proc"
)

// program is the package of the attendant's program.
const program = "github.com/vaultk8s/vaultk8s/test/bench/attendant/attend"

// Build compiles the attendant's program into a directory and returns its path.
func Build(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "attend")
	c := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-ldflags=-s -w", "-o", path, program)
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build attendant: %w: %s", err, bytes.TrimSpace(out))
	}
	return path, nil
}

// Process is a process that runs under an attendant.
type Process struct {
	PID    int
	log    string // file with its output
	cmd    *exec.Cmd
	stdin  io.Closer
	answer *json.Decoder
	stderr bytes.Buffer
}

// Start runs a program, argv[0] being its path, under the attendant at the given
// path, and returns once it was executed. When ctx ends it is stopped. What it
// prints goes to the file log.
func Start(ctx context.Context, attend, log string, env, argv []string) (*Process, error) {
	p := &Process{log: log, cmd: exec.CommandContext(ctx, attend, append([]string{log}, argv...)...)}
	p.cmd.Env, p.cmd.Stderr = env, &p.stderr
	stdin, inErr := p.cmd.StdinPipe()
	stdout, outErr := p.cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr); err != nil {
		return nil, fmt.Errorf("start attendant: %w", err)
	}
	p.stdin, p.answer = stdin, json.NewDecoder(stdout)
	p.cmd.Cancel = stdin.Close
	p.cmd.WaitDelay = 2 * Grace
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start attendant: %w", err)
	}
	var first begun
	if err := p.answer.Decode(&first); err != nil {
		_ = p.cmd.Wait() // what it printed tells more
		return nil, fmt.Errorf("start %q: %s", argv[0], bytes.TrimSpace(p.stderr.Bytes()))
	}
	p.PID = first.PID
	return p, nil
}

// Wait returns what the process cost, once it has ended by itself. An exit code
// other than 0 is an error with the end of what it printed.
func (p *Process) Wait() (Cost, error) {
	var c Cost
	err := p.answer.Decode(&c)
	if waitErr := p.cmd.Wait(); waitErr != nil || err != nil {
		return c, fmt.Errorf("attendant: %w: %s", errors.Join(err, waitErr), bytes.TrimSpace(p.stderr.Bytes()))
	}
	if c.Exit != 0 {
		return c, fmt.Errorf("exit code %d; the end of its log:\n%s", c.Exit, p.tail())
	}
	return c, nil
}

// Stop asks the process to end, and returns what it cost.
func (p *Process) Stop() (Cost, error) {
	_ = p.stdin.Close() // closed already is as good
	return p.Wait()
}

// Memory reads the memory of the process. The error of one that has ended has the
// end of what it printed.
func (p *Process) Memory() (proc.Memory, error) {
	m, err := proc.Read(p.PID)
	if err != nil {
		return m, fmt.Errorf("%w; the end of its log:\n%s", err, p.tail())
	}
	return m, nil
}

// tailBytes is how much of a log an error shows.
const tailBytes = 4 << 10

func (p *Process) tail() string {
	content, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(content[max(0, len(content)-tailBytes):]))
}
