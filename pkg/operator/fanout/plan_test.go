package fanout

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

func TestMatches(t *testing.T) {
	cases := map[string]struct {
		yes, no []string
	}{
		"":         {yes: []string{""}, no: []string{"a"}},
		"a":        {yes: []string{"a"}, no: []string{"", "b", "aa"}},
		"*":        {yes: []string{"", "a", "a-b"}},
		"**":       {yes: []string{"", "a"}},
		"?":        {yes: []string{"a"}, no: []string{"", "ab"}},
		"team-*":   {yes: []string{"team-", "team-a"}, no: []string{"team", "a-team-b"}},
		"*-prod":   {yes: []string{"a-prod", "-prod", "a-prod-prod"}, no: []string{"prod", "a-prod-b"}},
		"a*b*c":    {yes: []string{"abc", "axxbyyc", "abbcbc"}, no: []string{"acb", "ab"}},
		"*a?":      {yes: []string{"ab", "aaab"}, no: []string{"a", "ba"}},
		"kube-[s]": {yes: []string{"kube-[s]"}, no: []string{"kube-s"}},
	}
	for glob, tc := range cases {
		for _, name := range tc.yes {
			if !matches(glob, name) {
				t.Errorf("%q does not match %q", glob, name)
			}
		}
		for _, name := range tc.no {
			if matches(glob, name) {
				t.Errorf("%q matches %q", glob, name)
			}
		}
	}
	if matches(strings.Repeat("*a", 200)+"b", strings.Repeat("a", 2000)) {
		t.Error("there is no b")
	}
}

func FuzzMatches(f *testing.F) {
	f.Add("a*b?c", "axxbyc")
	f.Fuzz(func(t *testing.T, glob, name string) {
		if len(glob) > 1000 || len(name) > 1000 {
			return
		}
		got := matches(glob, name)
		if !strings.ContainsAny(glob, "*?") && got != (glob == name) {
			t.Errorf("%q without a wildcard: %t for %q", glob, got, name)
		}
		if got && !matches(glob+"*", name+"x") || !matches("*"+strings.ReplaceAll(name, "*", "?"), "x"+name) {
			t.Errorf("%q and %q: a star more changes nothing", glob, name)
		}
	})
}

func namespace(name string, labels map[string]string) corev1.Namespace {
	return corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
}

func TestChoose(t *testing.T) {
	ending := namespace("ending", map[string]string{"tier": "web"})
	ending.DeletionTimestamp = &metav1.Time{}
	ending.DeletionTimestamp.Time = ending.DeletionTimestamp.AddDate(2026, 0, 0)
	all := []corev1.Namespace{
		namespace("team-b", nil), namespace("kube-system", nil), namespace("team-a", map[string]string{"tier": "web"}), namespace("shop", map[string]string{"tier": "db"}), ending,
	}
	web := &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "web"}}
	cases := map[string]struct {
		spec v1beta1.ClusterVaultSecretSpec
		want string
		err  string
	}{
		"None":     {},
		"Names":    {spec: v1beta1.ClusterVaultSecretSpec{Namespaces: []string{"shop", "absent"}}, want: "shop"},
		"Globs":    {spec: v1beta1.ClusterVaultSecretSpec{NamespaceGlobs: []string{"team-*", "sh?p"}}, want: "shop team-a team-b"},
		"Selector": {spec: v1beta1.ClusterVaultSecretSpec{NamespaceSelector: web}, want: "team-a"},
		"All":      {spec: v1beta1.ClusterVaultSecretSpec{NamespaceSelector: &metav1.LabelSelector{}, ExcludedNamespaceGlobs: []string{"kube-*"}}, want: "shop team-a team-b"},
		"Either":   {spec: v1beta1.ClusterVaultSecretSpec{NamespaceSelector: web, Namespaces: []string{"shop", "team-a"}}, want: "shop team-a"},
		"Excluded": {spec: v1beta1.ClusterVaultSecretSpec{Namespaces: []string{"shop"}, ExcludedNamespaceGlobs: []string{"*"}}},
		"Bad": {
			spec: v1beta1.ClusterVaultSecretSpec{NamespaceSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Near"}}}},
			err:  `spec.namespaceSelector: "Near" is not a valid label selector operator`,
		},
	}
	for name, tc := range cases {
		got, err := choose(tc.spec, all)
		if text := fmt.Sprint(err); strings.Join(got, " ") != tc.want || err != nil && text != tc.err || err == nil && tc.err != "" {
			t.Errorf("%s: %v, want %s; error %v, want %s", name, got, tc.want, err, tc.err)
		}
	}
}

