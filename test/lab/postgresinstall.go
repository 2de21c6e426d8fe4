package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
)

// postgresGlob is where Debian and its derivatives keep the servers, one folder
// for each major version.
const postgresGlob = "/usr/lib/postgresql/*/bin"

// postgresDir is the folder of the newest installed PostgreSQL.
func postgresDir() (string, error) {
	dirs, err := filepath.Glob(postgresGlob)
	if err != nil {
		return "", err
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		dirs = append(dirs, filepath.Dir(path))
	}
	slices.SortStableFunc(dirs, func(a, b string) int { return majorVersion(b) - majorVersion(a) })
	for _, dir := range dirs {
		if hasPrograms(dir, "postgres", "initdb", "psql") {
			return dir, nil
		}
	}
	return "", &NotBuiltError{Target: TargetPostgres}
}

// majorVersion reads 15 from /usr/lib/postgresql/15/bin, and 0 from elsewhere.
func majorVersion(dir string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
	return n
}

func hasPrograms(dir string, names ...string) bool {
	for _, n := range names {
		if info, err := os.Stat(filepath.Join(dir, n)); err != nil || info.Mode()&0o111 == 0 {
			return false
		}
	}
	return true
}

// noMainCluster is the file that keeps the distribution's package from creating
// and starting a database server of its own.
const noMainCluster = "/etc/postgresql-common/createcluster.d/vaultk8s-lab.conf"

// installPostgres does nothing when a PostgreSQL is there, and otherwise installs
// the distribution's, which needs root.
func installPostgres(ctx context.Context, w io.Writer) error {
	if dir, err := postgresDir(); err == nil {
		fmt.Fprintf(w, "%s: up to date (%s)\n", TargetPostgres, dir)
		return nil
	}
	commands := [][]string{
		{"apt-get", "update"},
		{"apt-get", "install", "-y", "--no-install-recommends", "postgresql"},
	}
	if err := mayInstall(os.Geteuid(), exec.LookPath); err != nil {
		return err
	}
	if err := writeNoMainCluster(noMainCluster); err != nil {
		return err
	}
	p := startProgress(w, string(TargetPostgres))
	for _, c := range commands {
		if err := runQuietly(ctx, c); err != nil {
			p.finish("failed")
			return err
		}
	}
	p.finish("installed")
	_, err := postgresDir()
	return err
}

func mayInstall(uid int, lookPath func(string) (string, error)) error {
	const want = "PostgreSQL is not installed: run `apt-get install -y --no-install-recommends postgresql` as root"
	if _, err := lookPath("apt-get"); err != nil {
		return errors.New("PostgreSQL is not installed, and there is no apt-get to install it: " +
			"install it with your system's package manager, so that postgres, initdb and psql are on the PATH")
	}
	if uid != 0 {
		return errors.New(want)
	}
	return nil
}

func writeNoMainCluster(path string) error {
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, []byte("create_main_cluster = false\n"), 0o644)
	}
	if err != nil {
		return fmt.Errorf("keep the package from starting a server: %w", err)
	}
	return nil
}

func runQuietly(ctx context.Context, words []string) error {
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("run %q: %w:\n%s", words, err, lastLines(out, 20))
	}
	return nil
}
