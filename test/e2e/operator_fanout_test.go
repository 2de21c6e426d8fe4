package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/fanout"
	"github.com/vaultk8s/vaultk8s/pkg/operator/tally"
	"github.com/vaultk8s/vaultk8s/test/lab"
)

// diary notes events.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) Event(_ runtime.Object, eventType, reason, message string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, eventType+" "+reason+": "+message)
}

func (d *diary) read() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.lines)
}

// runManager runs reconcilers until the test ends.
func runManager(t *testing.T, config *rest.Config, setup func(manager.Manager) error) client.Client {
	t.Helper()
	m, err := manager.New(config, manager.Options{
		Scheme: operatorScheme(t), Logger: logr.Discard(), Metrics: metricsserver.Options{BindAddress: "0"}, HealthProbeBindAddress: "0",
		Controller: ctrlconfig.Controller{SkipNameValidation: new(true)},
	})
	must(t, err)
	must(t, setup(m))
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := m.Start(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { stop(); running.Wait() })
	if !m.GetCache().WaitForCacheSync(ctx) {
		t.Fatal("the cache is not filled")
	}
	return clusterClient(t, config)
}

// spread is a ClusterVaultSecret with its namespaces.
type spread struct {
	client client.Client
	events *diary
	tally  *tally.Tally
	prefix string
}

// newSpread has a cluster of its own: others have namespaces, and objects for all of
// them, in the shared one.
func newSpread(t *testing.T) *spread {
	t.Helper()
	k := lab.UseKubernetes(t, lab.KubernetesOptions{})
	installDefinitionsIn(t, k)
	s := &spread{events: &diary{}, tally: tally.New(nil), prefix: strings.ToLower(t.Name())}
	t.Cleanup(func() {
		if all := s.tally.Objects(); len(all) > 0 {
			t.Errorf("numbers are left after the end of the manager: %+v", all)
		}
	})
	s.client = runManager(t, clusterConfig(t, k), func(m manager.Manager) error {
		return fanout.SetupWithManager(m, fanout.Options{Events: s.events, Tally: s.tally})
	})
	return s
}

// wantNumbers compares writes and failures that were counted.
func (s *spread) wantNumbers(t *testing.T, syncs, failures uint64) {
	t.Helper()
	all := s.tally.Objects()
	if len(all) != 1 || all[0].Syncs != syncs || all[0].Failures != failures || !all[0].Healthy || all[0].Synced.IsZero() {
		t.Errorf("numbers %+v, want %d writes and %d failures", all, syncs, failures)
	}
}

// namespace makes one with a label.
func (s *spread) namespace(t *testing.T, name, tier string) {
	t.Helper()
	must(t, s.client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.prefix + "-" + name, Labels: map[string]string{"tier-" + s.prefix: tier}}}))
}

// where returns the namespaces that have the object, without the prefix.
func (s *spread) where(ctx context.Context) (string, error) {
	var list v1beta1.VaultStaticSecretList
	if err := s.client.List(ctx, &list, client.MatchingLabels{v1beta1.LabelClusterName: s.prefix}); err != nil {
		return "", err
	}
	var names []string
	for i := range list.Items {
		names = append(names, strings.TrimPrefix(list.Items[i].Namespace, s.prefix+"-"))
	}
	slices.Sort(names)
	return strings.Join(names, " "), nil
}

func (s *spread) awaitWhere(t *testing.T, want string) {
	t.Helper()
	await(t, func() error {
		got, err := s.where(t.Context())
		if err == nil && got != want {
			err = fmt.Errorf("the object is in %q instead of %q", got, want)
		}
		return err
	})
}

// awaitStatus waits for selected/ready and the failed namespaces.
func (s *spread) awaitStatus(t *testing.T, want string) *v1beta1.ClusterVaultSecret {
	t.Helper()
	var c v1beta1.ClusterVaultSecret
	await(t, func() error {
		if err := s.client.Get(t.Context(), client.ObjectKey{Name: s.prefix}, &c); err != nil {
			return err
		}
		got := fmt.Sprintf("%d/%d", c.Status.ReadyNamespaces, c.Status.SelectedNamespaces)
		for _, f := range c.Status.FailedNamespaces {
			got += " " + strings.TrimPrefix(f.Namespace, s.prefix+"-") + ":" + f.Reason
		}
		if got != want {
			return fmt.Errorf("status %q instead of %q", got, want)
		}
		return nil
	})
	return &c
}

// edit changes the ClusterVaultSecret.
func (s *spread) edit(t *testing.T, change func(*v1beta1.ClusterVaultSecret)) {
	t.Helper()
	var c v1beta1.ClusterVaultSecret
	must(t, s.client.Get(t.Context(), client.ObjectKey{Name: s.prefix}, &c))
	before := c.DeepCopy()
	change(&c)
	must(t, s.client.Patch(t.Context(), &c, client.MergeFrom(before)))
}

