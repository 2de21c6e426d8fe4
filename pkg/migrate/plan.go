package migrate

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/inventory"
)

// Step is one that can be stopped after.
type Step struct {
	Title    string   `json:"title"`
	Why      string   `json:"why,omitempty"`
	Commands []string `json:"commands"`
	Check    string   `json:"check,omitempty"` // command that tells whether it worked
	Back     []string `json:"back,omitempty"`  // commands that undo it
}

// Stage is the way from one old tool to ours.
type Stage struct {
	Tool  string   `json:"tool"`
	Where string   `json:"where"`
	Found []string `json:"found"`
	Steps []Step   `json:"steps"`
}

// Plan is all stages, the easiest first.
type Plan struct {
	Stages []Stage  `json:"stages"`
	Notes  []string `json:"notes,omitempty"`
}

// Target says where ours is installed.
type Target struct {
	Release, Namespace string
	Chart              string // as Helm is given it
}

// MakePlan orders the steps from what a cluster has to our chart: first the CSI
// provider, whose pods keep their volumes; then the injector, one namespace after
// the other; last the operator, of which only one may work at a time.
func MakePlan(c Cluster, t Target) Plan {
	p := Plan{Stages: []Stage{}}
	order := []inventory.Part{inventory.CSI, inventory.Injector, inventory.Operator}
	stages := map[inventory.Part]func(Cluster, inventory.Workload, Target) Stage{
		inventory.CSI: csiStage, inventory.Injector: injectorStage, inventory.Operator: operatorStage,
	}
	for _, part := range order {
		for _, w := range c.Workloads {
			if w.Tool != inventory.Ours && w.Part == part {
				p.Stages = append(p.Stages, stages[part](c, w, t))
			}
		}
	}
	for _, name := range c.Ended {
		p.Notes = append(p.Notes, name+" is of a kind that nobody serves any more: vaultk8s migrate crs tells what to do")
	}
	if len(p.Stages) == 0 {
		p.Notes = append(p.Notes, "none of the older tools runs here")
	}
	return p
}

func stage(w inventory.Workload, found []string, steps ...Step) Stage {
	version := cmp.Or(w.Version(), "unknown")
	return Stage{
		Tool: string(w.Tool), Where: w.String(), Steps: steps,
		Found: append([]string{fmt.Sprintf("version %s, %d of %d pods ready", version, w.Ready, w.Wanted)}, found...),
	}
}

// convert is the first step of every stage: values.
func convert(w inventory.Workload, file string) Step {
	if w.Release == "" {
		return Step{
			Title: "Write the values", Why: "the old tool was not installed by Helm, so there are none to convert",
			Commands: []string{"vi " + file}, Check: "helm template CHECK CHART -f " + file,
		}
	}
	return Step{
		Title: "Convert the values", Why: "the report on standard error names what cannot be converted",
		Commands: []string{
			fmt.Sprintf("helm get values %s -n %s -o yaml > old-%s", w.Release, w.Namespace, file),
			fmt.Sprintf("vaultk8s migrate values -f old-%s > %s", file, file),
		},
	}
}

// old changes the release of the old tool, or the object itself.
func old(w inventory.Workload, values, object string) string {
	if w.Release == "" {
		return object
	}
	return fmt.Sprintf("helm upgrade %s OLD-CHART --version OLD-VERSION -n %s --reuse-values %s", w.Release, w.Namespace, values)
}

func (t Target) install(release, file, more string) string {
	return strings.TrimSpace(fmt.Sprintf("helm upgrade --install %s %s -n %s --create-namespace -f %s %s", release, t.Chart, t.Namespace, file, more))
}

func object(w inventory.Workload) string {
	return fmt.Sprintf("%s %s -n %s", strings.ToLower(w.Kind), w.Name, w.Namespace)
}

const onlyOurs, notOurs = `vaultk8s.io/csi`, `{"spec":{"template":{"spec":{"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"vaultk8s.io/csi","operator":"DoesNotExist"}]}]}}}}}}}`

