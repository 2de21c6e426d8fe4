package sync

import (
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

func TestStaticSources(t *testing.T) {
	put := func(w *world) {
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "a", "user": "app"})
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "b", "user": "app"})
		w.vault.PutKV("secret", "app/api", map[string]any{"token": "t", "user": "api"})
		w.vault.PutKV("secret", "team/one", map[string]any{"k": "1"})
		w.vault.PutKV("secret", "team/two", map[string]any{"k": "2"})
		w.vault.PutKV("secret", "team/deep/three", map[string]any{"k": "3"})
		w.vault.PutKV("old", "app", map[string]any{"legacy": "l"})
	}
	api := v1beta1.StaticSource{Path: "app/api"}
	cases := map[string]struct {
		change func(*vss)
		want   map[string]string // nil: no Secret
		reason string            // of Ready
		text   string            // of Ready
	}{
		"Latest":  {func(*vss) {}, map[string]string{"password": "b", "user": "app"}, "Synced", ""},
		"Version": {func(s *vss) { s.Spec.Version = 1 }, map[string]string{"password": "a", "user": "app"}, "Synced", ""},
		"KV1":     {func(s *vss) { s.Spec.Type, s.Spec.Mount, s.Spec.Path = v1beta1.KVV1, "old", "app" }, map[string]string{"legacy": "l"}, "Synced", ""},
		"Slashes": {func(s *vss) { s.Spec.Mount, s.Spec.Path = "/secret/", "/app/db/" }, map[string]string{"password": "b", "user": "app"}, "Synced", ""},
		"Conflict": {
			func(s *vss) { s.Spec.Sources = []v1beta1.StaticSource{api} }, nil, "KeyConflict",
			`path and sources[0] both have the key "user": set conflictPolicy, or keys or keyPrefix of a source`,
		},
		"First": {func(s *vss) { s.Spec.Sources, s.Spec.ConflictPolicy = []v1beta1.StaticSource{api}, "first" }, map[string]string{"password": "b", "user": "app", "token": "t"}, "Synced", ""},
		"Last":  {func(s *vss) { s.Spec.Sources, s.Spec.ConflictPolicy = []v1beta1.StaticSource{api}, "last" }, map[string]string{"password": "b", "user": "api", "token": "t"}, "Synced", ""},
		"Mixed": {func(s *vss) {
			s.Spec.Sources = []v1beta1.StaticSource{{Mount: "old", Type: v1beta1.KVV1, Path: "app", KeyPrefix: "old_"}}
		}, map[string]string{"password": "b", "user": "app", "old_legacy": "l"}, "Synced", ""},
		"Keys": {
			func(s *vss) {
				s.Spec.Sources = []v1beta1.StaticSource{{Path: "app/api", Keys: []v1beta1.KeySelection{{Key: "token", As: "api-token"}}}}
			}, map[string]string{"password": "b", "user": "app", "api-token": "t"}, "Synced", "",
		},
		"NoKey": {
			func(s *vss) {
				s.Spec.Sources = []v1beta1.StaticSource{{Path: "app/api", Keys: []v1beta1.KeySelection{{Key: "nothing"}}}}
			}, nil, "SecretDataBuilderError", `sources[0].keys[0]: there is no key "nothing" in Vault`,
		},
		"Optional":      {func(s *vss) { s.Spec.Sources = []v1beta1.StaticSource{{Path: "none", Optional: true}} }, map[string]string{"password": "b", "user": "app"}, "Synced", ""},
		"SourceMissing": {func(s *vss) { s.Spec.Sources = []v1beta1.StaticSource{{Path: "none"}} }, nil, "SecretMissing", "nothing is in Vault at secret/none; what the Secret holds is kept, as onMissing says"},
		"Folder":        {func(s *vss) { s.Spec.Path, s.Spec.List = "team", &v1beta1.FolderList{} }, map[string]string{"one.k": "1", "two.k": "2"}, "Synced", ""},
		"Recursive":     {func(s *vss) { s.Spec.Path, s.Spec.List = "team/", &v1beta1.FolderList{Recursive: true} }, map[string]string{"one.k": "1", "two.k": "2", "deep.three.k": "3"}, "Synced", ""},
		"Pattern":       {func(s *vss) { s.Spec.Path, s.Spec.List = "team", &v1beta1.FolderList{NamePattern: "^t"} }, map[string]string{"two.k": "2"}, "Synced", ""},
		"KeyTemplate": {
			func(s *vss) {
				s.Spec.Path, s.Spec.List = "team", &v1beta1.FolderList{Recursive: true, KeyTemplate: "{{ .Name | upper }}_{{ .Key }}"}
			}, map[string]string{"ONE_k": "1", "TWO_k": "2", "THREE_k": "3"}, "Synced", "",
		},
		"TooMany": {
			func(s *vss) { s.Spec.Path, s.Spec.List = "team", &v1beta1.FolderList{MaxItems: 1} }, nil, "SecretDataBuilderError",
			`list.maxItems: the folder "team" of mount "secret" holds 2 secrets that match, more than 1`,
		},
		"BadPattern": {
			func(s *vss) { s.Spec.Path, s.Spec.List = "team", &v1beta1.FolderList{NamePattern: "("} }, nil, "InvalidConfiguration",
			`list.namePattern: "(" is not a regular expression: missing closing )`,
		},
		"NoFolder": {func(s *vss) { s.Spec.Path, s.Spec.List = "none", &v1beta1.FolderList{} }, nil, "SecretMissing", "nothing is in Vault at secret/none; what the Secret holds is kept, as onMissing says"},
		"FolderSource": {
			func(s *vss) {
				s.Spec.Sources = []v1beta1.StaticSource{{Path: "team", List: &v1beta1.FolderList{}, KeyPrefix: "t."}}
			},
			map[string]string{"password": "b", "user": "app", "t.one.k": "1", "t.two.k": "2"},
			"Synced", "",
		},
		"WrongEngine": {
			func(s *vss) { s.Spec.Mount, s.Spec.Type, s.Spec.Path = "secret", v1beta1.KVV1, "app/db" }, nil, "SecretMissing", "nothing is in Vault at secret/app/db",
		},
		"BadTemplate": {
			func(s *vss) {
				s.Spec.Destination.Transformation.Templates = map[string]v1beta1.Template{"url": {Text: "{{ nothing }}"}}
			}, nil, "TransformationError",
			`template "shop/db/url", line 1, column 4: function "nothing" not defined`,
		},
		"Templates": {
			func(s *vss) {
				s.Spec.Destination.Transformation = v1beta1.Transformation{
					Templates: map[string]v1beta1.Template{"url": {Text: `{{ get .Secrets "user" }}@{{ .Metadata.version }}`}}, Excludes: []string{".*"},
				}
			}, map[string]string{"url": "app@2"}, "Synced", "",
		},
		"BadDuration": {func(s *vss) { s.Spec.RefreshAfter = "soon" }, nil, "InvalidConfiguration", `refreshAfter: parse duration "soon"`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				put(w)
				s := staticSecret("db", tc.change)
				w.create(s)
				pass(time.Second)
				is := metav1.ConditionTrue
				if tc.want == nil {
					is = metav1.ConditionFalse
					if w.secret("db") != nil {
						t.Error("there is a Secret")
					}
				} else {
					w.wantData("db", tc.want)
				}
				w.wantCondition(s, v1beta1.ConditionReady, is, tc.reason, tc.text)
				w.forgetWrites()
				w.wake(s)
				w.wantWrites(map[string]int{})
			})
		})
	}
}

// TestStaticFolderGrows: secrets that come and go are noticed at the next listing.
func TestStaticFolderGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.PutKV("secret", "team/one", map[string]any{"k": "1"})
		s := staticSecret("db", func(s *vss) {
			s.Spec.Path, s.Spec.List, s.Spec.RefreshAfter = "team", &v1beta1.FolderList{Recursive: true}, "1m"
		})
		w.create(s)
		pass(time.Second)
		w.wantData("db", map[string]string{"one.k": "1"})
		w.vault.PutKV("secret", "team/a/b", map[string]any{"k": "2"})
		pass(time.Minute)
		w.wantData("db", map[string]string{"one.k": "1", "a.b.k": "2"})
	})
}

// TestStaticVaultNamespaces: a source in another Vault namespace is read with a
// session of that.
func TestStaticVaultNamespaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "a"})
		s := staticSecret("db", func(s *vss) {
			s.Spec.Sources = []v1beta1.StaticSource{{Path: "x", Namespace: "team", Optional: true}}
		})
		w.create(s)
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.sessions[""] == nil || w.sessions["team"] == nil {
			t.Errorf("sessions of Vault namespaces: %v", w.sessions)
		}
	})
}
