package references

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/effective"
	"github.com/vaultk8s/vaultk8s/pkg/operator/session"
)

func connectionAt(namespace, name string) *v1beta1.VaultConnection {
	return &v1beta1.VaultConnection{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Generation: 1},
		Spec:       v1beta1.VaultConnectionSpec{Address: "https://vault:8200"},
	}
}

func authAt(namespace, name string, change func(*v1beta1.VaultAuthSpec)) *v1beta1.VaultAuth {
	a := &v1beta1.VaultAuth{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Generation: 1},
		Spec: v1beta1.VaultAuthSpec{Method: "kubernetes", Mount: "kubernetes", AuthMethods: v1beta1.AuthMethods{
			Kubernetes: &v1beta1.KubernetesAuth{Role: "r", ServiceAccount: "a"},
		}},
	}
	if change != nil {
		change(&a.Spec)
	}
	return a
}

func (s *stage) connections() reconcile.Reconciler {
	return changes(s.frame, kindConnection, v1beta1.FinalizerVaultConnection, s.frame.judgeConnection)
}

func (s *stage) auths() reconcile.Reconciler {
	return changes(s.frame, kindAuth, v1beta1.FinalizerVaultAuth, s.frame.judgeAuth)
}

func look(t *testing.T, r reconcile.Reconciler, o client.Object) reconcile.Result {
	t.Helper()
	result, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(o)})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func summary(conditions []metav1.Condition) map[string]string {
	out := map[string]string{}
	for _, c := range conditions {
		out[c.Type] = string(c.Status) + " " + c.Reason
	}
	return out
}

func TestConnection(t *testing.T) {
	cases := map[string]struct {
		health  session.Health
		err     error
		want    map[string]string
		message string
		soon    bool
	}{
		"sound": {
			health: session.Health{Version: "1.21.2", Initialized: true},
			want: map[string]string{
				"ResourceValidation": "True Accepted", "VaultClient": "True Accepted", "VaultPing": "True Accepted", "Healthy": "True Healthy", "Ready": "True Accepted",
			},
			message: "Vault answers and is not sealed",
		},
		"sealed": {
			health: session.Health{Initialized: true, Sealed: true},
			want: map[string]string{
				"ResourceValidation": "True Accepted", "VaultClient": "True Accepted", "VaultPing": "False InvalidConfiguration",
				"Healthy": "False Unhealthy", "Ready": "False VaultClientError", "Reconciling": "True VaultClientError",
			},
			message: "vault is sealed", soon: true,
		},
		"not initialized": {
			want: map[string]string{
				"ResourceValidation": "True Accepted", "VaultClient": "True Accepted", "VaultPing": "False InvalidConfiguration",
				"Healthy": "False Unhealthy", "Ready": "False VaultClientError", "Reconciling": "True VaultClientError",
			},
			message: "vault is not initialized", soon: true,
		},
		"away": {
			err: errors.New("read tcp 10.0.0.1:40311->10.0.0.2:8200: connection reset by peer"),
			want: map[string]string{
				"ResourceValidation": "True Accepted", "VaultClient": "True Accepted", "VaultPing": "False InvalidConfiguration",
				"Healthy": "False Unhealthy", "Ready": "False VaultClientError", "Reconciling": "True VaultClientError",
			},
			message: "read tcp 10.0.0.2:8200: connection reset by peer", soon: true,
		},
		"bad spec": {
			err: &effective.Error{Kind: effective.Invalid, Object: "VaultConnection a/c", Text: "a header"},
			want: map[string]string{
				"ResourceValidation": "False InvalidConfiguration", "VaultClient": "False VaultClientConfigError",
				"Healthy": "False Unhealthy", "Ready": "False VaultClientConfigError", "Stalled": "True VaultClientConfigError",
			},
			message: "VaultConnection a/c: a header", soon: true,
		},
		"missing authority": {
			err: effective.Missing("Secret a/ca"),
			want: map[string]string{
				"ResourceValidation": "False InvalidConfiguration", "VaultClient": "False VaultClientConfigError",
				"Healthy": "False Unhealthy", "Ready": "False VaultClientConfigError", "Reconciling": "True VaultClientConfigError",
			},
			message: "Secret a/ca: it does not exist", soon: true,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			o := connectionAt("a", "c")
			s := newStage(t, o)
			s.health, s.err = c.health, c.err
			r := s.connections()
			result := look(t, r, o)
			if d := result.RequeueAfter; (d < 20*time.Second) != c.soon || d <= 0 || d > 66*time.Second {
				t.Errorf("looks again after %v", d)
			}
			if err := s.client.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, summary(o.Status.Conditions)); diff != "" {
				t.Error(diff)
			}
			ready := meta.FindStatusCondition(o.Status.Conditions, "Ready")
			if ready.Message != c.message {
				t.Errorf("message %q, want %q", ready.Message, c.message)
			}
			if o.Status.Valid != (c.err == nil && c.health.Initialized && !c.health.Sealed) || o.Status.ObservedGeneration != 1 {
				t.Errorf("status %+v", o.Status)
			}
			writes, events := s.writes, len(s.events)
			if events != 1 {
				t.Errorf("events %q", s.events)
			}
			for range 3 {
				look(t, r, o)
			}
			if s.writes != writes || len(s.events) != events {
				t.Errorf("a look that finds nothing new wrote %d times, and %q", s.writes-writes, s.events[events:])
			}
		})
	}
}

