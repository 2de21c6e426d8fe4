package agent_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const exitOnRetryFailure = "template_config { exit_on_retry_failure = true }\n"

func TestInitGivesUpWhereItIsTold(t *testing.T) {
	cases := map[string]struct {
		document string
		want     string
	}{
		"missing secret": {
			document: exitOnRetryFailure + "vault { retry { num_retries = -1 } }\n" + strings.Replace(kvTemplate, "secret/data/app", "secret/data/other", 1),
			want:     "read secret/data/other: gave up at attempt 1: GET http://vault.test:8200/v1/secret/data/other: not found (HTTP 404)",
		},
		"denied": {
			document: exitOnRetryFailure + "vault { retry { num_retries = 2 } }\n" + strings.Replace(kvTemplate, "secret/data/app", "secret/data/forbidden", 1),
			want:     "read secret/data/forbidden: gave up at attempt 3: GET http://vault.test:8200/v1/secret/data/forbidden: denied (HTTP 403)",
		},
		"missing key": {
			document: exitOnRetryFailure + `
template {
  contents             = "{{ with secret \"secret/data/app\" }}{{ .Data.data.user }}{{ end }}"
  destination          = "DIR/out/kv"
  error_on_missing_key = true
}`,
			want: `template for "DIR/out/kv": `,
		},
		"destination is a directory": {
			document: exitOnRetryFailure + "vault { retry { num_retries = -1 } }\n" + strings.Replace(kvTemplate, "DIR/out/kv", "DIR", 1),
			want:     `template for "DIR": write "DIR": `,
		},
		"failing command": {
			document: exitOnRetryFailure + strings.Replace(kvTemplate, `out/kv"`, `out/kv"`+"\n  command = \"exit 3\"", 1),
			want:     "after 5 attempts: ",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				err := w.init(tc.document)
				want := strings.ReplaceAll(tc.want, "DIR", w.dir)
				if err == nil || !strings.HasPrefix(err.Error(), want) {
					t.Errorf("error = %v\nwant   %s...", err, want)
				}
			})
		})
	}
}

func TestSidecarOutlivesWhatEndsAnInit(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.sidecar(exitOnRetryFailure + kvTemplate)
		pass(time.Minute)
		w.vault.Seal()
		pass(24 * time.Hour)
		if got := w.read("out/kv"); got != canary+"-1" {
			t.Errorf("during an outage the file = %q, want what is held", got)
		}
		w.vault.Unseal()
		w.vault.PutKV("secret", "app", map[string]any{"password": canary + "-2"})
		pass(10 * time.Minute)
		if got := w.read("out/kv"); got != canary+"-2" {
			t.Errorf("after the outage the file = %q, want the new value", got)
		}
	})
}

func TestFailingCommandIsTriedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.sidecar(strings.Replace(kvTemplate, `out/kv"`, `out/kv"`+"\n  command = \"echo tried >> DIR/ran; test -e DIR/mended\"", 1))
		pass(10 * time.Second) // tried at 0, 1, 3 and 7 s
		if got := strings.Count(w.read("ran"), "tried"); got != 4 {
			t.Errorf("tried %d times in ten seconds, want 4", got)
		}
		w.file("mended", "")
		pass(time.Hour)
		if got := strings.Count(w.read("ran"), "tried"); got != 5 {
			t.Errorf("tried %d times, want once more and no more after it succeeded", got)
		}
	})
}

func TestWaitGathersChanges(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.sidecar("template_config { static_secret_render_interval = \"10s\" }\n" +
			strings.Replace(kvTemplate, `out/kv"`, `out/kv"`+"\n  wait { min = \"30s\" max = \"60s\" }\n  command = \"echo ran >> DIR/ran\"", 1))
		pass(2 * time.Minute)
		runs := strings.Count(w.read("ran"), "ran")
		for i := range 6 {
			w.vault.PutKV("secret", "app", map[string]any{"password": canary + strings.Repeat("x", i+1)})
			pass(10 * time.Second)
		}
		pass(2 * time.Minute)
		if got := strings.Count(w.read("ran"), "ran") - runs; got < 1 || got > 2 {
			t.Errorf("six changes in a minute made %d runs, want one or two", got)
		}
		if got := w.read("out/kv"); got != canary+"xxxxxx" {
			t.Errorf("kv file = %q, want the last value", got)
		}
	})
}