// registry is a ClusterVaultSecret.
func registry() *v1beta1.ClusterVaultSecret {
	return &v1beta1.ClusterVaultSecret{
		ObjectMeta: metav1.ObjectMeta{Name: "registry", UID: "uid-1"},
		Spec:       v1beta1.ClusterVaultSecretSpec{Static: &v1beta1.VaultStaticSecretSpec{Mount: "secret", Path: "registry"}},
	}
}

// made is the object of a namespace as the reconciler makes it, after some edits.
func made(t *testing.T, c *v1beta1.ClusterVaultSecret, namespace string, edits ...func(*v1beta1.VaultStaticSecret)) child {
	t.Helper()
	tpl, err := templateOf(c)
	if err != nil {
		t.Fatal(err)
	}
	o := &v1beta1.VaultStaticSecret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: tpl.name, Labels: tpl.labels, Annotations: tpl.annotations, Generation: 2},
		Spec:       *c.Spec.Static,
	}
	if tpl.owner != nil {
		o.OwnerReferences = []metav1.OwnerReference{*tpl.owner}
	}
	for _, edit := range edits {
		edit(o)
	}
	return childOf(o)
}

func TestPlan(t *testing.T) {
	retain := registry()
	retain.Spec.DeletionPolicy = v1beta1.DeletionRetain
	edit := func(f func(*v1beta1.VaultStaticSecret)) child { return made(t, registry(), "a", f) }
	cases := map[string]struct {
		of       *v1beta1.ClusterVaultSecret
		chosen   []string
		children []child
		anew     bool
		apply    string
		letGo    string
		reason   string
	}{
		"Nothing":  {chosen: []string{"a"}, children: []child{made(t, registry(), "a")}},
		"Missing":  {chosen: []string{"a", "b"}, children: []child{made(t, registry(), "a")}, apply: "b"},
		"Anew":     {chosen: []string{"a"}, children: []child{made(t, registry(), "a")}, anew: true, apply: "a"},
		"Left":     {children: []child{made(t, registry(), "a")}, letGo: "a/registry"},
		"Spec":     {chosen: []string{"a"}, children: []child{edit(func(o *v1beta1.VaultStaticSecret) { o.Spec.Path = "other" })}, apply: "a"},
		"Label":    {chosen: []string{"a"}, children: []child{edit(func(o *v1beta1.VaultStaticSecret) { o.Labels = nil })}, apply: "a"},
		"Owner":    {chosen: []string{"a"}, children: []child{edit(func(o *v1beta1.VaultStaticSecret) { o.OwnerReferences = nil })}, apply: "a"},
		"OldOwner": {chosen: []string{"a"}, children: []child{edit(func(o *v1beta1.VaultStaticSecret) { o.OwnerReferences[0].UID = "2" })}, apply: "a"},
		"More": {
			chosen: []string{"a"}, children: []child{edit(func(o *v1beta1.VaultStaticSecret) { o.Annotations = map[string]string{"mine": "1"} })},
			reason: "what others add stays",
		},
		"Renamed": {chosen: []string{"a"}, children: []child{edit(func(o *v1beta1.VaultStaticSecret) { o.Name = "old" })}, apply: "a", letGo: "a/old"},
		"Kind": {
			chosen: []string{"a"}, children: []child{childOf(&v1beta1.VaultPKISecret{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "registry"}})},
			apply: "a", letGo: "a/registry",
		},
		"Retained":      {of: retain, chosen: []string{"a"}, children: []child{made(t, retain, "a")}},
		"RetainedOwned": {of: retain, chosen: []string{"a"}, children: []child{made(t, registry(), "a")}, apply: "a"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if tc.of == nil {
				tc.of = registry()
			}
			tpl, err := templateOf(tc.of)
			if err != nil {
				t.Fatal(err)
			}
			p := planFor(tpl, tc.chosen, tc.children, tc.anew)
			var gone []string
			for _, c := range p.letGo {
				gone = append(gone, c.name().String())
			}
			if diff := cmp.Diff([]string{tc.apply, tc.letGo}, []string{strings.Join(p.apply, " "), strings.Join(gone, " ")}); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestTemplateOf(t *testing.T) {
	long := registry()
	long.Name = strings.Repeat("a", 64)
	none := registry()
	none.Spec.Static = nil
	for want, c := range map[string]*v1beta1.ClusterVaultSecret{
		"metadata.name has 64 characters, and may have 63: it becomes the value of a label": long,
		"one of spec.static, spec.dynamic and spec.pki is required":                         none,
	} {
		if _, err := templateOf(c); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	for kind, spec := range map[string]v1beta1.ClusterVaultSecretSpec{
		"VaultDynamicSecret": {Dynamic: &v1beta1.VaultDynamicSecretSpec{}, ObjectName: "x"},
		"VaultPKISecret":     {PKI: &v1beta1.VaultPKISecretSpec{}, ObjectName: "x"},
	} {
		c := registry()
		c.Spec = spec
		if tpl, err := templateOf(c); err != nil || tpl.kind != kind || tpl.name != "x" {
			t.Errorf("%s: %v, error %v", kind, tpl, err)
		}
	}
}

// as sets the condition Ready.
func as(status metav1.ConditionStatus, reason string, generation int64) func(*v1beta1.VaultStaticSecret) {
	return func(o *v1beta1.VaultStaticSecret) {
		o.Status.Conditions = []metav1.Condition{{Type: "Healthy"}, {Type: "Ready", Status: status, Reason: reason, Message: "because", ObservedGeneration: generation}}
	}
}

func TestJudge(t *testing.T) {
	c := registry()
	tpl, err := templateOf(c)
	if err != nil {
		t.Fatal(err)
	}
	children := []child{
		made(t, c, "ready", as("True", "Synced", 2)),
		made(t, c, "old", as("True", "Synced", 1)),
		made(t, c, "bad", as("False", "VaultClientError", 2)),
		made(t, c, "new"),
		made(t, c, "other", as("True", "Synced", 2), func(o *v1beta1.VaultStaticSecret) { o.Name = "old" }),
	}
	problems := map[string]v1beta1.FailedNamespace{"broken": problemOf("broken", fmt.Errorf("x %w", errForeign))}
	got := judge(tpl, []string{"bad", "broken", "new", "old", "ready"}, children, problems)
	want := []v1beta1.FailedNamespace{
		{Namespace: "bad", Reason: "VaultClientError", Message: "because"},
		{Namespace: "broken", Reason: "NotOwner", Message: "x is not of this ClusterVaultSecret: delete it, or set objectName"},
		{Namespace: "new", Reason: "Pending", Message: "the object was not looked at yet"},
		{Namespace: "old", Reason: "Pending", Message: "the object was not looked at yet"},
	}
	if diff := cmp.Diff(want, got.failed); diff != "" || got.ready != 1 {
		t.Errorf("%d ready; failed (-want +got):\n%s", got.ready, diff)
	}
	if text, want := got.summary(), "4 of 5 namespaces are not ready: bad (VaultClientError), broken (NotOwner), new (Pending) and 1 more"; text != want {
		t.Errorf("summary %q, want %q", text, want)
	}
}