// settled plays the operator for the objects of all namespaces.
func (s *spread) settled(t *testing.T) {
	t.Helper()
	var list v1beta1.VaultStaticSecretList
	must(t, s.client.List(t.Context(), &list, client.MatchingLabels{v1beta1.LabelClusterName: s.prefix}))
	for i := range list.Items {
		o := &list.Items[i]
		before := o.DeepCopy()
		o.Status.Conditions = []metav1.Condition{{
			Type: "Ready", Status: metav1.ConditionTrue, Reason: "Synced", ObservedGeneration: o.Generation, LastTransitionTime: metav1.Now(),
		}}
		must(t, s.client.Status().Patch(t.Context(), o, client.MergeFrom(before)))
	}
}

func (s *spread) versions(t *testing.T) map[string]string {
	t.Helper()
	var list v1beta1.VaultStaticSecretList
	must(t, s.client.List(t.Context(), &list, client.MatchingLabels{v1beta1.LabelClusterName: s.prefix}))
	out := map[string]string{}
	for i := range list.Items {
		out[list.Items[i].Namespace] = list.Items[i].ResourceVersion
	}
	return out
}

// TestFanout follows namespaces that come, change and go.
func TestFanout(t *testing.T) {
	t.Parallel()
	s := newSpread(t)
	s.namespace(t, "one", "web")
	s.namespace(t, "two", "web")
	s.namespace(t, "dark", "web")
	s.namespace(t, "other", "none")
	must(t, s.client.Create(t.Context(), &v1beta1.ClusterVaultSecret{
		ObjectMeta: metav1.ObjectMeta{Name: s.prefix},
		Spec: v1beta1.ClusterVaultSecretSpec{
			NamespaceSelector:      &metav1.LabelSelector{MatchLabels: map[string]string{"tier-" + s.prefix: "web"}},
			Namespaces:             []string{s.prefix + "-named"},
			ExcludedNamespaceGlobs: []string{s.prefix + "-d?rk"},
			ObjectName:             "registry",
			ObjectMetadata:         &v1beta1.ObjectMetadata{Labels: map[string]string{"team": "a"}, Annotations: map[string]string{"note": "1"}},
			Static: &v1beta1.VaultStaticSecretSpec{
				Mount: "secret", Path: "registry", Type: "kv-v2", Destination: v1beta1.Destination{Name: "registry", Create: true},
			},
		},
	}))
	s.awaitWhere(t, "one two")
	s.awaitStatus(t, "0/2 one:Pending two:Pending")
	s.settled(t)
	c := s.awaitStatus(t, "2/2")
	if diff := cmp.Diff([]string{"Distributed=True", "Healthy=True", "Ready=True"}, conditionList(c.Status.Conditions)); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
	s.checkObject(t, c)
	s.wantNumbers(t, 2, 0)

	s.namespace(t, "named", "none")
	s.awaitWhere(t, "named one two")
	s.settled(t)
	s.awaitStatus(t, "3/3")

	before := s.versions(t)
	s.edit(t, func(c *v1beta1.ClusterVaultSecret) {
		c.Spec.ObjectMetadata.Labels, c.Spec.Static.Path = map[string]string{"tier": "b"}, "registry2"
	})
	await(t, func() error {
		var o v1beta1.VaultStaticSecret
		if err := s.client.Get(t.Context(), client.ObjectKey{Namespace: s.prefix + "-one", Name: "registry"}, &o); err != nil {
			return err
		}
		if o.Spec.Path != "registry2" || o.Labels["team"] != "" || o.Labels["tier"] != "b" {
			return fmt.Errorf("path %s, labels %v", o.Spec.Path, o.Labels)
		}
		return nil
	})
	s.awaitStatus(t, "0/3 named:Pending one:Pending two:Pending")
	s.settled(t)
	s.awaitStatus(t, "3/3")
	s.wantNumbers(t, 6, 0)
	for namespace, version := range s.versions(t) {
		if before[namespace] == version {
			t.Errorf("the object of %s was not written", namespace)
		}
	}
	s.repairs(t)
	s.ends(t)
}

// checkObject has what an object is made of.
func (s *spread) checkObject(t *testing.T, c *v1beta1.ClusterVaultSecret) {
	t.Helper()
	var o v1beta1.VaultStaticSecret
	must(t, s.client.Get(t.Context(), client.ObjectKey{Namespace: s.prefix + "-one", Name: "registry"}, &o))
	got := []any{o.Labels, o.Annotations, o.OwnerReferences, o.Spec}
	want := []any{
		map[string]string{"team": "a", "secrets.hashicorp.com/cluster-vault-secret": s.prefix},
		map[string]string{"note": "1"},
		[]metav1.OwnerReference{{APIVersion: "secrets.hashicorp.com/v1beta1", Kind: "ClusterVaultSecret", Name: s.prefix, UID: c.UID}},
		*c.Spec.Static,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("object (-want +got):\n%s", diff)
	}
	await(t, func() error { // it comes after the status
		if want := "Normal Distributed: 2 namespaces have their object"; !slices.Contains(s.events.read(), want) {
			return fmt.Errorf("events %q lack %q", s.events.read(), want)
		}
		return nil
	})
}

