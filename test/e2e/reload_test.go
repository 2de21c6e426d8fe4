package e2e_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// configured is a directory of documents that is changed as the kubelet changes
// the volume of a ConfigMap.
type configured struct {
	p    *pod
	next int
}

// swap puts files into a new generation and makes that the one that counts.
func (c *configured) swap(files map[string]string) {
	p := c.p
	p.t.Helper()
	generation := "..generation-" + strconv.Itoa(c.next)
	c.next++
	for name, text := range files {
		p.file("config/"+generation+"/"+name, p.text(text))
		if _, err := os.Lstat(p.path("config/" + name)); err != nil {
			must(p.t, os.Symlink("..data/"+name, p.path("config/"+name)))
		}
	}
	must(p.t, os.Symlink(generation, p.path("config/..new")))
	must(p.t, os.Rename(p.path("config/..new"), p.path("config/..data")))
}

// run runs an agent with all documents of the directory.
func (c *configured) run() *agent {
	c.p.t.Helper()
	return c.p.execute(world.program, []string{"agent", "-config=" + c.p.path("config"), "-log-format=json"}, nil, attributes())
}

// changes returns what the n-th reload changed, as the log says.
func (a *agent) changes(n int) []string {
	a.pod.t.Helper()
	var found []string
	all, _ := a.awaitLog(n, "configuration reloaded")["changes"].([]any)
	for _, c := range all {
		found = append(found, fmt.Sprint(c))
	}
	return found
}

func (a *agent) expectChanges(n int, want ...string) {
	a.pod.t.Helper()
	got := a.changes(n)
	for i := range want {
		want[i] = a.pod.text(want[i])
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		a.pod.t.Errorf("changes of reload %d (-want +got):\n%s", n, diff)
	}
}

// TestReloadOfAConfigMap changes a volume again and again; nobody sends a signal.
func TestReloadOfAConfigMap(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.dynamic(time.Hour, 24*time.Hour)
	source := "template {\n  source = \"DIR/config/three.ctmpl\"\n  destination = \"DIR/out/three\"\n}\n"
	files := map[string]string{"10-login.hcl": login + quick + db, "20-templates.hcl": source, "three.ctmpl": "three"}
	c := &configured{p: p}
	c.swap(files)
	a := c.run()
	a.awaitReady()
	user := p.read("out/db")
	p.secretly(p.parseLogin(user).password)

	files["20-templates.hcl"] = source + kv + "template {\n  contents = \"" + canary + "-of-a-template\"\n  destination = \"DIR/out/literal\"\n}\n"
	c.swap(files)
	p.awaitFile("out/kv", canary+"-1")
	p.awaitFile("out/literal", canary+"-of-a-template")
	a.expectChanges(1, `template "DIR/out/kv": added`, `template "DIR/out/literal": added`)

	files["three.ctmpl"] = `{{ with secret "secret/data/NAME/app" }}four {{ .Data.data.password }}{{ end }}`
	files["20-templates.hcl"] = source + kv
	c.swap(files)
	p.awaitFile("out/three", "four "+canary+"-1")
	a.expectChanges(2, `template "DIR/out/literal": removed`, `template "DIR/out/three": DIR/config/three.ctmpl changed`)
	if p.read("out/literal") == "" {
		t.Error("the file of a template that is gone was removed")
	}

	files["10-login.hcl"] = "log_level = \"debug\"\n" + login + quick + strings.Replace(db, "out/db", "out/moved", 1)
	c.swap(files)
	p.awaitFile("out/moved", user)
	a.expectChanges(3, `template "DIR/out/db": removed`, `template "DIR/out/moved": added`, `log_level: info (default) -> "debug"`)
	a.awaitLog(1, "secret unchanged") // which is said at this level
	if got := p.holdings(); got != (holdings{1, 1}) || p.read("out/db") != user {
		t.Errorf("%+v, want the login and the user of before", got)
	}
	p.expectWorking(p.login("out/moved"))
	p.put("app", canary+"-2")
	p.awaitFile("out/kv", canary+"-2")
	p.awaitFile("out/three", "four "+canary+"-2")
}

