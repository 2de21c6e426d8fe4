package lab

import (
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

// installedPostgres is PostgreSQL.
func installedPostgres() packaged {
	return packaged{
		target: TargetPostgres, name: "PostgreSQL", packages: "postgresql", programs: "postgres, initdb and psql",
		find:  postgresDir,
		quiet: func() (func() error, error) { return writeNoMainCluster(noMainCluster) },
	}
}

// writeNoMainCluster writes a setting that may stay: it only counts when the
// package is installed.
func writeNoMainCluster(path string) (undo func() error, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	return func() error { return nil }, os.WriteFile(path, []byte("create_main_cluster = false\n"), 0o644)
}
