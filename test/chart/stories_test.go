package chart

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	psa "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/vaultk8s/vaultk8s/internal/golden"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
)

// TestStories renders each values file of ours, and looks at everything that can
// be known without a cluster.
func TestStories(t *testing.T) {
	for name, file := range stories(t, ciFiles) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := rendered(t, "vault", "-f", file)
			if err != nil {
				t.Fatal(err)
			}
			golden.Compare(t, r.reviewed(), "testdata/golden/"+name+".yaml")
			all := r.objects()
			sound(t, all)
			if name != "openshift" && name != "mirror" {
				secure(t, all)
			}
		})
	}
}

// sound looks for what an API server or the program itself would refuse.
func sound(t *testing.T, all objects) {
	t.Helper()
	seen := make(map[string]bool)
	for _, o := range all {
		if id := o.GetKind() + " " + o.GetNamespace() + "/" + o.GetName(); seen[id] {
			t.Errorf("%s is there twice", id)
		} else {
			seen[id] = true
		}
		// Names of workloads and services become labels and host names; those of rights do not.
		limit := validation.LabelValueMaxLength
		if strings.HasPrefix(o.GroupVersionKind().Group, "rbac.") {
			limit = validation.DNS1123SubdomainMaxLength
		}
		if problems := validation.IsDNS1123Subdomain(o.GetName()); len(problems) > 0 || len(o.GetName()) > limit {
			t.Errorf("%s %s: %d characters, %v", o.GetKind(), o.GetName(), len(o.GetName()), problems)
		}
		for key, value := range o.GetLabels() {
			if problems := validation.IsValidLabelValue(value); len(problems) > 0 {
				t.Errorf("%s %s: label %s: %v", o.GetKind(), o.GetName(), key, problems)
			}
		}
		switch typed := decoded(t, o).(type) {
		case *corev1.ConfigMap:
			judged(t, typed.Data)
		case *appsv1.Deployment:
			selects(t, typed.Name, typed.Spec.Selector.MatchLabels, typed.Spec.Template.Labels)
		case *appsv1.DaemonSet:
			selects(t, typed.Name, typed.Spec.Selector.MatchLabels, typed.Spec.Template.Labels)
		}
	}
}

// judged has the program look at its own files.
func judged(t *testing.T, files map[string]string) {
	t.Helper()
	if text, ok := files["config.yaml"]; ok {
		if err := valid(t, text); err != nil {
			t.Errorf("the program refuses its configuration: %v\n%s", err, text)
		}
	}
	if text, ok := files["agent.hcl"]; ok {
		document, warnings, err := agentfile.Decode("agent.hcl", []byte(text))
		if err == nil {
			err = document.Validate()
		}
		if err != nil || len(warnings) > 0 {
			t.Errorf("the agent has to say of its document: %v, %v\n%s", err, warnings, text)
		}
	}
}

// valid is what `vaultk8s config validate` says of a shared file.
func valid(t *testing.T, text string) error {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := config.Load(config.LoadOptions{File: file, LookupEnv: func(string) (string, bool) { return "", false }})
	return err
}

func selects(t *testing.T, name string, selector, labels map[string]string) {
	t.Helper()
	for key, value := range selector {
		if labels[key] != value {
			t.Errorf("%s selects %s=%s, its pods have %q", name, key, value, labels[key])
		}
	}
}

// pods returns the pods that workloads make, by the name of the workload.
func pods(t *testing.T, all objects) map[string]*corev1.PodTemplateSpec {
	t.Helper()
	out := make(map[string]*corev1.PodTemplateSpec)
	for _, o := range all {
		switch typed := decoded(t, o).(type) {
		case *appsv1.Deployment:
			out[typed.Name] = &typed.Spec.Template
		case *appsv1.DaemonSet:
			out[typed.Name] = &typed.Spec.Template
		}
	}
	return out
}

