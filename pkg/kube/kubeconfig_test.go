package kube

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

func nothing(string) (string, bool) { return "", false }

const twoContexts = `
apiVersion: v1
kind: Config
current-context: here
contexts:
- {name: here, context: {cluster: c, user: u, namespace: shop}}
- {name: there, context: {cluster: d, user: e}}
- {name: nobody, context: {cluster: c}}
- {name: lost, context: {cluster: x}}
- {name: unknown, context: {cluster: c, user: x}}
- {name: old, context: {cluster: c, user: old}}
- {name: password, context: {cluster: c, user: password}}
- {name: broken, context: {cluster: broken, user: u}}
clusters:
- {name: c, cluster: {server: 'https://one:6443', certificate-authority: ca.crt}}
- {name: d, cluster: {server: 'https://two', certificate-authority-data: Y2E=, tls-server-name: n, insecure-skip-tls-verify: true, proxy-url: 'http://p'}}
- {name: broken, cluster: {server: 'https://one', certificate-authority-data: '%'}}
users:
- {name: u, user: {client-certificate: /abs/crt, client-key-data: a2V5}}
- {name: e, user: {exec: {apiVersion: v1, command: ./login, args: [a], env: [{name: A, value: b}], installHint: get it}}}
- {name: old, user: {auth-provider: {name: gcp}}}
- {name: password, user: {username: me, password: ` + canary + `}}
`

