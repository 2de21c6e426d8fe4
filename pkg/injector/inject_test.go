package injector

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vaultk8s/vaultk8s/pkg/config/problem"
)

// podWith is a pod with one container that asks for injection, and more annotations.
func podWith(more map[string]string) *corev1.Pod {
	annotations := map[string]string{injectKey: "true", Prefix + "role": "app"}
	maps.Copy(annotations, more)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop", Annotations: annotations},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{{
				Name: "web", Image: "web:1", Command: []string{"/web"},
				VolumeMounts: []corev1.VolumeMount{{Name: "kube-api-access-x", MountPath: kubernetesTokenDir}},
			}},
			Volumes: []corev1.Volume{{Name: "kube-api-access-x"}},
		},
	}
}

func TestInjectNothing(t *testing.T) {
	pod, report := Inject(nil, testOptions())
	if pod != nil || report.Reason != BadPod || !report.Denied() || report.Err.Error() != "error adding default annotations: pod is empty" {
		t.Errorf("got %v, %+v", pod, report)
	}
	empty := &corev1.Pod{}
	if out, report := Inject(empty, Options{}); out != empty || report.Reason != NotRequested || report.Denied() {
		t.Errorf("got %+v", report)
	}
}

// The words that the old injector had for a single problem are still there, and
// each error names its annotation.
func TestErrorsOfTheOldInjector(t *testing.T) {
	cases := map[string]struct {
		annotations map[string]string
		change      func(*corev1.Pod, *Options)
		old, names  string
	}{
		"boolean":          {annotations: map[string]string{"agent-inject": "x"}, old: "error checking if should inject agent: ", names: "agent-inject"},
		"namespace":        {annotations: map[string]string{"agent-request-namespace": ""}, old: "error adding default annotations: kubernetes namespace required", names: "agent-request-namespace"},
		"min backoff":      {annotations: map[string]string{"auth-min-backoff": "x"}, old: "error adding default annotations: error parsing min backoff as duration: ", names: "auth-min-backoff"},
		"max backoff":      {annotations: map[string]string{"auth-max-backoff": "x"}, old: "error adding default annotations: error parsing max backoff as duration: ", names: "auth-max-backoff"},
		"patch":            {annotations: map[string]string{"agent-json-patch": "x"}, old: "error adding default annotations: error parsing JSON patch for annotation vault.hashicorp.com/agent-json-patch: ", names: "agent-json-patch"},
		"address":          {change: func(_ *corev1.Pod, o *Options) { o.VaultAddress = "" }, old: "error adding default annotations: address for Vault required", names: "service"},
		"auth path":        {change: func(_ *corev1.Pod, o *Options) { o.AuthPath = "" }, old: "error adding default annotations: Vault Auth Path required", names: "auth-path"},
		"template":         {annotations: map[string]string{"agent-inject-default-template": "XML"}, old: "error creating new agent sidecar: invalid default template type: XML", names: "agent-inject-default-template"},
		"token volume":     {annotations: map[string]string{"agent-service-account-token-volume-name": "v"}, old: `error creating new agent sidecar: failed to find service account volume "v"`, names: "agent-service-account-token-volume-name"},
		"role":             {annotations: map[string]string{"role": ""}, old: "error validating agent configuration: no Vault role found", names: "role"},
		"auth type":        {annotations: map[string]string{"auth-type": ""}, old: "error validating agent configuration: no Vault Auth Type found", names: "auth-type"},
		"empty auth path":  {annotations: map[string]string{"auth-path": ""}, old: "error validating agent configuration: no Vault Auth Path found", names: "auth-path"},
		"empty address":    {annotations: map[string]string{"service": ""}, old: "error validating agent configuration: no Vault address found", names: "service"},
		"image":            {annotations: map[string]string{"agent-image": ""}, old: "error validating agent configuration: no Vault image found", names: "agent-image"},
		"quantity":         {annotations: map[string]string{"agent-limits-cpu": "x"}, old: "error creating patch for agent: ", names: "agent-limits-cpu"},
		"patch that fails": {annotations: map[string]string{"agent-json-patch": `[{"op":"test","path":"/name","value":"x"}]`}, old: "error creating patch for agent: failed to apply JSON patch", names: "agent-json-patch"},
		"same user, root":  {annotations: map[string]string{"agent-run-as-same-user": "true"}, change: withUser(0), old: "error creating new agent sidecar: container not allowed to run as root", names: "agent-run-as-same-user"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pod, o := podWith(nil), testOptions()
			for k, v := range tc.annotations {
				pod.Annotations[Prefix+k] = v
			}
			if tc.change != nil {
				tc.change(pod, &o)
			}
			_, report := Inject(pod, o)
			if !report.Denied() || report.Reason != BadAnnotation {
				t.Fatalf("not refused: %+v", report)
			}
			got := report.Err.Error()
			if !strings.HasPrefix(got, tc.old) || !strings.Contains(got, Prefix+tc.names) {
				t.Errorf("got %q, want %q... with %q", got, tc.old, Prefix+tc.names)
			}
			if strings.Contains(got, "\n") {
				t.Errorf("more than one problem: %q", got)
			}
		})
	}
}

