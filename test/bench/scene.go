package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/vaultk8s/vaultk8s/test/bench/attendant"
	"github.com/vaultk8s/vaultk8s/test/lab"
)

// scene is everything that the measurements share.
type scene struct {
	vault     *lab.Vault
	address   string // of Vault
	dir       string // in memory where there is such a place, like the volume of a pod
	role      string // files with the credentials
	secret    string
	ours, old contestant
	attend    string // the attendant's program
	runs      int
	duration  time.Duration // of the endurance run
	machine   string        // one line about where this runs
	out       io.Writer
	begin     time.Time
}

// pathsInVault is how many secrets there are: as many as the largest job reads.
const pathsInVault = 10

func newScene(ctx context.Context, o options, progress io.Writer) (*scene, error) {
	s := &scene{runs: o.runs, duration: o.duration, out: progress, begin: time.Now()}
	binary, err := lab.Binary(ctx, lab.TargetVaultAgent)
	if err != nil {
		return nil, err
	}
	ours, oursErr := newContestant("vaultk8s", o.bin)
	old, oldErr := newContestant("vault agent", binary)
	if err := errors.Join(oursErr, oldErr); err != nil {
		return nil, err
	}
	s.ours, s.old = ours, old
	s.machine = fmt.Sprintf("%s, %d CPUs, %s/%s; vaultk8s built with %s, vault agent with %s; %d runs of each.",
		s.begin.Format(time.DateOnly), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, ours.version, old.version, o.runs)
	if s.dir, err = memoryDir(); err != nil {
		return nil, err
	}
	s.attend, err = attendant.Build(ctx, s.dir)
	if err == nil {
		err = s.startVault(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// memoryDir makes a directory in memory, as the volume is that agents write to in
// a pod, or among the temporary files where there is no such place.
func memoryDir() (string, error) {
	parent := "/dev/shm"
	if info, err := os.Stat(parent); err != nil || !info.IsDir() {
		parent = ""
	}
	dir, err := os.MkdirTemp(parent, "vaultk8s-bench-")
	if err != nil {
		return "", fmt.Errorf("make working directory: %w", err)
	}
	return dir, nil
}

func (s *scene) startVault(ctx context.Context) error {
	s.progress("starting Vault")
	v, err := lab.StartVault(ctx, lab.VaultOptions{InMemory: true})
	if err != nil {
		return err
	}
	s.vault, s.address = v, v.Address()
	if err := v.Policy(ctx, "bench", `path "secret/*" { capabilities = ["read"] }`); err != nil {
		return err
	}
	if err := v.EnableAuth(ctx, "approle", "approle"); err != nil {
		return err
	}
	roleID, secretID, err := v.AppRole(ctx, "approle", "bench", time.Hour, "bench")
	if err != nil {
		return err
	}
	s.role, s.secret = filepath.Join(s.dir, "role-id"), filepath.Join(s.dir, "secret-id")
	if err := writeCredentials(s.role, roleID, s.secret, secretID); err != nil {
		return err
	}
	return s.writeSecrets(ctx, pathsInVault, 0)
}

func writeCredentials(role, roleID, secret, secretID string) error {
	return errors.Join(os.WriteFile(role, []byte(roleID), 0o600), os.WriteFile(secret, []byte(secretID), 0o600))
}

// writeSecrets gives the first paths the value of a round.
func (s *scene) writeSecrets(ctx context.Context, paths, round int) error {
	for i := range paths {
		if _, err := s.vault.Write(ctx, "secret/data/"+secretPath(i), map[string]any{"data": secretData(i, round)}); err != nil {
			return err
		}
	}
	return nil
}

// job is a job against the Vault of the scene, in a directory of its own.
func (s *scene) job(templates, paths int) job {
	return job{
		dir: filepath.Join(s.dir, "job"), address: s.address, role: s.role, secret: s.secret,
		templates: templates, paths: paths,
	}
}

func (s *scene) contestants() []contestant { return []contestant{s.ours, s.old} }

func (s *scene) progress(format string, args ...any) {
	fmt.Fprintf(s.out, "[%4.0f s] %s\n", time.Since(s.begin).Seconds(), fmt.Sprintf(format, args...))
}

func (s *scene) close() error {
	var err error
	if s.vault != nil {
		err = s.vault.Stop()
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}
