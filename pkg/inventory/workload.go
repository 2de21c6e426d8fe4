package inventory

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/kube"
)

// Tool is a program that brings secrets of Vault to a cluster.
type Tool string

// The tools: this program, and those that it replaces.
const (
	Ours            Tool = "vaultk8s"
	AgentInjector   Tool = "Vault Agent Injector"
	CSIProvider     Tool = "Vault CSI Provider"
	BaoCSIProvider  Tool = "OpenBao CSI provider"
	SecretsOperator Tool = "Vault Secrets Operator"
)

// Part is what a tool does, in the words of our modes.
type Part string

// The parts.
const (
	Injector Part = "injector"
	CSI      Part = "csi-provider"
	Operator Part = "operator"
)

// Parts lists all of them in their usual order.
func Parts() []Part { return []Part{Injector, CSI, Operator} }

// Workload is a Deployment, DaemonSet or StatefulSet that runs a tool.
type Workload struct {
	Tool            Tool
	Part            Part
	Kind            string
	Namespace, Name string
	Image           string
	Arguments       []string          // of the program, without its name and mode
	Env             map[string]string // variables with a literal value
	ServiceAccount  string
	Labels          map[string]string // of its pods
	Release         string            // of Helm; "" for none
	Wanted, Ready   int               // pods
}

// String names the workload.
func (w Workload) String() string { return w.Kind + " " + w.Namespace + "/" + w.Name }

// Version is the tag of the image; "" if it has none.
func (w Workload) Version() string {
	name, _, _ := strings.Cut(w.Image, "@")
	if colon := strings.LastIndexByte(name, ':'); colon > strings.LastIndexByte(name, '/') {
		return name[colon+1:]
	}
	return ""
}

// Setting returns what the workload says by a flag or one of the variables, and
// whether it says anything. A flag without a value is "true".
func (w Workload) Setting(flag string, variables ...string) (string, bool) {
	for i, arg := range w.Arguments {
		name, value, hasValue := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		switch {
		case name != flag || !strings.HasPrefix(arg, "-"):
		case hasValue:
			return value, true
		case i+1 < len(w.Arguments) && !strings.HasPrefix(w.Arguments[i+1], "-"):
			return w.Arguments[i+1], true
		default:
			return "true", true
		}
	}
	for _, name := range variables {
		if value, ok := w.Env[name]; ok && value != "" {
			return value, true
		}
	}
	return "", false
}

// container is what is read of one.
type container struct {
	Name, Image   string
	Command, Args []string
	Env           []struct{ Name, Value string }
}

// workloadObject is what is read of a workload of any kind.
type workloadObject struct {
	Metadata struct {
		Namespace, Name string
		Annotations     map[string]string
	}
	Spec struct {
		Replicas *int
		Template struct {
			Metadata struct{ Labels map[string]string }
			Spec     struct {
				ServiceAccountName string
				Containers         []container
			}
		}
	}
	Status struct {
		ReadyReplicas, DesiredNumberScheduled, NumberReady int
	}
}

// Workloads lists the workloads of all namespaces that run one of the tools.
func Workloads(ctx context.Context, c *kube.Client) ([]Workload, error) {
	var found []Workload
	for _, kind := range []string{"Deployment", "DaemonSet", "StatefulSet"} {
		all, err := kube.All[workloadObject](ctx, c, "/apis/apps/v1/"+strings.ToLower(kind)+"s")
		if err != nil {
			return nil, err
		}
		for _, o := range all {
			if w, ok := o.recognize(kind); ok {
				found = append(found, w)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b Workload) int { return strings.Compare(string(a.Part)+a.String(), string(b.Part)+b.String()) })
	return found, nil
}

func (o *workloadObject) recognize(kind string) (Workload, bool) {
	for _, c := range o.Spec.Template.Spec.Containers {
		tool, part, arguments := identify(c)
		if tool == "" {
			continue
		}
		w := Workload{
			Tool: tool, Part: part, Kind: kind, Namespace: o.Metadata.Namespace, Name: o.Metadata.Name, Image: c.Image, Arguments: arguments,
			ServiceAccount: o.Spec.Template.Spec.ServiceAccountName, Labels: o.Spec.Template.Metadata.Labels,
			Release: o.Metadata.Annotations["meta.helm.sh/release-name"],
			Wanted:  1, Ready: o.Status.ReadyReplicas, Env: map[string]string{},
		}
		if w.ServiceAccount == "" {
			w.ServiceAccount = "default"
		}
		if o.Spec.Replicas != nil {
			w.Wanted = *o.Spec.Replicas
		}
		if kind == "DaemonSet" {
			w.Wanted, w.Ready = o.Status.DesiredNumberScheduled, o.Status.NumberReady
		}
		for _, e := range c.Env {
			w.Env[e.Name] = e.Value
		}
		return w, true
	}
	return Workload{}, false
}

// modes are our subcommands, with the names that the old tools gave them.
func modes() map[string]Part {
	return map[string]Part{"injector": Injector, "agent-inject": Injector, "csi-provider": CSI, "operator": Operator}
}

// identify tells which tool a container runs: ours by its mode, others by image.
func identify(c container) (Tool, Part, []string) {
	image := imageName(c.Image)
	words := slices.Concat(c.Command, c.Args)
	if strings.Contains(image, "vaultk8s") || len(c.Command) > 0 && path.Base(c.Command[0]) == "vaultk8s" {
		for i, word := range words {
			if part, ok := modes()[word]; ok {
				return Ours, part, words[i+1:]
			}
		}
		return "", "", nil
	}
	old := []struct {
		part  string
		tool  Tool
		plays Part
	}{
		{"vault-k8s", AgentInjector, Injector},
		{"openbao-csi-provider", BaoCSIProvider, CSI},
		{"vault-csi-provider", CSIProvider, CSI},
		{"vault-secrets-operator", SecretsOperator, Operator},
	}
	for _, o := range old {
		// The CSI driver of that operator is another program.
		if strings.Contains(image, o.part) && !strings.HasSuffix(image, "operator-csi") {
			return o.tool, o.plays, words
		}
	}
	return "", "", nil
}

// imageName is the last part of an image's name, without tag and digest.
func imageName(image string) string {
	name, _, _ := strings.Cut(image, "@")
	name = path.Base(name)
	name, _, _ = strings.Cut(name, ":")
	return name
}