func withUser(id int64) func(*corev1.Pod, *Options) {
	return func(pod *corev1.Pod, _ *Options) {
		pod.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{RunAsUser: &id}
	}
}

func TestProblemsComeAtOnce(t *testing.T) {
	_, report := Inject(podWith(map[string]string{Prefix + "log-level": "x", Prefix + "log-format": "x", Prefix + "go-max-procs": "x"}), testOptions())
	var all problem.List
	if !errors.As(report.Err, &all) || len(all) != 3 {
		t.Errorf("got %v", report.Err)
	}
}

// A template is text of the user; nothing of it may come back in an error.
func TestErrorsDoNotShowTemplates(t *testing.T) {
	const canary = "s.canaryInATemplate"
	pod := podWith(map[string]string{Prefix + "agent-inject-template-a": canary + "{{ with }}", Prefix + "agent-inject-command-a": canary, Prefix + "agent-cache-enable": "x"})
	_, report := Inject(pod, testOptions())
	if report.Err == nil || strings.Contains(report.Err.Error(), canary) {
		t.Errorf("got %v", report.Err)
	}
}

func TestFlavorOf(t *testing.T) {
	cases := map[string]string{
		"hashicorp/vault:2.0.4": flavorVault,
		"vault":                 flavorVault,
		"docker.io/hashicorp/vault-enterprise:1.20-ent":    flavorVault,
		"registry:5000/mirror/hashicorp-vault@sha256:abcd": flavorVault,
		"Vault:1":                            flavorVault,
		"openbao/openbao:2.6":                flavorOpenBao,
		"quay.io/openbao/openbao-hsm-ubi:2":  flavorOpenBao,
		"x/bao":                              flavorOpenBao,
		"vaultk8s/vaultk8s:latest":           flavorOurs,
		"registry.example.com/vault/agent:1": flavorOurs,
		"localhost:5000/my-vaultk8s":         flavorOurs,
		"vault.example.com:443/agent":        flavorOurs,
		"":                                   flavorOurs,
	}
	for image, want := range cases {
		if got := flavorOf(image); got != want {
			t.Errorf("%q: got %s, want %s", image, got, want)
		}
	}
}

func TestOwner(t *testing.T) {
	yes, no := true, false
	job := metav1.OwnerReference{Kind: "Job", Controller: &yes}
	cases := map[string]struct {
		refs []metav1.OwnerReference
		said string
		want string
	}{
		"none":         {},
		"job":          {refs: []metav1.OwnerReference{job}, want: "Job"},
		"second":       {refs: []metav1.OwnerReference{{Kind: "Node", Controller: &no}, job}, want: "Job"},
		"unsaid":       {refs: []metav1.OwnerReference{{Kind: "ReplicaSet"}}, want: "ReplicaSet"},
		"option first": {refs: []metav1.OwnerReference{job}, said: "Deployment", want: "Deployment"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{OwnerReferences: tc.refs}}
			if got := owner(pod, &Options{OwnerKind: tc.said}); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestIsObjectName(t *testing.T) {
	long := strings.Repeat("a", 254)
	for name, want := range map[string]bool{
		"a": true, "app-tls": true, "a.b": true, "": false, "A": false, "-a": false, "a-": false, "a..b": false, "a_b": false, "a/b": false, long: false,
	} {
		if got := isObjectName(name); got != want {
			t.Errorf("%q: got %v", name, got)
		}
	}
}

func TestShellWord(t *testing.T) {
	for text, want := range map[string]string{
		"https://v:8200": "https://v:8200", "http://[::1]:8200": "http://[::1]:8200", "a b": "'a b'", "it's": `'it'\''s'`, "$(x)": "'$(x)'", "": "",
	} {
		if got := shellWord(text); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

func TestDecodedCA(t *testing.T) {
	const pem = "-----BEGIN CERTIFICATE-----\n"
	for text, want := range map[string]string{pem: pem, "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg==": pem} {
		if got := decodedCA(text); got != want {
			t.Errorf("%q: got %q", text, got)
		}
	}
}

func TestFileMode(t *testing.T) {
	for text, want := range map[string]string{"0400": "-r--------", "0o640": "-rw-r-----", "777": "-rwxrwxrwx", "": "", "8": "bad", "77777": "bad", "-1": "bad"} {
		mode, err := fileMode(text)
		got := ""
		switch {
		case err != nil:
			got = "bad"
		case mode != nil:
			got = mode.String()
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

// A secret is one by any of three annotations, and NAME may have any case.
func TestVariableTemplates(t *testing.T) {
	v := envVar{name: "A", path: `secret/data/"x"`, key: "k"}
	want := `{{ with secret "secret/data/\"x\"" }}{{ $d := .Data }}` +
		`{{ if and (sprig_hasKey $d "data") (sprig_hasKey $d "metadata") }}{{ $d = .Data.data }}{{ end }}` +
		`{{ if sprig_hasKey $d "k" }}{{ index $d "k" }}{{ else }}{{ sprig_fail "secret has no key \"k\"" }}{{ end }}{{ end }}`
	if diff := cmp.Diff(want, v.template()); diff != "" {
		t.Error(diff)
	}
}