// repairs has what others do to the objects: a change is taken back, an object of
// the same name is left alone.
func (s *spread) repairs(t *testing.T) {
	t.Helper()
	var o v1beta1.VaultStaticSecret
	must(t, s.client.Get(t.Context(), client.ObjectKey{Namespace: s.prefix + "-one", Name: "registry"}, &o))
	o.Spec.Path = "elsewhere"
	must(t, s.client.Update(t.Context(), &o))
	await(t, func() error {
		if err := s.client.Get(t.Context(), client.ObjectKeyFromObject(&o), &o); err != nil {
			return err
		}
		if o.Spec.Path != "registry2" {
			return errors.New("the change was not taken back")
		}
		return nil
	})
	foreign := &v1beta1.VaultStaticSecret{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.prefix + "-other", Name: "registry"},
		Spec:       v1beta1.VaultStaticSecretSpec{Mount: "a", Path: "b", Type: "kv-v1", Destination: v1beta1.Destination{Name: "c"}},
	}
	must(t, s.client.Create(t.Context(), foreign))
	s.edit(t, func(c *v1beta1.ClusterVaultSecret) { c.Spec.NamespaceGlobs = []string{s.prefix + "-*th*"} })
	s.settled(t)
	c := s.awaitStatus(t, "3/4 other:NotOwner")
	want := "VaultStaticSecret " + s.prefix + "-other/registry is not of this ClusterVaultSecret: delete it, or set objectName"
	if got := c.Status.FailedNamespaces[0].Message; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
	if i := slices.IndexFunc(c.Status.Conditions, func(c metav1.Condition) bool { return c.Type == "Ready" }); c.Status.Conditions[i].Message != "1 of 4 namespaces are not ready: "+s.prefix+"-other (NotOwner)" {
		t.Errorf("Ready says %q", c.Status.Conditions[i].Message)
	}
	must(t, s.client.Delete(t.Context(), foreign))
	s.awaitWhere(t, "named one other two") // tried again within fifteen seconds
}

// ends has namespaces that are not selected any more, and the end of the object.
func (s *spread) ends(t *testing.T) {
	t.Helper()
	s.settled(t)
	s.awaitStatus(t, "4/4")
	before := s.tally.Objects()[0].Syncs
	s.edit(t, func(c *v1beta1.ClusterVaultSecret) { c.Spec.NamespaceGlobs, c.Spec.Namespaces = nil, nil })
	s.awaitWhere(t, "one two")
	if after := s.tally.Objects()[0].Syncs; after != before {
		t.Errorf("%d writes that change nothing were counted", after-before)
	}
	s.edit(t, func(c *v1beta1.ClusterVaultSecret) { c.Spec.DeletionPolicy = v1beta1.DeletionRetain })
	var o v1beta1.VaultStaticSecret
	key := client.ObjectKey{Namespace: s.prefix + "-one", Name: "registry"}
	await(t, func() error {
		if err := s.client.Get(t.Context(), key, &o); err != nil {
			return err
		}
		if len(o.OwnerReferences) > 0 {
			return errors.New("an object that is to be retained has an owner")
		}
		return nil
	})
	var two corev1.Namespace
	must(t, s.client.Get(t.Context(), client.ObjectKey{Name: s.prefix + "-two"}, &two))
	two.Labels = nil
	must(t, s.client.Update(t.Context(), &two))
	s.awaitWhere(t, "one")
	must(t, s.client.Get(t.Context(), client.ObjectKey{Namespace: two.Name, Name: "registry"}, &o))

	s.edit(t, func(c *v1beta1.ClusterVaultSecret) { c.Spec.DeletionPolicy = v1beta1.DeletionDelete })
	must(t, s.client.Delete(t.Context(), &v1beta1.ClusterVaultSecret{ObjectMeta: metav1.ObjectMeta{Name: s.prefix}}))
	s.awaitWhere(t, "")
	await(t, func() error {
		var c v1beta1.ClusterVaultSecret
		if err := s.client.Get(t.Context(), client.ObjectKey{Name: s.prefix}, &c); client.IgnoreNotFound(err) != nil || err == nil {
			return fmt.Errorf("it is still there, %w", err)
		}
		if all := s.tally.Objects(); len(all) > 0 {
			return fmt.Errorf("numbers of it are left: %+v", all)
		}
		return nil
	})
	again := &v1beta1.ClusterVaultSecret{ObjectMeta: metav1.ObjectMeta{Name: s.prefix}, Spec: v1beta1.ClusterVaultSecretSpec{
		Namespaces: []string{"none"}, Static: &o.Spec,
	}}
	must(t, s.client.Create(t.Context(), again))
	await(t, func() error {
		if all := s.tally.Objects(); len(all) != 1 {
			return fmt.Errorf("numbers of %d objects", len(all)) // what becomes of them at the end of the manager, newSpread checks
		}
		return nil
	})
}

// conditionList is TYPE=STATUS of conditions.
func conditionList(conditions []metav1.Condition) []string {
	var out []string
	for _, c := range conditions {
		out = append(out, c.Type+"="+string(c.Status))
	}
	return out
}