// TestReloadAfterAHangup changes every part of a document, in one step.
func TestReloadAfterAHangup(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.dynamic(time.Hour, 24*time.Hour)
	const still = "reload_on_change = false\n"
	a := p.sidecar(still + quick + db + kv)
	a.awaitReady()
	before := p.read("out/db")
	p.secretly(p.parseLogin(before).password)
	p.file("agent.hcl", p.text(still+sinking("")+strings.Replace(quick, "1s", "2s", 1)+db+strings.Replace(shared, "agent_api { enable_quit = true }", "", 1)+
		"log_level = \"warn\"\npid_file = \"DIR/pid\"\n"))
	a.signal(syscall.SIGHUP)
	p.awaitProxy()
	p.expectToken(p.awaitOther("token", ""))
	a.expectChanges(1, `template "DIR/out/kv": removed`, "api_proxy: added", "cache: added", "sink \"DIR/token\": added",
		"listener \"DIR/proxy.sock\": added", "pid_file: not set -> \"DIR/pid\"",
		`template_config.static_secret_render_interval: "1s" -> "2s"`, `log_level: info (default) -> "warn"`)
	if line := a.awaitLog(1, "changes that need a restart"); fmt.Sprint(line["changes"]) != "[pid_file]" {
		t.Errorf("needs a restart: %v", line["changes"])
	}
	p.file("agent.hcl", p.text(still+login+quick+db+kv))
	a.signal(syscall.SIGHUP)
	await(t, func() error {
		if _, err := p.ask("GET", "v1/sys/health", ""); err == nil {
			return fmt.Errorf("the listener still answers")
		}
		return nil
	})
	p.put("app", canary+"-2")
	p.awaitFile("out/kv", canary+"-2")
	if got := p.holdings(); got != (holdings{1, 1}) || p.read("out/db") != before {
		t.Errorf("%+v, want the login and the user of before", got)
	}
}

// TestReloadOfAnotherRole logs in as another role: the new login of the database
// is there before the old one goes.
func TestReloadOfAnotherRole(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.dynamic(time.Hour, 24*time.Hour)
	must(t, p.role("other-"+p.name, p.name))
	a := p.sidecar(quick + db + kv)
	a.awaitReady()
	before := p.read("out/db")
	old := p.parseLogin(before)
	p.file("agent.hcl", p.text(strings.Replace(login, `"NAME"`, `"other-NAME"`, 1)+quick+db+kv))
	a.signal(syscall.SIGHUP)
	fresh := p.parseLogin(p.awaitOther("out/db", before))
	p.expectWorking(fresh)
	p.expectWorking(old)
	a.expectChanges(1, `auto_auth.method.config.role: "NAME" -> "other-NAME"`)
	p.put("app", canary+"-2")
	p.awaitFile("out/kv", canary+"-2")
}

// TestReloadOfSomethingWrong changes nothing, and goes on looking.
func TestReloadOfSomethingWrong(t *testing.T) {
	cases := map[string]struct{ document, want string }{
		"syntax": {login + kv + "template {\n", `DOC:11: object expected closing RBRACE got: EOF`},
		"a key":  {login + strings.Replace(kv, "contents", "content", 1), "DOC:7: key \"template.content\" is unknown; did you mean \"contents\"?"},
		"template": {
			login + strings.Replace(kv, "{{ end }}", canary+"{{ ende }}", 1), `template "DIR/out/kv", line 1, column 83: function "ende" not defined`,
		},
		"method":       {strings.Replace(login, `"kubernetes"`, `"oci"`, 1) + kv, `auth method "oci" is one of the Vault Agent that is not supported here...`},
		"source":       {login + "template {\n  source = \"DIR/none\"\n  destination = \"DIR/out/kv\"\n}\n", "read template: open DIR/none: no such file or directory"},
		"no document":  {"", "no auto_auth, cache, or listener block found in config"},
		"file is gone": {"-", "read agent configuration: stat DOC: no such file or directory"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPod(t)
			a := p.sidecar(quick + kv)
			a.awaitReady()
			p.file("agent.hcl", p.text(tc.document))
			if tc.document == "-" {
				must(t, os.Remove(p.path("agent.hcl")))
			}
			a.signal(syscall.SIGHUP)
			line := a.awaitLog(1, "configuration not reloaded")
			if want := strings.ReplaceAll(p.text(tc.want), "DOC", p.path("agent.hcl")); !matches(fmt.Sprint(line["error"]), want) {
				t.Errorf("got  %v\nwant %s", line["error"], want)
			}
			p.put("app", canary+"-2")
			p.awaitFile("out/kv", canary+"-2")
			p.file("agent.hcl", p.text(login+quick+strings.Replace(kv, "out/kv", "out/mended", 1)))
			a.signal(syscall.SIGHUP)
			p.awaitFile("out/mended", canary+"-2")
			if n := p.logins(); n != 1 {
				t.Errorf("%d logins, want 1", n)
			}
		})
	}
}

