package injector

import (
	"encoding/json"
	"strings"
	"testing"

	apply "github.com/evanphx/json-patch/v5"
	corev1 "k8s.io/api/core/v1"
)

func TestPatchOfEqualPods(t *testing.T) {
	if patch, err := Patch(podWith(nil), podWith(nil)); patch != nil || err != nil {
		t.Errorf("got %s, %v", patch, err)
	}
}

// The API server may know fields that this program does not; they have to stay.
func TestPatchFitsAnUnknownPod(t *testing.T) {
	const raw = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"shop","annotations":{"vault.hashicorp.com/agent-inject":"true","vault.hashicorp.com/role":"app"}},
		"spec":{"fieldOfTomorrow":{"a":1},"containers":[{"name":"web","image":"web:1","alsoNew":true}]}}`
	var pod corev1.Pod
	if err := json.Unmarshal([]byte(raw), &pod); err != nil {
		t.Fatal(err)
	}
	out, report := Inject(&pod, testOptions())
	if report.Err != nil {
		t.Fatal(report.Err)
	}
	patch, err := Patch(&pod, out)
	if err != nil {
		t.Fatal(err)
	}
	operations, err := apply.DecodePatch(patch)
	if err != nil {
		t.Fatal(err)
	}
	got, err := operations.Apply([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"fieldOfTomorrow":{"a":1}`, `"alsoNew":true`, `"name":"vault-agent-init"`, `"agent-inject-status":"injected"`} {
		if !strings.Contains(strings.ReplaceAll(string(got), Prefix, ""), want) {
			t.Errorf("%s is missing in %s", want, got)
		}
	}
}

func TestPatchesOfUsers(t *testing.T) {
	container := corev1.Container{Name: "vault-agent", Image: "a:1", Env: []corev1.EnvVar{{Name: "A", Value: "x"}}}
	bomb := `[{"op":"add","path":"/args","value":["` + strings.Repeat("x", 1000) + `"]}` + strings.Repeat(`,{"op":"copy","from":"/args","path":"/args/-"}`, 40) + `]`
	cases := map[string]struct{ patch, want, err string }{
		"none":       {want: `"image":"a:1"`},
		"empty list": {patch: `[]`, want: `"image":"a:1"`},
		"replace":    {patch: `[{"op":"replace","path":"/image","value":"b:2"}]`, want: `"image":"b:2"`},
		"append":     {patch: `[{"op":"add","path":"/env/-","value":{"name":"B","value":"y"}}]`, want: `{"name":"B","value":"y"}`},
		"new object": {patch: `[{"op":"add","path":"/securityContext","value":{"seccompProfile":{"type":"RuntimeDefault"}}}]`, want: `"type":"RuntimeDefault"`},
		"restart":    {patch: `[{"op":"add","path":"/restartPolicy","value":"Always"}]`, want: `"restartPolicy":"Always"`},
		"misfit":     {patch: `[{"op":"test","path":"/image","value":"c"}]`, err: "error creating patch for agent: failed to apply JSON patch: KEY: testing value /image failed: test failed"},
		"whole":      {patch: `[{"op":"replace","path":"","value":[]}]`, err: "error creating patch for agent: failed to apply JSON patch: KEY: "},
		"bomb":       {patch: bomb, err: "error creating patch for agent: failed to apply JSON patch: KEY: "},
		"no patch":   {patch: `{}`, err: "error creating patch for agent: failed to apply JSON patch: KEY: "},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := applyPatch(container, tc.patch, "KEY")
			switch {
			case tc.err == "" && err != nil:
				t.Fatal(err)
			case tc.err != "":
				if err == nil || !strings.HasPrefix(err.Error(), tc.err) {
					t.Errorf("got %v", err)
				}
				return
			}
			if text, _ := json.Marshal(got); !strings.Contains(string(text), tc.want) {
				t.Errorf("got %s", text)
			}
		})
	}
}