func TestFind(t *testing.T) {
	dir := t.TempDir()
	name := write(t, filepath.Join(dir, "config"), twoContexts)
	cases := map[string]struct {
		context, want string // of the address, or the error
	}{
		"current":  {"", "https://one:6443 ns=shop ca=DIR/ca.crt: cert=/abs/crt key=key"},
		"named":    {"there", "https://two ns= ca=:ca cert= key= server=n insecure proxy=http://p exec=DIR/login [a] [A=b] get it"},
		"nobody":   {"nobody", "https://one:6443 ns= ca=DIR/ca.crt: cert= key="},
		"none":     {"x", `kubeconfig DIR/config: there is no context "x"`},
		"lost":     {"lost", `kubeconfig DIR/config: context "lost" names a cluster "x" that is not there`},
		"unknown":  {"unknown", `kubeconfig DIR/config: context "unknown" names a user "x" that is not there`},
		"old":      {"old", `kubeconfig DIR/config: user "old": auth-provider is not supported any more by Kubernetes: use exec`},
		"password": {"password", `kubeconfig DIR/config: user "password": a password is not supported any more by Kubernetes`},
		"broken":   {"broken", `kubeconfig DIR/config: cluster "broken": certificate-authority-data is not base64`},
	}
	for test, tc := range cases {
		t.Run(test, func(t *testing.T) {
			a, err := Find(LoadOptions{Kubeconfig: name, Context: tc.context, LookupEnv: nothing})
			got := textOf(err)
			if err == nil {
				got = describe(a)
			}
			if want := strings.ReplaceAll(tc.want, "DIR", dir); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func describe(a Address) string {
	text := fmt.Sprintf("%s ns=%s ca=%s:%s cert=%s key=%s", a.URL, a.Namespace, a.CAFile, a.CA, a.CertFile, a.Key.Reveal())
	if a.ServerName != "" {
		text += " server=" + a.ServerName
	}
	if a.SkipVerify {
		text += " insecure"
	}
	if a.ProxyURL != "" {
		text += " proxy=" + a.ProxyURL
	}
	if a.Exec != nil {
		text += fmt.Sprint(" exec=", a.Exec.Command, " ", a.Exec.Args, " ", a.Exec.Env, " ", a.Exec.InstallHint)
	}
	return text
}

func TestFindPlaces(t *testing.T) {
	dir := t.TempDir()
	variables := map[string]string{}
	lookup := func(name string) (string, bool) { v, ok := variables[name]; return v, ok }
	look := func(o LoadOptions) string {
		o.LookupEnv, o.Home = lookup, dir
		a, err := Find(o)
		return a.URL + textOf(err)
	}
	if got, want := look(LoadOptions{}), "no kubeconfig at "+dir+"/.kube/config, and this is no pod: name one with --kubeconfig or KUBECONFIG"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := look(LoadOptions{Kubeconfig: dir + "/none"}), "read kubeconfig: open "+dir+"/none: no such file or directory"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	// The first file that says something counts; one that is missing does not matter.
	first := write(t, filepath.Join(dir, "first"), "current-context: there\n")
	second := write(t, filepath.Join(dir, "second"), twoContexts)
	variables["KUBECONFIG"] = first + ":" + dir + "/none:" + second
	if got := look(LoadOptions{}); got != "https://two" {
		t.Error(got)
	}
	variables["KUBECONFIG"] = first
	if got := look(LoadOptions{}); got != "kubeconfig "+first+`: there is no context "there"` {
		t.Error(got)
	}
	empty := write(t, filepath.Join(dir, "empty"), "")
	if got := look(LoadOptions{Kubeconfig: empty}); got != "kubeconfig "+empty+": no current context: name one with --context" {
		t.Error(got)
	}
	wrong := write(t, filepath.Join(dir, "wrong"), "users: "+canary)
	if got := look(LoadOptions{Kubeconfig: wrong}); got != fmt.Sprintf("read kubeconfig %q: it is not valid YAML, or a value is of another type than expected", wrong) {
		t.Error(got)
	}
}

// Whatever is wrong with a kubeconfig, the error does not show its credentials.
func FuzzKubeconfig(f *testing.F) {
	f.Add([]byte(twoContexts), "here")
	f.Add([]byte("users: [{user: {token: {SECRET: 1}}}]"), "")
	f.Add([]byte("users: [{user: {token: *SECRET}}]"), "")
	f.Add([]byte("current-context: c\ncontexts: [{name: c, context: {cluster: c, user: u}}]\nclusters: [{name: c}]\nusers: [{name: u, user: {client-key-data: SECRET}}]"), "")
	f.Fuzz(func(t *testing.T, text []byte, context string) {
		var k kubeconfig
		err := parseKubeconfig(bytes.ReplaceAll(text, []byte("SECRET"), []byte(canary)), "/", &k)
		for _, c := range k.Contexts {
			if strings.Contains(fmt.Sprint(c, k.Clusters), canary) {
				return // these are no credentials
			}
		}
		if err == nil {
			_, err = k.address(context)
		}
		if strings.Contains(textOf(err), canary) && !strings.Contains(context+k.CurrentContext, canary) {
			t.Error(err)
		}
	})
}

// A plugin is a program that prints credentials; it runs once until they end.
func TestPlugin(t *testing.T) {
	dir := t.TempDir()
	count := filepath.Join(dir, "count")
	var seen []string
	a := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Get("Authorization"))
		_, _ = w.Write([]byte("{}"))
	})
	prints := func(until time.Time) *Exec {
		text := fmt.Sprintf(`{"kind":"ExecCredential","status":{"token":%q,"expirationTimestamp":%q}}`, canary, until.Format(time.RFC3339))
		return &Exec{Command: "/bin/sh", Args: []string{"-c", `echo x >> ` + count + `; echo "$CREDENTIAL"`}, Env: []string{"CREDENTIAL=" + text}}
	}
	a.Exec = prints(time.Now().Add(time.Hour))
	c := connect(t, a)
	for range 3 {
		must(t, c.Get(t.Context(), "/x", nil))
	}
	if lines(t, count) != 1 {
		t.Errorf("%d runs for credentials of an hour", lines(t, count))
	}
	a.Exec = prints(time.Now().Add(time.Second))
	c = connect(t, a)
	for range 2 {
		must(t, c.Get(t.Context(), "/x", nil))
	}
	if n := lines(t, count); n < 3 {
		t.Errorf("%d runs, and the last credentials have ended", n)
	}
	for _, s := range seen {
		if s != "Bearer "+canary {
			t.Errorf("signed with %q", s)
		}
	}
}

func lines(t *testing.T, name string) int {
	t.Helper()
	text, err := contentOf(nil, name, "count")
	must(t, err)
	return strings.Count(string(text), "\n")
}

func TestPluginErrors(t *testing.T) {
	cases := map[string]struct {
		exec Exec
		want string
	}{
		"missing": {Exec{Command: "no-such-plugin", InstallHint: "get it there\n"}, "GET /x: run the plugin \"no-such-plugin\": exec: \"no-such-plugin\": executable file not found in $PATH\nget it there"},
		"fails":   {Exec{Command: "false"}, `GET /x: run the plugin "false": exit status 1`},
		"no JSON": {Exec{Command: "echo", Args: []string{canary}}, `GET /x: read what the plugin "echo" printed: it is no JSON object`},
		"empty":   {Exec{Command: "echo", Args: []string{"{}"}}, `GET /x: read what the plugin "echo" printed: it is no ExecCredential with a token or a certificate`},
		"bad pair": {
			Exec{Command: "echo", Args: []string{`{"kind":"ExecCredential","status":{"clientCertificateData":"x","clientKeyData":"` + canary + `"}}`}},
			`GET /x: read what the plugin "echo" printed: its certificate: tls: failed to find any PEM data in certificate input`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			a := serve(t, func(http.ResponseWriter, *http.Request) {})
			a.Exec = &tc.exec
			if err := connect(t, a).Get(t.Context(), "/x", nil); textOf(err) != tc.want {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}

func TestKeysAreRedacted(t *testing.T) {
	a := Address{Token: sensitive.New(canary), Key: sensitive.New(canary)}
	if strings.Contains(fmt.Sprintf("%+v", a), canary) {
		t.Error("an address prints its secrets")
	}
	key, err := decoded("client-key-data", base64.StdEncoding.EncodeToString([]byte("k")))
	if diff := cmp.Diff([]byte("k"), key); diff != "" || err != nil {
		t.Error(diff, err)
	}
}
