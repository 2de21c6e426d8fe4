package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/vaultk8s/vaultk8s/test/lab"
	"github.com/vaultk8s/vaultk8s/test/stage"
)

// steps is the story. Deadlines are three times and more what a step takes.
func steps() []stage.Step[*demo] {
	return []stage.Step[*demo]{
		{Title: "Real servers", Plan: planServers, Within: time.Minute, Run: (*demo).startServers},
		{Title: "What an administrator sets up", Plan: planSetup, Within: 30 * time.Second, Run: (*demo).setUp},
		{Title: "The agent delivers", Plan: planAgent, Within: 30 * time.Second, Run: (*demo).deliver},
		{Title: "A change in Vault arrives", Plan: planChange, Within: 20 * time.Second, Run: (*demo).change},
		{Title: "Database logins: renewed, then rotated", Plan: planDatabase, Within: 75 * time.Second, Run: (*demo).rotateLogin},
		{Title: "A certificate is replaced in time", Plan: planCertificate, Within: 50 * time.Second, Run: (*demo).replaceCertificate},
		{Title: "Vault is away, and comes back", Plan: planOutage, Within: 50 * time.Second, Run: (*demo).surviveOutage},
		{Title: "The agent is restarted", Plan: planRestart, Within: 75 * time.Second, Run: (*demo).restart},
		{Title: "The end", Plan: planEnd, Within: 45 * time.Second, Run: (*demo).end},
	}
}

// demo is one showing of the story.
type demo struct {
	screen  *stage.Screen
	program string // path of vaultk8s
	files   files
	audit   stage.Audit
	journal *journal

	kubernetes *lab.Kubernetes
	vault      *lab.Vault
	postgres   *lab.Postgres
	agent      *agent

	// abort ends the step under way, because the agent has ended unasked.
	abort    context.CancelCauseFunc
	outcomes []stage.Outcome
}

// play shows the whole story, and removes everything whatever happens.
func play(ctx context.Context, w io.Writer, program string) (err error) {
	d := &demo{screen: stage.NewScreen(w), program: program}
	interrupted := ctx.Err
	ctx, d.abort = context.WithCancelCause(ctx)
	defer d.abort(nil)
	defer func() { err = errors.Join(err, d.remove(ctx)) }()
	if err := d.prepare(); err != nil {
		return err
	}
	all := steps()
	for i, s := range all {
		seen, err := stage.Perform(ctx, d.screen, d, s, i+1, len(all))
		if err != nil {
			if interrupted() == nil {
				d.explain()
			}
			return fmt.Errorf("step %d, %q: %w", i+1, s.Title, err)
		}
		d.outcomes = append(d.outcomes, seen)
	}
	d.screen.Summarize(d.outcomes)
	return nil
}

// prepare makes the directory that everything of this demo lies in.
func (d *demo) prepare() (err error) {
	if d.files, err = newFiles(); err != nil {
		return err
	}
	d.audit = stage.Audit{Path: d.files.audit()}
	d.journal, err = newJournal(d.files.log(), d.echo)
	return err
}

// explain shows the end of the agent's log after a failure, while there is one.
func (d *demo) explain() {
	if d.journal == nil {
		return
	}
	if tail := d.journal.tail(20); tail != "" {
		d.screen.Show("the end of the agent's log:", tail)
	}
}

// remove ends whatever still runs and removes every file. It is the last step
// of the story, and the way out of every other, also after an interrupt.
func (d *demo) remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
	defer cancel()
	var problems []error
	if d.agent != nil {
		// Why it ended, if it did so by itself, was told already.
		_ = d.agent.stop(ctx)
	}
	problems = append(problems, d.stopServers())
	if d.journal != nil {
		problems = append(problems, d.journal.close())
	}
	if d.files.dir != "" {
		problems = append(problems, os.RemoveAll(d.files.dir))
	}
	d.journal, d.agent, d.files.dir = nil, nil, ""
	if err := errors.Join(problems...); err != nil {
		return stage.LeftBehind{Err: err}
	}
	return nil
}
