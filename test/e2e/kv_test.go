package e2e_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestKVInBothVersionsAndBothSpellings(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	_, err := p.vault.Write(t.Context(), "kv/"+p.name+"/one", map[string]any{"password": canary + "-v1"})
	must(t, err)
	p.put("app", canary+"-2")
	cases := map[string]struct{ template, want string }{
		"version-1":     {`{{ with secret "kv/NAME/one" }}{{ .Data.password }}{{ end }}`, canary + "-v1"},
		"with-data":     {`{{ with secret "secret/data/NAME/app" }}{{ .Data.data.password }}{{ end }}`, canary + "-2"},
		"without-data":  {`{{ with secret "secret/NAME/app" }}{{ .Data.data.password }}{{ end }}`, canary + "-2"},
		"older-version": {`{{ with secret "secret/data/NAME/app?version=1" }}{{ .Data.data.password }}{{ end }}`, canary + "-1"},
		"metadata":      {`{{ with secret "secret/data/NAME/app" }}{{ .Data.metadata.version }}{{ end }}`, "2"},
	}
	var body strings.Builder
	for name, tc := range cases {
		fmt.Fprintf(&body, "template {\n  contents = %q\n  destination = \"DIR/out/%s\"\n}\n", tc.template, name)
	}
	p.delivers(body.String())
	for name, tc := range cases {
		if got := p.read("out/" + name); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

// TestKVOfVersion1Follows sets the key ttl, by which version 1 tells how often a
// secret is worth a look.
func TestKVOfVersion1Follows(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	write := func(value string) {
		_, err := p.vault.Write(t.Context(), "kv/"+p.name+"/one", map[string]any{"password": value, "ttl": "2s"})
		must(t, err)
	}
	write(canary + "-one")
	p.sidecar(quick + strings.NewReplacer("secret/data/NAME/app", "kv/NAME/one", ".Data.data.", ".Data.").Replace(kv))
	p.awaitFile("out/kv", canary+"-one")
	write(canary + "-two")
	p.awaitFile("out/kv", canary+"-two")
}

// TestChangeHangsUpTheApplication changes a secret and sees the application get
// a signal, through a command line of a usual kind and without any shell: the
// PATH of the pod leads nowhere.
func TestChangeHangsUpTheApplication(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	application := p.application()
	a := p.sidecar(quick + strings.Replace(kv, `out/kv"`, `out/kv"`+"\n  command = \"kill -HUP $(pidof "+application+") && echo told >> DIR/told\"", 1))
	a.awaitReady()
	p.awaitFile("hangups", "hangup\n")
	p.put("app", canary+"-2")
	p.awaitFile("hangups", "hangup\nhangup\n")
	p.awaitFile("told", "told\ntold\n")
	if got := p.read("out/kv"); got != canary+"-2" {
		t.Errorf("the application was told before the file was there: %q", got)
	}
	p.put("app", canary+"-2") // a new version with the same content
	a.awaitLog(1, "secret changed", "reason", "poll interval has passed")
	a.awaitLog(2, "command ran")
	if n := len(a.logged("command ran")); n != 2 {
		t.Errorf("the command ran %d times, want twice", n)
	}
}

func TestFailingCommandDoesNotEndTheSidecar(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	a := p.sidecar(quick + strings.Replace(kv, `out/kv"`, `out/kv"`+"\n  command = \"test -e DIR/mended && touch DIR/ran\"", 1))
	a.awaitLog(2, "command failed")
	p.put("app", canary+"-2")
	p.awaitFile("out/kv", canary+"-2")
	p.file("mended", "")
	a.awaitLog(1, "command ran")
	p.stat("ran")
}

func TestSecretThatComesLate(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	a := p.sidecar(kv + strings.NewReplacer("NAME/app", "NAME/late", "out/kv", "out/late").Replace(kv))
	p.awaitFile("out/kv", canary+"-1") // the other one is not held up
	a.awaitLog(1, "secret not refreshed", "error", "not found")
	p.put("late", canary+"-late")
	p.awaitFile("out/late", canary+"-late")
}
