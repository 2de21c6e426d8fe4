package injector

import (
	"encoding/json"
	"slices"
	"testing"

	apply "github.com/evanphx/json-patch/v5"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	psa "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
)

// TestSamplesKeepTheRules checks what holds for every pod whatever it asks for.
func TestSamplesKeepTheRules(t *testing.T) {
	injected := 0
	for _, s := range samples(t) {
		t.Run(s.name, func(t *testing.T) {
			out, report := keepsTheRules(t, s.pod, s.o)
			if report.Reason != Injected {
				return
			}
			injected++
			readable(t, out)
			acceptable(t, s, out)
		})
	}
	if injected < 60 {
		t.Errorf("only %d samples are injected", injected)
	}
}

// keepsTheRules checks that Inject does not touch its input, is idempotent, can
// be undone, and that the patch leads to the same pod.
func keepsTheRules(t testing.TB, pod *corev1.Pod, o Options) (*corev1.Pod, Report) {
	t.Helper()
	before := pod.DeepCopy()
	out, report := Inject(pod, o)
	if !equality.Semantic.DeepEqual(before, pod) {
		t.Fatalf("the input was changed: %s", cmp.Diff(before, pod))
	}
	if report.Reason != Injected {
		if out != pod {
			t.Error("a pod that is not injected is not the one that was given")
		}
		return out, report
	}
	again, second := Inject(out, o)
	if again != out || second.Reason == Injected {
		t.Errorf("injected again: %s", second.Reason)
	}
	undone, err := Uninject(out)
	if err != nil {
		t.Fatal(err)
	}
	if pod.Annotations[Prefix+"agent-json-patch"]+pod.Annotations[Prefix+"agent-init-json-patch"] == "" && !equality.Semantic.DeepEqual(pod, undone) {
		t.Errorf("not undone (-want +got):\n%s", cmp.Diff(pod, undone))
	}
	patched(t, pod, out)
	return out, report
}

func patched(t testing.TB, before, after *corev1.Pod) {
	t.Helper()
	patch, err := Patch(before, after)
	if err != nil {
		t.Fatal(err)
	}
	operations, err := apply.DecodePatch(patch)
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := json.Marshal(before)
	got, err := operations.Apply(raw)
	if err != nil {
		t.Fatalf("%v\n%s", err, patch)
	}
	var pod corev1.Pod
	if err := json.Unmarshal(got, &pod); err != nil {
		t.Fatal(err)
	}
	if !equality.Semantic.DeepEqual(after, &pod) {
		t.Errorf("the patch makes another pod (-want +got):\n%s", cmp.Diff(after, &pod))
	}
}

// readable checks that the agent takes the documents as they are.
func readable(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	eachDocument(t, pod, func(c *corev1.Container, _ *corev1.EnvVar, text []byte) {
		doc, warnings, err := agentfile.Decode(c.Name, text)
		if err != nil {
			t.Errorf("%v", err)
			return
		}
		if len(warnings) > 0 {
			t.Errorf("warnings: %v", warnings)
		}
		if doc.Exec != nil {
			at := slices.Index(c.Args, "--")
			doc.Exec.Command = c.Args[at+1:] // as the agent does
		}
		if err := doc.Validate(); err != nil {
			t.Errorf("container %s: %v", c.Name, err)
		}
	})
}

// acceptable checks what the API server would refuse, and that a pod of level
// "restricted" stays one.
func acceptable(t *testing.T, s sample, after *corev1.Pod) {
	t.Helper()
	names := map[string]bool{}
	for _, c := range slices.Concat(after.Spec.InitContainers, after.Spec.Containers) {
		if names[c.Name] {
			t.Errorf("two containers %q", c.Name)
		}
		names[c.Name] = true
		mountable(t, after, c)
		for name, request := range c.Resources.Requests {
			if limit, ok := c.Resources.Limits[name]; ok && request.Cmp(limit) > 0 {
				t.Errorf("container %q requests more %s than its limit", c.Name, name)
			}
		}
	}
	if ok, _ := restricted(t, s.pod); ok && !s.givesUp() {
		if ok, why := restricted(t, after); !ok {
			t.Errorf("not restricted any more: %s", why)
		}
	}
}

// givesUp reports whether somebody said that the agent shall not be restricted.
func (s sample) givesUp() bool {
	said := s.pod.Annotations
	byUser := said[Prefix+"agent-run-as-user"] == "0" || said[Prefix+"agent-set-security-context"] == "false"
	byOption := !s.o.SetSecurityContext && said[Prefix+"agent-run-as-user"] == "" || s.o.SeccompProfile == ""
	return byUser || byOption
}

func mountable(t *testing.T, pod *corev1.Pod, c corev1.Container) {
	t.Helper()
	paths := map[string]bool{}
	for _, m := range c.VolumeMounts {
		if paths[m.MountPath] {
			t.Errorf("container %q mounts twice at %s", c.Name, m.MountPath)
		}
		paths[m.MountPath] = true
		if !slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name }) && isOurVolume(m.Name) {
			t.Errorf("container %q mounts %q, which is not there", c.Name, m.Name)
		}
	}
}

func restricted(t *testing.T, pod *corev1.Pod) (bool, string) {
	t.Helper()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	level := psa.LevelVersion{Level: psa.LevelRestricted, Version: psa.LatestVersion()}
	result := policy.AggregateCheckResults(evaluator.EvaluatePod(level, &pod.ObjectMeta, &pod.Spec))
	return result.Allowed, result.ForbiddenDetail()
}

// TestRestrictedSamples makes sure that the rule above has something to check.
func TestRestrictedSamples(t *testing.T) {
	n := 0
	for _, s := range samples(t) {
		if ok, _ := restricted(t, s.pod); ok {
			n++
		}
	}
	if n < 60 {
		t.Errorf("only %d samples are of level restricted before injection", n)
	}
}
