package injector

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"
	"text/template"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/internal/golden"
)

// oldNames are the annotations of the old injector; every one has to be here.
const oldNames = `
agent-inject agent-inject-status agent-inject-containers agent-request-namespace agent-inject-secret-NAME
agent-inject-template-NAME agent-inject-template-file-NAME agent-inject-default-template agent-inject-file-NAME
agent-inject-perms-NAME agent-inject-command-NAME agent-template-left-delim-NAME agent-template-right-delim-NAME
error-on-missing-key-NAME secret-volume-path secret-volume-path-NAME preserve-secret-case preserve-secret-case-NAME
agent-inject-token agent-image agent-init-first agent-pre-populate agent-pre-populate-only agent-configmap
agent-extra-secret agent-copy-volume-mounts agent-limits-cpu agent-limits-mem agent-limits-ephemeral agent-requests-cpu
agent-requests-mem agent-requests-ephemeral agent-run-as-user agent-run-as-group agent-run-as-same-user
agent-set-security-context agent-share-process-namespace agent-service-account-token-volume-name
agent-revoke-on-shutdown agent-revoke-grace agent-enable-quit agent-json-patch agent-init-json-patch service namespace
proxy-address tls-skip-verify tls-secret tls-server-name ca-cert ca-key client-cert client-key client-max-retries
client-timeout go-max-procs log-level log-format role auth-type auth-path auth-config-X auth-min-backoff auth-max-backoff
agent-auto-auth-exit-on-err agent-cache-enable agent-cache-use-auto-auth-token agent-cache-listener-port
agent-cache-exit-on-err template-config-exit-on-retry-failure template-static-secret-render-interval
template-max-connections-per-host template-lease-renewal-threshold agent-disable-idle-connections
agent-disable-keep-alives agent-telemetry-X`

func TestAnnotationsOfTheOldInjector(t *testing.T) {
	var got []string
	for _, a := range Annotations() {
		if name, ok := strings.CutPrefix(a.Name, Prefix); ok && !a.Own {
			got = append(got, name)
		}
	}
	want := strings.Fields(oldNames)
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestAnnotationsAreDescribed(t *testing.T) {
	seen := map[string]bool{}
	for _, a := range Annotations() {
		if seen[a.Name] {
			t.Errorf("%s is there twice", a.Name)
		}
		seen[a.Name] = true
		if a.Type == "" || a.Section == "" || !strings.HasSuffix(a.Effect, ".") || strings.Contains(a.Effect, "|") {
			t.Errorf("%+v lacks something", a)
		}
		if own := strings.HasPrefix(a.Name, OwnPrefix+"agent-"); own != a.Own {
			t.Errorf("%s: the prefix says otherwise", a.Name)
		}
	}
}

func TestFind(t *testing.T) {
	cases := map[string]struct{ row, end string }{
		Prefix + "agent-inject":                            {row: "agent-inject"},
		Prefix + "agent-inject-secret-db":                  {"agent-inject-secret-NAME", "db"},
		Prefix + "agent-inject-secret-a.b_C-d":             {"agent-inject-secret-NAME", "a.b_C-d"},
		Prefix + "agent-inject-template-db":                {"agent-inject-template-NAME", "db"},
		Prefix + "agent-inject-template-file-db":           {"agent-inject-template-file-NAME", "db"},
		Prefix + "agent-inject-template-file":              {"agent-inject-template-NAME", "file"},
		Prefix + "secret-volume-path":                      {row: "secret-volume-path"},
		Prefix + "secret-volume-path-x":                    {"secret-volume-path-NAME", "x"},
		Prefix + "auth-config-role-id-file-path":           {"auth-config-X", "role-id-file-path"},
		Prefix + "agent-inject-secret-":                    {},
		Prefix + "agent-env-A":                             {},
		OwnPrefix + "agent-env-A":                          {"agent-env-NAME", "A"},
		OwnPrefix + "agent-env-containers":                 {row: "agent-env-containers"},
		OwnPrefix + "agent-env-template-A":                 {"agent-env-template-NAME", "A"},
		OwnPrefix + "agent-sidecar":                        {row: "agent-sidecar"},
		OwnPrefix + "agent-sidecar-limits-cpu":             {row: "agent-sidecar-limits-cpu"},
		OwnPrefix + "agent-inject-secret-db":               {},
		"example.com/agent-inject":                         {},
		"":                                                 {},
		Prefix + "agent-inject-default-template":           {row: "agent-inject-default-template"},
		Prefix + "agent-service-account-token-volume-name": {row: "agent-service-account-token-volume-name"},
	}
	for key, tc := range cases {
		t.Run(key, func(t *testing.T) {
			r, end := table().find(key)
			name := ""
			if r != nil {
				name = r.name
			}
			if name != tc.row || end != tc.end {
				t.Errorf("got %q and %q, want %q and %q", name, end, tc.row, tc.end)
			}
		})
	}
}

func TestUnknownAnnotations(t *testing.T) {
	cases := map[string]struct{ key, want string }{
		"slip in a family":     {Prefix + "agent-inject-secrt-db", Prefix + "agent-inject-secret-db"},
		"slip in the middle":   {Prefix + "agent-inject-comand-DB", Prefix + "agent-inject-command-DB"},
		"plural":               {OwnPrefix + "agent-sidecars", OwnPrefix + "agent-sidecar"},
		"old name, our prefix": {OwnPrefix + "agent-frobnicate-the-thing", ""},
		"family without name":  {Prefix + "agent-inject-secret-", Prefix + "agent-inject-secret-"},
		"nothing like it":      {Prefix + "zzzzzzzzzzzzzzz", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			want := tc.key + " is unknown and has no effect"
			if tc.want != "" && tc.want != tc.key {
				want += "; did you mean " + tc.want + "?"
			}
			pod := podWith(map[string]string{tc.key: "x"})
			_, report := Inject(pod, testOptions())
			if report.Err != nil {
				t.Fatal(report.Err)
			}
			if len(report.Warnings) != 1 || !strings.HasPrefix(report.Warnings[0], want) {
				t.Errorf("got %q, want %q", report.Warnings, want)
			}
		})
	}
}

// TestDocumentation keeps docs/annotations.md equal to the table.
func TestDocumentation(t *testing.T) {
	text, err := os.ReadFile("testdata/annotations.md.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	page, err := template.New("annotations").Funcs(template.FuncMap{"sections": sections}).Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := page.Execute(&out, nil); err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, out.Bytes(), "../../docs/annotations.md")
}

type section struct {
	Name string
	Rows []Annotation
}

// sections groups the annotations of one prefix.
func sections(own bool) []section {
	var all []section
	for _, a := range Annotations() {
		if a.Own != own {
			continue
		}
		if len(all) == 0 || all[len(all)-1].Name != a.Section {
			all = append(all, section{Name: a.Section})
		}
		last := &all[len(all)-1]
		_, a.Name, _ = strings.Cut(a.Name, "/")
		if a.Default == "" {
			a.Default = "-"
		}
		last.Rows = append(last.Rows, a)
	}
	return all
}