// violations are the checks of Pod Security that a pod fails at a level.
func violations(t *testing.T, pod *corev1.PodTemplateSpec, level psa.Level) []string {
	t.Helper()
	var failed []string
	for _, check := range policy.DefaultChecks() {
		only, err := policy.NewEvaluator([]policy.Check{check}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, result := range only.EvaluatePod(psa.LevelVersion{Level: level, Version: psa.LatestVersion()}, &pod.ObjectMeta, &pod.Spec) {
			if !result.Allowed {
				failed = append(failed, string(check.ID))
			}
		}
	}
	slices.Sort(failed)
	return failed
}

// secure wants every pod restricted, but for the directory of sockets: it belongs
// to root, and so does who writes there.
func secure(t *testing.T, all objects) {
	t.Helper()
	for name, pod := range pods(t, all) {
		baseline, restricted := []string(nil), []string(nil)
		if strings.HasSuffix(name, "-csi-provider") {
			baseline = []string{"hostPathVolumes"}
			restricted = []string{"hostPathVolumes", "restrictedVolumes", "runAsNonRoot", "runAsUser"}
		}
		if diff := cmp.Diff(baseline, violations(t, pod, psa.LevelBaseline)); diff != "" {
			t.Errorf("%s at baseline: %s", name, diff)
		}
		if diff := cmp.Diff(restricted, violations(t, pod, psa.LevelRestricted)); diff != "" {
			t.Errorf("%s at restricted: %s", name, diff)
		}
		for _, c := range pod.Spec.Containers {
			if s := c.SecurityContext; s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem {
				t.Errorf("%s may write its file system", name)
			}
		}
	}
}

// TestLongName renders the longest name that a release may have: no name of an
// object may be too long, or be cut down to that of another one.
func TestLongName(t *testing.T) {
	release := strings.Repeat("a", 53)
	all := renderAs(t, release, "-f", chartFolder+"/ci/all.yaml")
	sound(t, all)
	short := render(t, "-f", chartFolder+"/ci/all.yaml")
	if len(all) != len(short) {
		t.Errorf("%d objects, with a short name %d", len(all), len(short))
	}
}

// TestImmutable holds what an upgrade cannot change: the file must never be
// written anew once a version was published.
func TestImmutable(t *testing.T) {
	var b strings.Builder
	for _, o := range render(t, "-f", chartFolder+"/ci/all.yaml") {
		switch typed := decoded(t, o).(type) {
		case *appsv1.Deployment:
			fmt.Fprintf(&b, "Deployment %s %v\n", typed.Name, typed.Spec.Selector.MatchLabels)
		case *appsv1.DaemonSet:
			fmt.Fprintf(&b, "DaemonSet %s %v\n", typed.Name, typed.Spec.Selector.MatchLabels)
		case *corev1.Service:
			fmt.Fprintf(&b, "Service %s %q %v\n", typed.Name, typed.Spec.ClusterIP, typed.Spec.Selector)
		case runtime.Object:
			if o.GetKind() == "MutatingWebhookConfiguration" || strings.HasSuffix(o.GetKind(), "Binding") {
				fmt.Fprintf(&b, "%s %s %v%v\n", o.GetKind(), o.GetName(), at(o.Object, "roleRef", "name"), at(o.Object, "webhooks", 0, "name"))
			}
		}
	}
	golden.Compare(t, []byte(b.String()), "testdata/immutable.golden")
}

// at walks into an object; it is "" where there is nothing.
func at(v any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[step]
		case int:
			l, _ := v.([]any)
			if step >= len(l) {
				return ""
			}
			v = l[step]
		}
	}
	if v == nil {
		return ""
	}
	return v
}

// TestChecksum: a mode's pods start anew when its part of the file changes, and
// not for another mode's.
func TestChecksum(t *testing.T) {
	sums := func(args ...string) map[string]string {
		out := make(map[string]string)
		for name, pod := range pods(t, render(t, append([]string{"-f", chartFolder + "/ci/available.yaml"}, args...)...)) {
			out[name] = pod.Annotations["checksum/config"]
		}
		return out
	}
	changed := func(args ...string) []string {
		before, after := sums(), sums(args...)
		var names []string
		for name, sum := range before {
			if sum == "" {
				t.Error(errors.New(name + " has no checksum"))
			}
			if after[name] != sum {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return names
	}
	cases := map[string]struct {
		args []string
		want []string
	}{
		"one mode": {args: []string{"--set", "csi.refreshInterval=2m"}, want: []string{"vault-csi-provider"}},
		"all":      {args: []string{"--set", "vault.namespace=a"}, want: []string{"vault-agent-injector", "vault-controller-manager", "vault-csi-provider"}},
		"objects":  {args: []string{"--set", "defaultAuthMethod.enabled=true"}, want: []string{"vault-controller-manager"}},
		"nothing":  {args: []string{"--set", "injector.replicas=4"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, changed(tc.args...)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
