package e2e_test

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// hangupsVariable names the file in which the application notes its signals.
const hangupsVariable = "VAULTK8S_E2E_HANGUPS"

// application starts a program of a name of its own beside the agent, which adds
// a line to the file hangups for each SIGHUP. It returns the name.
func (p *pod) application() string {
	p.t.Helper()
	self, err := os.Executable()
	must(p.t, err)
	name := "app-" + p.name
	must(p.t, os.Symlink(self, p.path(name)))
	env := []string{roleVariable + "=application", hangupsVariable + "=" + p.path("hangups")}
	p.execute(p.path(name), nil, env, attributes())
	await(p.t, func() error {
		_, err := os.Stat(p.path("hangups"))
		return err
	})
	return name
}

func playApplication() int {
	signals := make(chan os.Signal, 10)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGTERM)
	f, err := os.Create(os.Getenv(hangupsVariable))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer f.Close()
	for s := range signals {
		if s == syscall.SIGTERM {
			break
		}
		fmt.Fprintln(f, "hangup")
	}
	return 0
}