func TestSecretsCompareByDataAlone(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.sidecar(`
template {
  contents    = "{{ with secret \"secret/data/app\" }}{{ .Data.data.password }}{{ end }}{{ timestamp \"unix\" }}"
  destination = "DIR/out/kv"
}`)
		pass(time.Minute)
		first := w.read("out/kv")
		pass(time.Hour)
		if w.read("out/kv") != first {
			t.Error("polls that found nothing new rendered the template again")
		}
	})
}

func TestLocalFileAndSideFile(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.file("extra", "one")
		w.sidecar(`
template {
  contents    = "{{ file \"DIR/extra\" }}{{ with secret \"secret/data/app\" }}{{ .Data.data.password | writeToFile \"DIR/side\" \"\" \"\" \"0600\" }}{{ end }}"
  destination = "DIR/out/file"
}`)
		pass(time.Second)
		w.file("extra", "two")
		pass(3 * time.Second)
		if got := w.read("out/file"); got != "two" {
			t.Errorf("file = %q, want the changed local file", got)
		}
		info, err := os.Stat(w.path("side"))
		if err != nil || info.Mode().Perm() != 0o600 || w.read("side") != canary+"-1" {
			t.Errorf("side file: %v", err)
		}
	})
}

func TestIssuedCertificateSurvivesARestart(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		body := `
template {
  contents    = "{{ with pkiCert \"pki/issue/web\" \"common_name=a.test\" \"ttl=240h\" }}{{ .Cert }}{{ .CA }}{{ .Key }}{{ end }}"
  destination = "DIR/out/bundle"
}`
		if err := w.init(body); err != nil {
			t.Fatal(err)
		}
		first := w.read("out/bundle")
		pass(24 * time.Hour)
		w.sidecar(body)
		pass(time.Hour)
		if n := w.vault.Count("PUT", "pki/issue/web"); n != 1 || w.read("out/bundle") != first {
			t.Errorf("%d certificates issued across a restart, want 1", n)
		}
		pass(200 * time.Hour)
		if n := w.vault.Count("PUT", "pki/issue/web"); n != 2 || w.read("out/bundle") == first {
			t.Errorf("%d certificates issued after 225 of 240 hours, want 2", n)
		}
	})
}

func TestStaticRoleArrivesAfterItsRotation(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.sidecar(strings.NewReplacer("creds/app", "static-creds/fixed", "out/db", "out/fixed").Replace(dbTemplate))
		pass(time.Minute)
		first := w.read("out/fixed")
		pass(24 * time.Hour)
		if got := w.read("out/fixed"); got == first || got == "" {
			t.Error("the rotated password did not arrive")
		}
		if n := w.vault.Count("GET", "database/static-creds/fixed"); n != 2 {
			t.Errorf("%d reads in a day, want 2", n)
		}
	})
}

func TestConfigurationErrorsComeTogether(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		err := w.run(strings.NewReplacer(`role = "app", `, "").Replace(w.document(`
template {
  contents    = "{{ nosuch }}"
  destination = "DIR/a"
}
template {
  source      = "DIR/missing"
  destination = "DIR/b"
}`)))
		if err == nil {
			t.Fatal("no error")
		}
		want := []string{
			`auth method "kubernetes": option "role" is required`,
			`template "` + w.dir + `/a", line 1, column 4: function "nosuch" not defined`,
			`read template: open ` + w.dir + `/missing: no such file or directory`,
		}
		if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
			t.Errorf("errors (-want +got):\n%s", diff)
		}
	})
}
