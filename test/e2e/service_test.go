package e2e_test

import (
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

const (
	// notesVariable names the file in which a service notes what happens to it.
	notesVariable = "VAULTK8S_E2E_NOTES"
	// shownVariable is what the agent renders for the service.
	shownVariable = "SECRET"
)

// serving is the block of a document that runs this binary as a service; its
// notes go to DIR/notes. Further settings come in place of SETTINGS.
const serving = `
exec {
  command = ["SELF", "-flag=of the service"]
  SETTINGS
}
`

// serve runs an agent whose application is a service.
func (p *pod) serve(document string, settings ...string) *agent {
	p.t.Helper()
	self, err := os.Executable()
	must(p.t, err)
	p.env = append(p.env, roleVariable+"=service", notesVariable+"="+p.path("notes"))
	return p.start(login + quick + document + strings.NewReplacer("SELF", self, "SETTINGS", strings.Join(settings, "\n  ")).Replace(serving))
}

// playService notes its start with the secret, and every signal. It ends as its
// signals say: in order, with a status of its own, or not at all.
func playService() int {
	notes := os.Getenv(notesVariable)
	signals := make(chan os.Signal, 10)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH)
	fmt.Fprintln(os.Stdout, "service on standard output")
	fmt.Fprintln(os.Stderr, "service on standard error")
	noteLine(notes, "start "+os.Getenv(shownVariable))
	for s := range signals {
		noteLine(notes, s.String())
		switch s {
		case syscall.SIGTERM, syscall.SIGINT:
			return 0
		case syscall.SIGUSR2:
			return 7
		}
	}
	return 0
}

// noteLine adds a line to a file.
func noteLine(path, line string) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = fmt.Fprintln(f, line)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}