func csiStage(c Cluster, w inventory.Workload, t Target) Stage {
	key, has := w.Setting("hmac-secret-name")
	if !has {
		key = "vault-csi-provider-hmac-key"
	}
	release := t.Release + "-csi"
	return stage(w, []string{fmt.Sprintf("%d SecretProviderClasses, which stay as they are", c.Classes), "key of the object versions: Secret " + w.Namespace + "/" + key},
		convert(w, "csi.yaml"),
		Step{
			Title: "Keep the versions of objects", Why: "with the same key nothing looks changed to whoever watches; skip this where namespace and name stay",
			Commands: []string{fmt.Sprintf("kubectl get secret %s -n %s -o yaml | sed 's/namespace: .*/namespace: %s/' | kubectl apply -n %s -f -", key, w.Namespace, t.Namespace, t.Namespace)},
			Back:     []string{fmt.Sprintf("kubectl delete secret %s -n %s", key, t.Namespace)},
		},
		Step{
			Title: "Install ours on no node yet",
			Commands: []string{
				t.install(release, "csi.yaml", fmt.Sprintf("--set csi.enabled=true,injector.enabled=false,operator.enabled=false,csi.hmacSecretName=%s --set-string 'csi.pod.nodeSelector.vaultk8s\\.io/csi=ours'", key)),
				"kubectl patch " + object(w) + " --patch '" + notOurs + "'",
			},
			Check: "vaultk8s check -o short",
			Back:  []string{"helm uninstall " + release + " -n " + t.Namespace},
		},
		Step{
			Title: "Go over node by node", Why: "pods that run keep their volumes; the next call of the driver is answered by the new provider",
			Commands: []string{"kubectl label node NODE " + onlyOurs + "=ours"},
			Check:    "kubectl get pods -A --field-selector spec.nodeName=NODE",
			Back:     []string{"kubectl label node NODE " + onlyOurs + "-"},
		},
		Step{
			Title: "Take the old one away", Why: "when every node has the label",
			Commands: []string{
				old(w, "--set csi.enabled=false", "kubectl delete "+object(w)),
				t.install(release, "csi.yaml", fmt.Sprintf("--set csi.enabled=true,injector.enabled=false,operator.enabled=false,csi.hmacSecretName=%s", key)),
			},
			Check: "vaultk8s check -o short",
			Back:  []string{old(w, "--set csi.enabled=true", "kubectl apply -f its manifest")},
		})
}

func injectorStage(c Cluster, w inventory.Workload, t Target) Stage {
	release := t.Release
	var spaces []string
	for _, name := range slices.Sorted(maps.Keys(c.Injected)) {
		spaces = append(spaces, fmt.Sprintf("%d pods with an agent in %s", c.Injected[name], name))
	}
	selector := func(operator string) string {
		return fmt.Sprintf(`--set-json 'injector.webhook.namespaceSelector={"matchExpressions":[{"key":"vaultk8s.io/injector","operator":%q}]}'`, operator)
	}
	const modes = "--set injector.enabled=true,csi.enabled=false,operator.enabled=false"
	return stage(w, spaces,
		convert(w, "injector.yaml"),
		Step{
			Title: "Have the old one look away from namespaces with a label", Why: "a release that installs Vault as well is changed, never removed",
			Commands: []string{old(w, selector("DoesNotExist"), "kubectl edit mutatingwebhookconfiguration NAME  # namespaceSelector: vaultk8s.io/injector DoesNotExist")},
			Back:     []string{old(w, "--set-json 'injector.webhook.namespaceSelector={}'", "kubectl edit mutatingwebhookconfiguration NAME")},
		},
		Step{
			Title: "Install ours for namespaces with the label", Commands: []string{t.install(release, "injector.yaml", modes+" "+selector("Exists"))},
			Check: "vaultk8s check --wait 2m", Back: []string{"helm uninstall " + release + " -n " + t.Namespace},
		},
		Step{
			Title: "Look at the annotations", Commands: []string{"kubectl get deployments,statefulsets,daemonsets,cronjobs -A -o yaml | vaultk8s migrate annotations -f -"},
		},
		Step{
			Title: "Go over namespace by namespace", Why: "pods keep the agent that they have until they are made anew",
			Commands: []string{"kubectl label namespace NAMESPACE vaultk8s.io/injector=ours", "kubectl rollout restart deployment,statefulset,daemonset -n NAMESPACE"},
			Check:    "vaultk8s check --as-serviceaccount NAMESPACE/ACCOUNT --auth-role ROLE",
			Back:     []string{"kubectl label namespace NAMESPACE vaultk8s.io/injector-", "kubectl rollout restart deployment,statefulset,daemonset -n NAMESPACE"},
		},
		Step{
			Title: "Take the old one away", Why: "when every namespace has the label",
			Commands: []string{
				old(w, "--set injector.enabled=false", "kubectl delete "+object(w)),
				t.install(release, "injector.yaml", modes),
			},
			Check: "vaultk8s check", Back: []string{old(w, "--set injector.enabled=true", "kubectl apply -f its manifest")},
		})
}