func TestConnectionIntervalOfItsOwn(t *testing.T) {
	o := connectionAt("a", "c")
	o.Spec.HealthCheckInterval = "10m"
	s := newStage(t, o)
	if d := look(t, s.connections(), o).RequeueAfter; d < 9*time.Minute || d > 11*time.Minute {
		t.Errorf("looks again after %v", d)
	}
}

func TestDeletionDoesNotAskVault(t *testing.T) {
	o := connectionAt("a", "c")
	o.Finalizers = []string{v1beta1.FinalizerVaultConnection}
	s := newStage(t, o)
	s.err = errors.New("nobody may ask")
	if err := s.client.Delete(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	look(t, s.connections(), o)
	if err := s.client.Get(t.Context(), client.ObjectKeyFromObject(o), o); client.IgnoreNotFound(err) != nil || err == nil {
		t.Errorf("the object is still there: %v", err)
	}
	look(t, s.connections(), o) // it is gone
	if diff := cmp.Diff([]string{"VaultConnection a/c", "VaultConnection a/c"}, s.changed); diff != "" {
		t.Errorf("sessions were told %s", diff)
	}
}

func TestAuth(t *testing.T) {
	selector := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Near"}}}
	cases := map[string]struct {
		auth    *v1beta1.VaultAuth
		others  []client.Object
		want    map[string]string
		message string
	}{
		"default connection": {
			auth: authAt("a", "v", nil), others: []client.Object{connectionAt(system, "default")},
			want:    map[string]string{"Healthy": "True Healthy", "Ready": "True Accepted"},
			message: "the login can be tried",
		},
		"overlooked connection": {
			auth: authAt("a", "v", nil), others: []client.Object{connectionAt(system, "default"), connectionAt("a", "mine")},
			want:    map[string]string{"Healthy": "True Healthy", "Ready": "True Accepted"},
			message: `the login can be tried; VaultConnection "mine" of this namespace is not used: set spec.vaultConnectionRef if it is meant`,
		},
		"no connection": {
			auth: authAt("a", "v", nil), others: []client.Object{connectionAt("a", "mine")},
			want:    map[string]string{"Healthy": "False Unhealthy", "Ready": "False InvalidResourceRef", "Reconciling": "True InvalidResourceRef"},
			message: `VaultConnection vso/default: it does not exist; VaultConnection "mine" of this namespace is not used: set spec.vaultConnectionRef if it is meant`,
		},
		"no method": {
			auth: authAt("a", "v", func(s *v1beta1.VaultAuthSpec) { s.Method = "" }),
			want: map[string]string{"Healthy": "False Unhealthy", "Ready": "False InvalidConfiguration", "Stalled": "True InvalidConfiguration"},
		},
		"global": {
			auth:   authAt("a", "v", func(s *v1beta1.VaultAuthSpec) { s.VaultAuthGlobalRef = &v1beta1.VaultAuthGlobalRef{Name: "g"} }),
			others: []client.Object{connectionAt(system, "default"), &v1beta1.VaultAuthGlobal{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "g"}}},
			want:   map[string]string{"Available": "True VaultAuthGlobalRef", "Healthy": "True Healthy", "Ready": "True Accepted"}, message: "the login can be tried",
		},
		"missing global": {
			auth: authAt("a", "v", func(s *v1beta1.VaultAuthSpec) { s.VaultAuthGlobalRef = &v1beta1.VaultAuthGlobalRef{Name: "g"} }),
			want: map[string]string{
				"Available": "False VaultAuthGlobalRef", "Healthy": "False Unhealthy", "Ready": "False InvalidResourceRef", "Reconciling": "True InvalidResourceRef",
			},
			message: "VaultAuthGlobal a/g: it does not exist",
		},
		"bad selector": {
			auth: authAt("a", "v", func(s *v1beta1.VaultAuthSpec) {
				s.VaultAuthGlobalRef = &v1beta1.VaultAuthGlobalRef{Name: "g", Namespace: "b"}
			}),
			others: []client.Object{connectionAt(system, "default"), globalWith("b", "g", selector)},
			want: map[string]string{
				"Available": "True VaultAuthGlobalRef", "Healthy": "False Unhealthy", "Ready": "False K8sClientError", "Reconciling": "True K8sClientError",
			},
			message: `read the labels of namespace "a": namespaces "a" not found`,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, append(c.others, c.auth)...)
			look(t, s.auths(), c.auth)
			got := &v1beta1.VaultAuth{}
			if err := s.client.Get(t.Context(), client.ObjectKeyFromObject(c.auth), got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, summary(got.Status.Conditions)); diff != "" {
				t.Error(diff)
			}
			ready := meta.FindStatusCondition(got.Status.Conditions, "Ready")
			if c.message != "" && ready.Message != c.message {
				t.Errorf("message\n got %s\nwant %s", ready.Message, c.message)
			}
			fine := ready.Status == metav1.ConditionTrue
			if *got.Status.Valid != fine || (got.Status.Error == "") != fine || (len(got.Status.SpecHash) == 64) != fine {
				t.Errorf("status %+v", got.Status)
			}
			if diff := cmp.Diff([]string{v1beta1.FinalizerVaultAuth}, got.Finalizers); diff != "" {
				t.Error(diff)
			}
			writes := s.writes
			look(t, s.auths(), c.auth)
			if s.writes != writes || len(s.events) != 1 {
				t.Errorf("a second look wrote %d times; events %q", s.writes-writes, s.events)
			}
		})
	}
}

