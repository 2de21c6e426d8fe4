package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vaultk8s/vaultk8s/test/stage"
)

// summaryPath is where the kubelet tells what containers use.
const summaryPath = "/api/v1/nodes/lab-node/proxy/stats/summary"

// usage is what a container of ours uses.
type usage struct {
	namespace, pod, container string
	resident                  int64 // bytes of memory
}

// parseUsage reads what the kubelet says of the containers of vaultk8s: agents, and
// those of the release.
func parseUsage(summary []byte) ([]usage, error) {
	var doc struct {
		Pods []struct {
			PodRef     struct{ Name, Namespace string }
			Containers []struct {
				Name   string
				Memory struct{ RSSBytes int64 }
			}
		}
	}
	if err := json.Unmarshal(summary, &doc); err != nil {
		return nil, fmt.Errorf("read the kubelet's summary: %w", err)
	}
	var all []usage
	for _, p := range doc.Pods {
		for _, c := range p.Containers {
			if p.PodRef.Namespace == release || strings.HasPrefix(c.Name, "vault-agent") {
				all = append(all, usage{p.PodRef.Namespace, p.PodRef.Name, c.Name, c.Memory.RSSBytes})
			}
		}
	}
	slices.SortFunc(all, func(x, y usage) int {
		return cmp.Or(cmp.Compare(x.namespace, y.namespace), cmp.Compare(x.pod, y.pod), cmp.Compare(x.container, y.container))
	})
	return all, nil
}

func rows(all []usage) [][]string {
	table := [][]string{{"POD", "CONTAINER", "RESIDENT MEMORY"}}
	for _, u := range all {
		table = append(table, []string{u.namespace + "/" + u.pod, u.container, fmt.Sprintf("%.1f MiB", float64(u.resident)/(1<<20))})
	}
	return table
}

// showMemory asks the kubelet.
func (t *tour) showMemory(ctx context.Context) error {
	command := "kubectl get --raw " + summaryPath
	t.screen.Tell("$ %s", command)
	out, code, err := t.shell.run(ctx, command)
	if err == nil {
		err = line{run: command}.judge(out, code)
	}
	if err != nil {
		return err
	}
	all, err := parseUsage([]byte(out))
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return errors.New("the kubelet does not know our containers")
	}
	t.screen.Table("What the kubelet says of our containers:", rows(all))
	return nil
}

// showRequests counts what is in Vault's audit file of others than the administrator.
func (t *tour) showRequests(context.Context) error {
	answers, err := t.audit.ByOthers()
	if err != nil {
		return err
	}
	if len(answers) == 0 {
		return errors.New("vault's audit file has no request of ours")
	}
	t.screen.Tell("logins since the chart was installed, of three applications and the doctor: %d", stage.Asked(answers, "auth/kubernetes/login"))
	t.screen.Table("Requests of all three modes to Vault so far, by its audit file:", stage.Tally(answers))
	return nil
}
