package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"time"

	"github.com/vaultk8s/vaultk8s/test/lab"
	"github.com/vaultk8s/vaultk8s/test/stage"
)

// tour is one showing.
type tour struct {
	options
	screen *stage.Screen
	shell  shell
	audit  stage.Audit

	node     node
	vault    *lab.Vault
	postgres *lab.Postgres

	secrets  *regexp.Regexp // what is masked beside the token of Vault
	outcomes []stage.Outcome
}

func newTour(o options, w io.Writer) (*tour, error) {
	dir, err := os.MkdirTemp("", "vaultk8s-tour-")
	if err != nil {
		return nil, err
	}
	return &tour{options: o, screen: stage.NewScreen(w), shell: shell{dir: dir}, secrets: secretForms()}, nil
}

// playWhole shows all steps, stays as long as it is wanted, and removes everything
// whatever happens.
func (o options) playWhole(ctx context.Context, w io.Writer) (err error) {
	t, err := newTour(o, w)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.remove()) }()
	all := steps()
	for i, s := range all {
		seen, err := stage.Perform(ctx, t.screen, t, s, i+1, len(all))
		if err != nil {
			if ctx.Err() == nil {
				t.explain(ctx)
			}
			return fmt.Errorf("step %d, %q: %w", i+1, s.Title, err)
		}
		t.outcomes = append(t.outcomes, seen)
	}
	t.screen.Summarize(t.outcomes)
	return t.stay(ctx)
}

// stay leaves everything as it is until an interrupt.
func (t *tour) stay(ctx context.Context) error {
	file, err := t.shell.envFile()
	if err != nil {
		return err
	}
	t.screen.Show("To go on by yourself, in another terminal:", fmt.Sprintf(goOn, file, t.vault.Address()))
	if t.ci {
		t.screen.Tell("with -ci the tour ends here: all of it is removed")
		return nil
	}
	t.screen.Tell("all of it keeps running until Ctrl-C, which removes it")
	<-ctx.Done()
	t.screen.Tell("all of it is removed")
	return nil
}

const goOn = `. %s     # PATH, KUBECONFIG, VAULT_ADDR (%s), VAULT_TOKEN
kubectl get pods --all-namespaces
vault kv put secret/shop/webapp api_key=mine-04 && kubectl logs -f deployment/webapp -c app
vaultk8s check --as-serviceaccount shop/webapp --auth-role shop --audience vault
`

// explain shows after a failure how things are.
func (t *tour) explain(ctx context.Context) {
	if t.node.stop == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, command := range []string{
		"kubectl get pods --all-namespaces",
		"kubectl get events --all-namespaces --sort-by=.lastTimestamp | tail -n 20",
		"kubectl logs --namespace shop --selector app --all-containers --prefix --tail=5 --ignore-errors",
	} {
		out, _, _ := t.shell.run(ctx, command)
		t.screen.Show("$ "+command, abbreviate(t.hide(out), 0))
	}
}

// remove ends all servers and removes all files.
func (t *tour) remove() error {
	var problems []error
	if t.node.stop != nil {
		problems = append(problems, t.node.stop())
	}
	if t.vault != nil {
		problems = append(problems, t.vault.Stop())
	}
	if t.postgres != nil {
		problems = append(problems, t.postgres.Stop())
	}
	problems = append(problems, os.RemoveAll(t.shell.dir))
	t.node, t.vault, t.postgres = node{}, nil, nil
	if err := errors.Join(problems...); err != nil {
		return stage.LeftBehind{Err: err}
	}
	return nil
}