func operatorStage(c Cluster, w inventory.Workload, t Target) Stage {
	var counts []string
	for _, kind := range slices.Sorted(maps.Keys(c.Objects)) {
		counts = append(counts, fmt.Sprintf("%s: %d", kind, c.Objects[kind]))
	}
	counts = append(counts, fmt.Sprintf("leases of Vault that objects hold, and that ours takes over: %d", c.Leases))
	t.Namespace = w.Namespace // the same Lease, key and cache
	release := t.Release + "-operator"
	definitions := "$(kubectl get crd -o name | grep '\\.secrets\\.hashicorp\\.com$')"
	steps := []Step{
		convert(w, "operator.yaml"),
		{Title: "Look at the objects", Commands: []string{"kubectl get vaultconnections,vaultauths,vaultauthglobals,vaultstaticsecrets,vaultdynamicsecrets,vaultpkisecrets -A -o yaml | vaultk8s migrate crs -f -"}},
		{
			Title: "Stop the old one", Why: "both use one Lease, so that they never work at once; Secrets stay as they are",
			Commands: []string{fmt.Sprintf("kubectl scale %s --replicas=0", object(w))},
			Back:     []string{fmt.Sprintf("kubectl scale %s --replicas=%d", object(w), max(w.Wanted, 1))},
		},
		{
			Title: "Let ours own the definitions", Why: "objects go when their definition goes",
			Commands: []string{
				"kubectl annotate --overwrite " + definitions + " helm.sh/resource-policy=keep meta.helm.sh/release-name=" + release + " meta.helm.sh/release-namespace=" + t.Namespace,
				"kubectl label --overwrite " + definitions + " app.kubernetes.io/managed-by=Helm",
			},
		},
		{
			Title: "Install ours in the same namespace", Why: "there it finds the key with which Secrets were signed, so that nothing is written or restarted",
			Commands: []string{t.install(release, "operator.yaml", "--set operator.enabled=true,injector.enabled=false,csi.enabled=false")},
			Check:    "vaultk8s check --wait 2m",
			Back: []string{
				fmt.Sprintf("kubectl scale deployment -n %s -l app.kubernetes.io/instance=%s --replicas=0", t.Namespace, release),
				fmt.Sprintf("kubectl scale %s --replicas=%d", object(w), max(w.Wanted, 1)),
			},
		},
	}
	if w.Release != "" {
		steps = append(steps, Step{
			Title: "Take the old one away", Why: "without its hooks, of which one takes finalizers away",
			Commands: []string{fmt.Sprintf("helm uninstall %s -n %s --no-hooks", w.Release, w.Namespace)}, Check: "kubectl get vault -A",
		})
	} else {
		steps = append(steps, Step{Title: "Take the old one away", Commands: []string{"kubectl delete " + object(w)}, Check: "kubectl get vault -A"})
	}
	return stage(w, counts, steps...)
}

// Write prints the plan for people, in Markdown.
func (p Plan) Write(w io.Writer) error {
	var b strings.Builder
	for _, s := range p.Stages {
		fmt.Fprintf(&b, "## %s: %s\n\n", s.Tool, s.Where)
		for _, found := range s.Found {
			fmt.Fprintf(&b, "- %s\n", found)
		}
		for i, step := range s.Steps {
			fmt.Fprintf(&b, "\n%d. %s", i+1, step.Title)
			if step.Why != "" {
				fmt.Fprintf(&b, ": %s", step.Why)
			}
			b.WriteString(".\n\n")
			lines(&b, "", step.Commands)
			if step.Check != "" {
				lines(&b, "   Check:", []string{step.Check})
			}
			lines(&b, "   Back:", step.Back)
		}
		b.WriteString("\n")
	}
	for _, note := range p.Notes {
		fmt.Fprintf(&b, "- %s\n", note)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func lines(b *strings.Builder, title string, commands []string) {
	if len(commands) == 0 {
		return
	}
	if title != "" {
		fmt.Fprintf(b, "\n%s\n\n", title)
	}
	for _, command := range commands {
		fmt.Fprintf(b, "       %s\n", command)
	}
}
