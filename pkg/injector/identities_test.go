package injector

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
)

// readers says by whom each file and variable of a document is read.
func readers(doc *agentfile.Document) map[string]string {
	all := map[string]string{}
	for _, t := range doc.Templates {
		all[t.Destination] = t.Identity
	}
	for _, t := range doc.EnvTemplates {
		all[t.Name] = t.Identity
	}
	for _, i := range doc.Identities {
		address := ""
		if i.Vault != nil {
			address = i.Vault.Address
		}
		all["identity "+i.Name] = i.Method.Type + " " + i.Method.MountPath + " " + i.Method.Config["role"] + " " + i.Method.Namespace + " " + address
	}
	return all
}

func TestReaders(t *testing.T) {
	own := func(name string) string { return OwnPrefix + "agent-" + name }
	cases := map[string]struct {
		annotations   map[string]string
		files, others map[string]string
		reason        string
	}{
		"variable alone": {
			annotations: map[string]string{own("env-A"): "p#a", own("env-B"): "p#b", own("role-B"): " second "},
			others:      map[string]string{"A": "", "B": "B", "identity B": "kubernetes auth/kubernetes second  "},
		},
		"every word": {
			annotations: map[string]string{
				own("env-template-A"): "x", own("role-A"): "r", own("namespace-A"): "n", own("address-A"): "https://b", own("auth-path-A"): "auth/b", own("auth-type-A"): "jwt",
			},
			others: map[string]string{"A": "A", "identity A": "jwt auth/b r n https://b"},
		},
		"one name": {
			annotations: map[string]string{own("env-A"): "p#a", Prefix + "agent-inject-secret-A": "p", own("role-A"): "second"},
			files:       map[string]string{"/vault/secrets/a": "A", "identity A": "kubernetes auth/kubernetes second  "},
			others:      map[string]string{"A": "A", "identity A": "kubernetes auth/kubernetes second  "},
		},
		"names differ in case": {
			annotations: map[string]string{own("env-A"): "p#a", Prefix + "agent-inject-secret-a": "p", own("role-a"): "second"},
			files:       map[string]string{"/vault/secrets/a": "a", "identity a": "kubernetes auth/kubernetes second  "},
			others:      map[string]string{"A": ""},
			reason:      "NAME is compared as it is written",
		},
		"alike": {
			annotations: map[string]string{
				Prefix + "agent-inject-secret-f": "p", own("role-f"): "second",
				own("env-A"): "p#a", own("env-B"): "p#b", own("role-A"): "second", own("role-B"): "second", own("address-B"): "http://vault.vault.svc:8200",
			},
			files:  map[string]string{"/vault/secrets/f": "f", "identity f": "kubernetes auth/kubernetes second  "},
			others: map[string]string{"A": "A", "B": "A", "identity A": "kubernetes auth/kubernetes second  "},
			reason: "two who log in alike are one, and each document has a name of its own for it",
		},
		"document of the user": {
			annotations: map[string]string{Prefix + "agent-configmap": "mine", own("env-A"): "p#a", own("env-B"): "p#b", own("role-A"): "second", own("role-B"): "web"},
			others:      map[string]string{"A": "A", "B": "", "identity A": "kubernetes auth/kubernetes second  "},
			reason:      "the variables are not in that document",
		},
		"as the pod": {
			annotations: map[string]string{
				Prefix + "namespace": "team", Prefix + "agent-inject-secret-f": "p", own("role-f"): "web",
				own("env-A"): "p#a", own("role-A"): "web", own("namespace-A"): "team", own("address-A"): "http://vault.vault.svc:8200",
				own("auth-path-A"): "/auth/kubernetes", own("auth-type-A"): "kubernetes",
			},
			files:  map[string]string{"/vault/secrets/f": ""},
			others: map[string]string{"A": ""},
			reason: "the agent refuses an identity that logs in as auto_auth does",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pod := podWith(tc.annotations)
			pod.Annotations[Prefix+"role"] = "web"
			o := testOptions()
			plan, warnings, err := parse(pod, &o)
			if err != nil || len(warnings) > 0 {
				t.Fatalf("%v %v", err, warnings)
			}
			want := [2]map[string]string{{}, {}}
			for i, m := range []map[string]string{tc.files, tc.others} {
				if m != nil {
					want[i] = m
				}
			}
			if role := plan.envDocument().AutoAuth.Method.Config["role"]; role != "web" {
				t.Errorf("role %q of the pod", role)
			}
			got := [2]map[string]string{readers(plan.document()), readers(plan.envDocument())}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s\n-want +got\n%s", tc.reason, diff)
			}
		})
	}
}

// TestTokenOfTheMethodJWT finds the file that a second login shows.
func TestTokenOfTheMethodJWT(t *testing.T) {
	const own = ownTokenDir + "/token"
	const mounted = "/var/run/secrets/kubernetes.io/serviceaccount/token"
	cases := map[string]struct {
		annotations  map[string]string
		path, remove string
	}{
		"that of the pod":    {nil, own, "false"},
		"said for the other": {map[string]string{Prefix + "auth-config-token-path": mounted}, mounted, "false"},
		"said":               {map[string]string{Prefix + "auth-config-path": "/jwt"}, "/jwt", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pod := podWith(tc.annotations)
			pod.Annotations[OwnPrefix+"agent-env-A"] = "p#a"
			pod.Annotations[OwnPrefix+"agent-auth-type-A"] = "jwt"
			pod.Spec.Containers[0].VolumeMounts = nil
			o := testOptions()
			plan, _, err := parse(pod, &o)
			if err != nil {
				t.Fatal(err)
			}
			config := plan.envDocument().Identities[0].Method.Config
			if config["path"] != tc.path || config["remove_jwt_after_reading"] != tc.remove {
				t.Errorf("got %v", config)
			}
			if main := plan.envDocument().AutoAuth.Method.Config; main["path"] != tc.annotations[Prefix+"auth-config-path"] {
				t.Errorf("the method kubernetes has the options of another: %v", main)
			}
		})
	}
}

// TestTokenForAVariable adds a token to a pod without one where only the login of
// a variable shows it.
func TestTokenForAVariable(t *testing.T) {
	for kind, want := range map[string]string{"kubernetes": volumeToken, "approle": ""} {
		pod := podWith(map[string]string{
			Prefix + "auth-type": "approle", OwnPrefix + "agent-env-A": "p#a", OwnPrefix + "agent-auth-type-A": kind, OwnPrefix + "agent-role-A": "r",
		})
		pod.Spec.Containers[0].VolumeMounts = nil
		o := testOptions()
		plan, _, err := parse(pod, &o)
		if err != nil {
			t.Fatal(err)
		}
		if plan.token.volume != want {
			t.Errorf("%s: volume %q, want %q", kind, plan.token.volume, want)
		}
	}
}