func globalWith(namespace, name string, selector *metav1.LabelSelector) *v1beta1.VaultAuthGlobal {
	g := &v1beta1.VaultAuthGlobal{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	g.Spec.AllowedNamespaceSelector = selector
	return g
}

func TestOnlyOwnNamespacesAreJudged(t *testing.T) {
	o := connectionAt("theirs", "c")
	s := newStage(t, o)
	s.frame.Owns = func(namespace string) bool { return namespace == "mine" }
	look(t, s.connections(), o)
	if s.writes > 0 || len(s.changed) > 0 {
		t.Errorf("%d writes, %q", s.writes, s.changed)
	}
}

func TestTouched(t *testing.T) {
	s := newStage(t,
		authAt("a", "default-connection", nil),
		authAt("a", "named", func(s *v1beta1.VaultAuthSpec) { s.VaultConnectionRef = "b/c" }),
		authAt("b", "global", func(s *v1beta1.VaultAuthSpec) { s.VaultAuthGlobalRef = &v1beta1.VaultAuthGlobalRef{Name: "g"} }),
	)
	cases := map[string]struct {
		changed client.Object
		want    []string
	}{
		"the default":          {connectionAt(system, "default"), []string{"a/default-connection", "b/global"}},
		"a named one":          {connectionAt("b", "c"), []string{"a/named", "b/global"}},
		"one of the namespace": {connectionAt("a", "mine"), []string{"a/default-connection", "a/named", "b/global"}},
		"a global":             {globalWith("b", "g", nil), []string{"b/global"}},
	}
	for name, c := range cases {
		var got []string
		for _, q := range s.frame.touched(t.Context(), c.changed) {
			got = append(got, q.String())
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

func TestChecks(t *testing.T) {
	bad := &v1beta1.CSISecrets{}
	bad.Spec.AccessControl = v1beta1.CSIAccessControl{ServiceAccountPattern: "(", NamespacePatterns: []string{"a", "["}, PodNamePatterns: []string{"*"}}
	err := checkPatterns(bad)
	for _, want := range []string{"spec.accessControl.serviceAccountPattern: ", "spec.accessControl.namespacePatterns[1]: ", "spec.accessControl.podNamePatterns[0]: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
	g := globalWith("a", "g", &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Near"}}})
	g.Spec.VaultConnectionRef = "a/b/c"
	err = checkGlobal(g)
	for _, want := range []string{"spec.allowedNamespaceSelector: ", "spec.vaultConnectionRef: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
}

func TestFollow(t *testing.T) {
	s := newStage(t)
	f := follower{kind: kindAuth, tell: s}
	a, b := authAt("a", "v", nil), authAt("a", "v", nil)
	f.OnAdd(a, true)
	f.OnUpdate(a, b) // a status
	b.Generation = 2
	f.OnUpdate(a, b)
	f.OnDelete(b)
	if diff := cmp.Diff([]string{"VaultAuth a/v", "VaultAuth a/v", "VaultAuth a/v"}, s.changed); diff != "" {
		t.Error(diff)
	}
}
