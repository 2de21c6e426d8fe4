package effective_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/effective"
)

// ops is the operator's namespace.
const ops = "ops"

func meta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestParseName(t *testing.T) {
	cases := map[string]struct {
		want string
		err  string
	}{
		"auth":      {want: "apps/auth"},
		"a.b-c":     {want: "apps/a.b-c"},
		"team/auth": {want: "team/auth"},
		"":          {err: `"" is not a reference: write NAME or NAMESPACE/NAME`},
		"/":         {err: `"/" is not a reference: write NAME or NAMESPACE/NAME`},
		"team/":     {err: `"team/" is not a reference: write NAME or NAMESPACE/NAME`},
		"/auth":     {err: `"/auth" is not a reference: write NAME or NAMESPACE/NAME`},
		"a/b/c":     {err: `"a/b/c" is not a reference: write NAME or NAMESPACE/NAME`},
		"Auth":      {err: `"Auth" is not a reference: write NAME or NAMESPACE/NAME`},
		"a.b/auth":  {err: `"a.b/auth" is not a reference: write NAME or NAMESPACE/NAME`},
	}
	for in, tc := range cases {
		t.Run(strings.ReplaceAll(in, "/", "|"), func(t *testing.T) {
			got, err := effective.ParseName(in, "apps")
			if text(err) != tc.err {
				t.Fatalf("error %q, want %q", text(err), tc.err)
			}
			if err == nil && got.String() != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

func FuzzParseName(f *testing.F) {
	for _, seed := range []string{"a", "a/b", "", "/", "a/b/c", "../x", "a\x00b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, ref string) {
		got, err := effective.ParseName(ref, "apps")
		if err != nil {
			return
		}
		if got.String() != ref && got.String() != "apps/"+ref {
			t.Errorf("%q became %s", ref, got)
		}
		if again, err := effective.ParseName(got.String(), "elsewhere"); err != nil || again != got {
			t.Errorf("%s became %s, error %v", got, again, err)
		}
	})
}

func TestAuthName(t *testing.T) {
	cases := map[string]struct {
		ref, want, err string
	}{
		"Empty":     {want: "ops/default"},
		"Name":      {ref: "auth", want: "apps/auth"},
		"Qualified": {ref: "team/auth", want: "team/auth"},
		"Bad":       {ref: "a/b/c", want: "/", err: `vaultAuthRef: "a/b/c" is not a reference: write NAME or NAMESPACE/NAME`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := effective.AuthName(tc.ref, "apps", ops)
			if got.String() != tc.want || text(err) != tc.err {
				t.Errorf("%s, error %q", got, text(err))
			}
		})
	}
}

func TestConnectionName(t *testing.T) {
	cases := map[string]struct {
		namespace, name, ref string
		want, err            string
	}{
		"Empty":          {namespace: "apps", name: "a", want: "ops/default"},
		"Name":           {namespace: "apps", name: "a", ref: "vault", want: "apps/vault"},
		"Qualified":      {namespace: "apps", name: "a", ref: "team/vault", want: "team/vault"},
		"DefaultOfOps":   {namespace: ops, name: "default", want: "ops/default"},
		"OtherOfOps":     {namespace: ops, name: "a", err: `VaultAuth ops/a: vaultConnectionRef is needed in the operator's namespace, unless the object is named "default"`},
		"OtherOfOpsSays": {namespace: ops, name: "a", ref: "default", want: "ops/default"},
		"Bad":            {namespace: "apps", name: "a", ref: "_", err: `VaultAuth apps/a: vaultConnectionRef: "_" is not a reference: write NAME or NAMESPACE/NAME`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			auth := &v1beta1.VaultAuth{ObjectMeta: meta(tc.namespace, tc.name), Spec: v1beta1.VaultAuthSpec{VaultConnectionRef: tc.ref}}
			got, err := effective.ConnectionName(auth, ops)
			if text(err) != tc.err {
				t.Fatalf("error %q, want %q", text(err), tc.err)
			}
			if err == nil && got.String() != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

func TestGlobalNames(t *testing.T) {
	yes, no := true, false
	cases := map[string]struct {
		namespace string
		ref       *v1beta1.VaultAuthGlobalRef
		off       bool // the operator's option
		want      []string
		err       string
	}{
		"None":             {},
		"Named":            {ref: &v1beta1.VaultAuthGlobalRef{Name: "g"}, want: []string{"apps/g"}},
		"NamedElsewhere":   {ref: &v1beta1.VaultAuthGlobalRef{Name: "g", Namespace: "team"}, off: true, want: []string{"team/g"}},
		"Default":          {ref: &v1beta1.VaultAuthGlobalRef{AllowDefault: &yes}, want: []string{"apps/default", "ops/default"}},
		"DefaultUnsaid":    {ref: &v1beta1.VaultAuthGlobalRef{}, want: []string{"apps/default", "ops/default"}},
		"DefaultElsewhere": {ref: &v1beta1.VaultAuthGlobalRef{Namespace: "team"}, want: []string{"team/default"}},
		"DefaultInOps":     {namespace: ops, ref: &v1beta1.VaultAuthGlobalRef{}, want: []string{"ops/default"}},
		"Refused":          {ref: &v1beta1.VaultAuthGlobalRef{AllowDefault: &no}, err: "VaultAuth apps/a: vaultAuthGlobalRef has no name, and its allowDefault is false"},
		"Off":              {ref: &v1beta1.VaultAuthGlobalRef{AllowDefault: &yes}, off: true, err: "VaultAuth apps/a: vaultAuthGlobalRef has no name, and the operator does not allow default VaultAuthGlobals"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if tc.namespace == "" {
				tc.namespace = "apps"
			}
			auth := &v1beta1.VaultAuth{ObjectMeta: meta(tc.namespace, "a"), Spec: v1beta1.VaultAuthSpec{VaultAuthGlobalRef: tc.ref}}
			names, err := effective.GlobalNames(auth, ops, !tc.off)
			var got []string
			for _, n := range names {
				got = append(got, n.String())
			}
			if diff := cmp.Diff(tc.want, got); diff != "" || text(err) != tc.err {
				t.Errorf("error %q (-want +got):\n%s", text(err), diff)
			}
			if err != nil && effective.KindOf(err) != effective.Denied {
				t.Error("the error is not of kind denied")
			}
		})
	}
}

func TestAdmit(t *testing.T) {
	const refused = `VaultAuth team/a: namespace "apps" is not among those that it allows`
	selector := func(s *metav1.LabelSelector) v1beta1.NamespaceAllowance {
		return v1beta1.NamespaceAllowance{AllowedNamespaceSelector: s}
	}
	cases := map[string]struct {
		guarded effective.Guarded
		from    string // "": apps
		want    string
		reason  string
	}{
		"Own":            {guarded: effective.Guarded{Namespace: "team", Name: "a"}, from: "team"},
		"Unset":          {guarded: effective.Guarded{Namespace: "team", Name: "a"}, want: refused},
		"DefaultOfOps":   {guarded: effective.Guarded{Namespace: ops, Name: "default", Namespaces: []string{"other"}}, reason: "whatever its list says"},
		"DefaultOfOther": {guarded: effective.Guarded{Namespace: "team", Name: "default"}, want: strings.Replace(refused, "team/a", "team/default", 1)},
		"OtherOfOps":     {guarded: effective.Guarded{Namespace: ops, Name: "a"}, want: strings.Replace(refused, "team/a", "ops/a", 1)},
		"All":            {guarded: effective.Guarded{Namespace: "team", Name: "a", Namespaces: []string{"*"}}},
		"StarOfTwo":      {guarded: effective.Guarded{Namespace: "team", Name: "a", Namespaces: []string{"*", "other"}}, want: refused},
		"Listed":         {guarded: effective.Guarded{Namespace: "team", Name: "a", Namespaces: []string{"other", "apps"}}},
		"NoPatterns":     {guarded: effective.Guarded{Namespace: "team", Name: "a", Namespaces: []string{"app*"}}, want: refused},
		"Glob":           {guarded: effective.Guarded{Namespace: "team", Name: "a", Also: v1beta1.NamespaceAllowance{AllowedNamespaceGlobs: []string{"x", "a?p*"}}}},
		"OtherGlob":      {guarded: effective.Guarded{Namespace: "team", Name: "a", Also: v1beta1.NamespaceAllowance{AllowedNamespaceGlobs: []string{"a?s"}}}, want: refused},
		"Selector":       {guarded: effective.Guarded{Namespace: "team", Name: "a", Also: selector(&metav1.LabelSelector{MatchLabels: map[string]string{"tier": "gold"}})}},
		"OtherSelector":  {guarded: effective.Guarded{Namespace: "team", Name: "a", Also: selector(&metav1.LabelSelector{MatchLabels: map[string]string{"tier": "tin"}})}, want: refused},
		"EmptySelector":  {guarded: effective.Guarded{Namespace: "team", Name: "a", Also: selector(&metav1.LabelSelector{})}},
		"BadSelector": {
			guarded: effective.Guarded{Namespace: "team", Name: "a", Also: selector(&metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Is"}}})},
			want:    `VaultAuth team/a: allowedNamespaceSelector: "Is" is not a valid label selector operator`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tc.guarded.Kind = "VaultAuth"
			who := effective.Consumer{Namespace: "apps", Labels: map[string]string{"tier": "gold"}}
			if tc.from != "" {
				who.Namespace = tc.from
			}
			err := effective.Admit(tc.guarded, who, ops)
			if text(err) != tc.want {
				t.Errorf("%s: error %q, want %q", tc.reason, text(err), tc.want)
			}
		})
	}
}

// FuzzAdmitGlob compares with a regular expression.
func FuzzAdmitGlob(f *testing.F) {
	for _, seed := range [][2]string{{"*", ""}, {"a*b*c", "aXbXbc"}, {"?", "a"}, {"**a", "ba"}, {"a*", "b"}, {"", "a"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, glob, namespace string) {
		if strings.ToValidUTF8(glob, "") != glob || strings.ToValidUTF8(namespace, "") != namespace || len(glob)+len(namespace) != len([]rune(glob+namespace)) {
			return // namespaces are ASCII
		}
		pattern := strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(regexp.QuoteMeta(glob))
		want := regexp.MustCompile(`(?s)^` + pattern + `$`).MatchString(namespace)
		g := effective.Guarded{Namespace: "team", Name: "a", Also: v1beta1.NamespaceAllowance{AllowedNamespaceGlobs: []string{glob}}}
		if namespace == "team" {
			return
		}
		if got := effective.Admit(g, effective.Consumer{Namespace: namespace}, ops) == nil; got != want {
			t.Errorf("%q admits %q: %t, want %t", glob, namespace, got, want)
		}
	})
}

func TestErrors(t *testing.T) {
	cases := map[string]struct {
		err    error
		kind   effective.Kind
		reason string
	}{
		"Missing": {effective.Missing("VaultAuth a/b"), effective.NotFound, "InvalidResourceRef"},
		"Denied":  {&effective.Error{Kind: effective.Denied}, effective.Denied, "InvalidResourceRef"},
		"Invalid": {&effective.Error{Kind: effective.Invalid}, effective.Invalid, "InvalidConfiguration"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var e *effective.Error
			if !errors.As(tc.err, &e) || e.Reason() != tc.reason || effective.KindOf(tc.err) != tc.kind {
				t.Errorf("kind %d, reason %s", effective.KindOf(tc.err), e.Reason())
			}
		})
	}
	if effective.KindOf(errors.New("x")) != effective.Invalid {
		t.Error("a foreign error is not invalid")
	}
	if want := "VaultAuth a/b: it does not exist"; text(effective.Missing("VaultAuth a/b")) != want {
		t.Errorf("error %q", text(effective.Missing("VaultAuth a/b")))
	}
}

func TestCacheKey(t *testing.T) {
	object := func(uid string, generation int64) *metav1.ObjectMeta {
		return &metav1.ObjectMeta{UID: types.UID(uid), Generation: generation}
	}
	const (
		a = "11111111-2222-3333-4444-555555555555"
		b = "66666666-7777-8888-9999-000000000000"
		p = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
	)
	cases := map[string]struct {
		method           string
		auth, connection *metav1.ObjectMeta
		provider         types.UID
		want, err        string
	}{
		// The digits were computed by sha256sum of
		// 11111111-2222-3333-4444-555555555555-1.66666666-7777-8888-9999-000000000000-2.aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee
		"Kubernetes": {method: "kubernetes", auth: object(a, 1), connection: object(b, 2), provider: p, want: "kubernetes-564430d9e44649734bc9d8"},
		"Lower":      {method: "appRole", auth: object(a, 1), connection: object(b, 2), provider: p, want: "approle-564430d9e44649734bc9d8"},
		"NoMethod":   {auth: object(a, 1), connection: object(b, 2), provider: p, err: "name a session: the method is not set"},
		"NoUIDs": {
			method: "jwt", auth: object("", 1), connection: object("x", 2), provider: "",
			err: "name a session: the UID \"\" of its VaultAuth is not one\nname a session: the UID \"x\" of its VaultConnection is not one\nname a session: the UID \"\" of its credentials is not one",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := effective.CacheKey(tc.method, tc.auth, tc.connection, tc.provider)
			if got != tc.want || text(err) != tc.err {
				t.Errorf("%q, error %q; want %q, error %q", got, text(err), tc.want, tc.err)
			}
		})
	}
	key, _ := effective.CacheKey("kubernetes", object(a, 1), object(b, 2), p)
	for _, other := range []struct {
		auth, connection *metav1.ObjectMeta
		provider         types.UID
	}{{object(a, 2), object(b, 2), p}, {object(a, 1), object(b, 1), p}, {object(a, 1), object(b, 2), a}, {object(b, 1), object(a, 2), p}} {
		if k, _ := effective.CacheKey("kubernetes", other.auth, other.connection, other.provider); k == key {
			t.Errorf("two sessions have the key %s", k)
		}
	}
}

func TestParentKey(t *testing.T) {
	const key = "kubernetes-2a8108711ae49ac0faa724"
	cases := map[string]struct {
		key, want string
		ok        bool
	}{
		"Itself":     {key, key, true},
		"Clone":      {effective.CloneKey(key, "team/a"), key, true},
		"NoClone":    {effective.CloneKey(key, ""), key, true},
		"Short":      {key[:len(key)-1], "", false},
		"NotHex":     {"kubernetes-2a8108711ae49ac0faa72g", "", false},
		"Long":       {key + "0", "", false},
		"EmptyClone": {key + "-", "", false},
		"NoMethod":   {"-2a8108711ae49ac0faa724", "", false},
		"Empty":      {"", "", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got, ok := effective.ParentKey(tc.key); got != tc.want || ok != tc.ok {
				t.Errorf("%q, %t", got, ok)
			}
		})
	}
}