// TestReloadOfAListenerThatCannotBeHad goes on with the rest, and has it once the
// address is free.
func TestReloadOfAListenerThatCannotBeHad(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	other := p.sidecar("reload_on_change = false\n" + shared) // the document of the next one lies where its own was
	p.awaitProxy()
	p.env = append(p.env, "VAULTK8S_AGENT_SOCKET="+p.path("second.sock"))
	a := p.sidecar(quick + kv)
	p.awaitFile("out/kv", canary+"-1")
	p.file("agent.hcl", p.text(login+quick+kv+shared))
	a.signal(syscall.SIGHUP)
	line := a.awaitLog(1, "listener not served")
	if want := p.text(`listener "DIR/proxy.sock": address: another process answers there`); line["error"] != want {
		t.Errorf("got  %v\nwant %s", line["error"], want)
	}
	p.put("app", canary+"-2")
	p.awaitFile("out/kv", canary+"-2")
	if code := other.end(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	p.awaitProxy()
}

// TestReloadOfTheApplication changes its command.
func TestReloadOfTheApplication(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	run := func(number string) string {
		return login + quick + variable + `exec { command = ["/bin/sh", "-c", "echo ` + number + ` $SECRET >> DIR/runs; exec /bin/sleep 600"] }` + "\n"
	}
	a := p.start(run("one"))
	p.awaitFile("runs", "one "+canary+"-1\n")
	p.file("agent.hcl", p.text(run("two")))
	a.signal(syscall.SIGHUP)
	p.awaitFile("runs", "one "+canary+"-1\ntwo "+canary+"-1\n")
	a.expectChanges(1, "exec.command changed")
	p.file("agent.hcl", p.text(login+quick+kv))
	a.signal(syscall.SIGHUP)
	p.awaitFile("out/kv", canary+"-1")
	p.file("agent.hcl", p.text(run("three")))
	a.signal(syscall.SIGHUP)
	p.awaitFile("runs", "one "+canary+"-1\ntwo "+canary+"-1\nthree "+canary+"-1\n")
}

// TestReloadOfTheApplicationWaits keeps the old one running until all that the
// new one needs is there, and hands it its signals.
func TestReloadOfTheApplicationWaits(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	a := p.serve(variable)
	p.awaitFile("notes", "start "+canary+"-1\n")
	before := p.read("agent.hcl")
	late := strings.NewReplacer("SECRET", "LATE", "NAME/app", "NAME/late").Replace(variable)
	p.file("agent.hcl", p.text(login+quick+variable+late+`exec { command = ["/bin/sh", "-c", "echo $LATE >> DIR/runs; exec /bin/sleep 600"] }`))
	a.signal(syscall.SIGHUP)
	a.awaitLog(1, "secret not refreshed", "error", "not found")
	a.signal(syscall.SIGUSR1)
	p.awaitFile("notes", "start "+canary+"-1\nuser defined signal 1\n")
	p.put("late", canary+"-late")
	p.awaitFile("runs", canary+"-late\n")
	p.awaitFile("notes", "start "+canary+"-1\nuser defined signal 1\nterminated\n")
	p.file("agent.hcl", before)
	a.signal(syscall.SIGHUP)
	p.awaitFile("notes", "start "+canary+"-1\nuser defined signal 1\nterminated\nstart "+canary+"-1\n")
}

// TestReloadBackToTheApplication takes a change back before it took effect: the
// application never notices.
func TestReloadBackToTheApplication(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	a := p.serve(variable)
	p.awaitFile("notes", "start "+canary+"-1\n")
	before := p.read("agent.hcl")
	late := strings.NewReplacer("SECRET", "LATE", "NAME/app", "NAME/late").Replace(variable)
	p.file("agent.hcl", p.text(login+quick+variable+late+`exec { command = ["/bin/false"] }`))
	a.signal(syscall.SIGHUP)
	a.awaitLog(1, "configuration reloaded")
	p.file("agent.hcl", before)
	a.signal(syscall.SIGHUP)
	a.awaitLog(2, "configuration reloaded")
	a.signal(syscall.SIGUSR1)
	p.awaitFile("notes", "start "+canary+"-1\nuser defined signal 1\n")
	p.put("app", canary+"-2")
	p.awaitFile("notes", "start "+canary+"-1\nuser defined signal 1\nterminated\nstart "+canary+"-2\n")
}

// role makes another role of the pod's service account.
func (p *pod) role(name string, policies ...string) error {
	return p.vault.WriteKubernetesRole(p.t.Context(), "kubernetes", name, accountRole(policies...))
}

// TestHangupsOfADocumentThatCannotChange changes nothing, however many there are.
func TestHangupsOfADocumentThatCannotChange(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	document := "VAULT_CONFIG=" + base64.StdEncoding.EncodeToString([]byte(p.text(login+quick+db+kv)))
	p.dynamic(time.Hour, time.Hour)
	a := p.execute(world.program, []string{"agent", "-log-format=json"}, []string{document}, attributes())
	a.awaitReady()
	user := p.read("out/db")
	p.secretly(p.parseLogin(user).password)
	for range 50 {
		a.signal(syscall.SIGHUP)
	}
	a.awaitLog(1, "configuration is unchanged")
	p.put("app", canary+"-2")
	p.awaitFile("out/kv", canary+"-2")
	if got := p.holdings(); got != (holdings{1, 1}) || p.read("out/db") != user {
		t.Errorf("%+v, want the login and the user of before", got)
	}
}
