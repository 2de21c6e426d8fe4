package e2e_test

import (
	"os"
	"testing"
)

// TestCommandInItsLongForm runs one with an environment of its own, and ends one
// that takes too long.
func TestCommandInItsLongForm(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.env = append(p.env, "E2E_KEPT=kept", "E2E_DENIED=denied")
	long := func(name, command, settings string) string {
		return "template {\n  contents = \"" + name + "\"\n  destination = \"DIR/out/" + name + "\"\n  exec {\n    command = [\"/bin/sh\", \"-c\", \"" + command + "\"]\n    " + settings + "\n  }\n}\n"
	}
	const show = `echo $E2E_KEPT,$E2E_DENIED,$E2E_OWN > DIR/`
	a := p.sidecar(
		long("pristine", show+"shown-1", "env {\n      pristine = true\n      custom = [\"E2E_OWN=own\"]\n    }") +
			long("filtered", show+"shown-2", "env {\n      allowlist = [\"E2E_*\"]\n      denylist = [\"*DENIED\"]\n    }") +
			long("slow", "trap 'echo asked > DIR/asked; exit 1' INT; while :; do /bin/sleep 0.05; done", "timeout = \"1s\"") +
			long("off", "touch DIR/off", "enabled = false"))
	p.awaitFile("shown-1", ",,own\n")
	p.awaitFile("shown-2", "kept,,\n")
	p.awaitFile("asked", "asked\n")
	line := a.awaitLog(1, "command failed")
	if want := `command "/bin/sh" timed out after 1s`; line["error"] != want {
		t.Errorf("got  %v\nwant %s", line["error"], want)
	}
	if _, err := os.Stat(p.path("off")); err == nil {
		t.Error("a command that is off was run")
	}
}
