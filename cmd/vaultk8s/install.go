package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

func newInstallCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "install DIRECTORY",
		Short: "Copy this program into a directory that the application's container mounts",
		Long: `Copy this program into a directory, as "vaultk8s" and executable by all. An init
container does so for an application whose command the agent is to run: the
application's image does not have the program.`,
		Example: "  vaultk8s agent install /vault/bin",
		Args:    cobra.ExactArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return install(args[0]) },
	}
}

// install copies the running program. It is whole or absent: an application that
// finds it can run it.
func install(directory string) (err error) {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	from, err := os.Open(self)
	if err != nil {
		return fmt.Errorf("open this program: %w", err)
	}
	defer func() { _ = from.Close() }()
	to, err := os.CreateTemp(directory, ".vaultk8s-")
	if err != nil {
		return fmt.Errorf("install into %q: %w", directory, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(to.Name())
		}
	}()
	_, err = io.Copy(to, from)
	if err == nil {
		err = to.Chmod(0o755)
	}
	if closeErr := to.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(to.Name(), filepath.Join(directory, "vaultk8s"))
	}
	if err != nil {
		return fmt.Errorf("install into %q: %w", directory, err)
	}
	return nil
}
