package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/inventory"
)

func clusterReachable(f *Facts) []Finding {
	if f.Cluster.Err != nil {
		return failure("check the kubeconfig, its context and your credentials", "the API server does not answer: %v", f.Cluster.Err)
	}
	return ok("the API server %s answers", f.Cluster.Server)
}

// The versions that matter: rules in definitions (CEL) are checked from 1.25 on,
// native sidecars are there from 1.29 on.
const (
	oldestMinor  = 25
	sidecarMinor = 29
)

func clusterVersion(f *Facts) []Finding {
	major, minor := f.Cluster.Major, f.Cluster.Minor
	switch {
	case f.Cluster.Err != nil:
		return nil
	case major == 1 && minor < oldestMinor:
		return failure("upgrade the cluster", "Kubernetes %d.%d is too old: 1.%d is needed", major, minor, oldestMinor)
	case major == 1 && minor < sidecarMinor:
		return warning("upgrade the cluster, or let Jobs use agent-pre-populate-only", "Kubernetes %d.%d has no native sidecars: pods of Jobs do not complete beside an agent", major, minor)
	}
	return ok("Kubernetes %d.%d is supported", major, minor)
}

func clusterClock(f *Facts) []Finding {
	if f.Cluster.Err != nil {
		return nil
	}
	return clock("the API server", f.Cluster.Skew)
}

// ours lists the workloads of one of our modes.
func (c *Cluster) ours(part inventory.Part) []inventory.Workload {
	return slices.DeleteFunc(slices.Clone(c.Workloads), func(w inventory.Workload) bool {
		return w.Tool != inventory.Ours || part != "" && w.Part != part
	})
}

func nothingInstalled(f *Facts) []Finding {
	c := &f.Cluster
	switch {
	case c.Err != nil:
		return nil
	case c.WorkloadsErr != nil:
		return unknown(c.WorkloadsErr, "workloads cannot be listed")
	case !f.Pre && len(c.ours("")) == 0:
		return failure("install it with Helm; --pre checks whether that will work", "none of our modes is installed")
	}
	return nil
}

// ready judges the workloads of one mode.
func ready(f *Facts, part inventory.Part) []Finding {
	var found []Finding
	for _, w := range f.Cluster.ours(part) {
		hint := fmt.Sprintf("kubectl describe pods -n %s, and their logs, tell why", w.Namespace)
		switch {
		case w.Wanted == 0:
			found = append(found, warning("scale it up, or label nodes that it selects", "%s has no pods", w)...)
		case w.Ready == 0:
			found = append(found, failure(hint, "%s: none of %d pods is ready", w, w.Wanted)...)
		case w.Ready < w.Wanted:
			found = append(found, warning(hint, "%s: %d of %d pods are ready", w, w.Ready, w.Wanted)...)
		default:
			found = append(found, ok("%s: %d of %d pods are ready", w, w.Ready, w.Wanted)...)
		}
	}
	return found
}

func rightsPresent(f *Facts) []Finding {
	if f.Cluster.RightsErr != nil {
		return unknown(f.Cluster.RightsErr, "rights cannot be looked at")
	}
	var found []Finding
	granted := map[string]int{}
	for _, r := range f.Cluster.Rights {
		who := "service account " + r.Who
		if r.Who == "" {
			who = "you"
		}
		switch {
		case r.Allowed:
			granted[who]++
		case r.Needed:
			found = append(found, failure("apply the roles of the chart", "%s may not %s: %s", who, r, r.Without)...)
		default:
			found = append(found, warning("apply the roles of the chart, if that is wanted", "%s may not %s: %s", who, r, r.Without)...)
		}
	}
	for _, who := range slices.Sorted(maps.Keys(granted)) {
		found = append(found, ok("%s may do %d of the things that are needed", who, granted[who])...)
	}
	return found
}

// String says the right in words.
func (r Right) String() string {
	text := r.Verb + " " + r.Resource
	if r.Name != "" {
		text += " " + fmt.Sprintf("%q", r.Name)
	}
	if r.Space != "" {
		return text + " in " + r.Space
	}
	return text
}

func oldTools(f *Facts) []Finding {
	if f.Cluster.Err != nil || f.Cluster.WorkloadsErr != nil {
		return nil
	}
	var found []Finding
	for _, w := range f.Cluster.Workloads {
		if w.Tool == inventory.Ours {
			continue
		}
		mine := f.Cluster.ours(w.Part)
		if len(mine) == 0 {
			found = append(found, ok("%s runs the %s; we do nothing in its place", w, w.Tool)...)
			continue
		}
		found = append(found, beside(w, mine[0])...)
	}
	if len(found) == 0 {
		return ok("none of the tools that we replace is installed")
	}
	return found
}

// beside judges an old tool that runs together with ours.
func beside(old, mine inventory.Workload) []Finding {
	plan := "vaultk8s migrate plan shows the order of steps"
	switch {
	case old.Wanted == 0:
		return ok("%s runs the %s no more", old, old.Tool)
	case old.Part == inventory.Injector:
		return warning(plan, "%s runs the %s beside %s: a pod gets its agent from whichever is asked first", old, old.Tool, mine)
	case old.Part == inventory.CSI && sharedSocket(old, mine):
		return failure(plan, "%s runs the %s beside %s: both serve the socket of one provider, and the last that starts takes it", old, old.Tool, mine)
	case old.Part == inventory.CSI:
		return warning(plan, "%s runs the %s beside %s", old, old.Tool, mine)
	case old.Namespace != mine.Namespace:
		return failure("scale the old one to 0; "+plan, "%s runs the %s beside %s in another namespace: both write the same objects", old, old.Tool, mine)
	}
	return warning(plan, "%s runs the %s beside %s: only the one that holds the Lease works", old, old.Tool, mine)
}

// sharedSocket tells whether both providers have the name of one provider.
func sharedSocket(old, mine inventory.Workload) bool {
	name := "vault.sock"
	if old.Tool == inventory.BaoCSIProvider {
		name = "openbao.sock"
	}
	endpoint, _ := mine.Setting("endpoint", "VAULTK8S_CSI_ENDPOINT")
	return endpoint == "" && name == "vault.sock" || strings.Contains(endpoint, name)
}
