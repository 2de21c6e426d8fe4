package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vaultk8s/vaultk8s/pkg/agent"
)

// run runs one command and returns the exit code: 0, that of an application
// that an agent ran, or 1 after any other error. Errors are printed. The first of the
// arguments is the name of the program.
func run(ctx context.Context, args []string) int {
	root := newRootCommand()
	if plugin, ok := strings.CutPrefix(filepath.Base(args[0]), "kubectl-"); ok {
		root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl " + plugin}
	}
	root.SetArgs(doubleDashes(args[1:]))
	if err := root.ExecuteContext(ctx); err != nil {
		if exit, ok := errors.AsType[*exitStatus](err); ok {
			return exit.code // what there was to say is said
		}
		fmt.Fprintf(root.ErrOrStderr(), "Error: %v\n", err)
		return agent.ExitCode(err)
	}
	return 0
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "vaultk8s",
		Short:         "Brings the secrets of Vault and OpenBao to Kubernetes workloads",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	addGroup(root, "Modes", newInjectorCommand(), newAgentCommand(), newCSIProviderCommand(), newOperatorCommand())
	addGroup(root, "Everyday", newCheckCommand(), newInjectCommand(), newUninjectCommand(), newRenderCommand(), newMigrateCommand())
	addGroup(root, "Other", newConfigCommand(), newVersionCommand())
	root.SetHelpCommandGroupID("Other")
	root.SetCompletionCommandGroupID("Other")
	return root
}

// addGroup adds commands that stand together in the help.
func addGroup(root *cobra.Command, title string, commands ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: title, Title: title + ":"})
	for _, c := range commands {
		c.GroupID = title
	}
	root.AddCommand(commands...)
}

// doubleDashes gives the long flags of the agent, injector and CSI provider the two dashes
// that they have elsewhere: the old programs, whose command lines users keep, write
// them with one. A flag of one letter, and what follows "--", stay as they are.
func doubleDashes(args []string) []string {
	if len(args) == 0 || !slices.Contains([]string{"agent", "injector", "agent-inject", "csi-provider"}, args[0]) {
		return args
	}
	args = slices.Clone(args)
	for i, arg := range args {
		if arg == "--" {
			break
		}
		if len(arg) > 2 && arg[0] == '-' && arg[1] != '-' {
			args[i] = "-" + arg
		}
	}
	return args
}
