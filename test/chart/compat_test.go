package chart

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/vaultk8s/vaultk8s/internal/golden"
)

// TestOldValues renders values of the older charts, as they are. The golden files
// are the mapped result.
func TestOldValues(t *testing.T) {
	for name, file := range stories(t, oldFiles) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := rendered(t, "vault", "-f", file)
			if err != nil {
				t.Fatal(err)
			}
			golden.Compare(t, r.reviewed(), "testdata/golden/old-"+name+".yaml")
			sound(t, r.objects())
		})
	}
}

// TestOldValuesMeanTheSame looks at what the old charts would have made of the
// values.
func TestOldValuesMeanTheSame(t *testing.T) {
	const (
		injector = "Deployment vault-agent-injector"
		provider = "DaemonSet vault-csi-provider"
		operator = "Deployment vault-controller-manager"
		webhook  = "MutatingWebhookConfiguration vault-agent-injector-cfg"
		shared   = "ConfigMap vault-config"
	)
	container := func(path ...any) []any { return append([]any{"spec", "template", "spec", "containers", 0}, path...) }
	pod := func(path ...any) []any { return append([]any{"spec", "template", "spec"}, path...) }
	section := func(path ...any) []any { return append([]any{"data", "config.yaml"}, path...) }
	hook := func(path ...any) []any { return append([]any{"webhooks", 0}, path...) }
	type check struct {
		object string
		path   []any
		want   string // as YAML
	}
	cases := map[string][]check{
		"vault-helm-defaults": {
			{injector, container("image"), "vaultk8s/vaultk8s:0.1.0"},
			{shared, section("injector", "vault_image"), "vaultk8s/vaultk8s:0.1.0"},
			{shared, section("vault", "address"), "http://vault.vault.svc:8200"},
			{webhook, hook("failurePolicy"), "Ignore"},
			{webhook, hook("timeoutSeconds"), "30"},
		},
		"external-vault": {
			{shared, section("vault", "address"), "https://vault.example.com:8200"},
			{shared, section("injector", "vault_auth_path"), "auth/kubernetes-prod"},
			{shared, section("injector", "telemetry_path"), "/metrics"},
			{injector, container("env", 1), "{name: AGENT_INJECT_LOG_LEVEL, value: debug}"},
			{injector, container("env", 2), "{name: AGENT_INJECT_LOG_FORMAT, value: json}"},
		},
		"helm-flags": {
			{injector, []any{"spec", "replicas"}, "2"},
			{shared, section("injector", "vault_address"), "https://vault.example.com:8200"},
			{shared, section("injector", "use_leader_elector"), "true"},
			{injector, container("resources"), "{requests: {cpu: 100m, memory: 64Mi}, limits: {cpu: 250m, memory: 128Mi}}"},
		},
		"eks": {
			{injector, pod("hostNetwork"), "true"},
			{injector, pod("imagePullSecrets"), "[{name: ecr}]"},
			{injector, pod("nodeSelector"), "{role: system}"},
			{injector, container("image"), "vaultk8s/vaultk8s:0.1.0"},
			{injector, container("ports", 0, "containerPort"), "8443"},
			{shared, section("injector", "listen"), `":8443"`},
			{shared, section("injector", "vault_image"), "123456789012.dkr.ecr.eu-west-1.amazonaws.com/hashicorp/vault:1.17.6"},
			{injector, container("env", 3), "{name: AGENT_INJECT_VAULT_NAMESPACE, value: admin}"},
		},
		"flat-webhook": {
			{webhook, hook("failurePolicy"), "Fail"},
			{webhook, hook("namespaceSelector"), "{matchLabels: {vault-injection: enabled}}"},
			{webhook, hook("objectSelector"), "{matchLabels: {inject: vault}}"},
			{webhook, []any{"metadata", "annotations"}, `{admissions.enforcer/disabled: "true"}`},
		},
		"own-certificates": {
			{webhook, []any{"metadata", "annotations"}, "{cert-manager.io/inject-ca-from: vault/injector-certificate}"},
			{shared, section("injector", "tls_cert_file"), "/etc/webhook/certs/tls.crt"},
			{shared, section("injector", "tls_auto"), `""`},
			{injector, pod("volumes", 1), "{name: webhook-certs, secret: {secretName: injector-tls}}"},
			{"PodDisruptionBudget vault-agent-injector", []any{"spec", "maxUnavailable"}, "1"},
		},
		"csi-with-agent": {
			{provider, container("args", 2), "--log-level=debug"},
			{provider, container("args", 3), "--vault-tls-ca-cert=/tls/ca.crt"},
			{provider, pod("volumes", 1, "hostPath", "path"), "/etc/kubernetes/secrets-store-csi-providers"},
			{provider, pod("tolerations"), "[{operator: Exists}]"},
			{shared, section("csi", "hmac_secret"), "hmac"},
			{provider, []any{"spec", "updateStrategy", "rollingUpdate", "maxUnavailable"}, "1"},
		},
		"openshift": {
			{provider, container("securityContext", "privileged"), "true"},
			{injector, pod("securityContext", "runAsUser"), `""`},
			{shared, section("injector", "set_security_context"), "false"},
			{"NetworkPolicy vault-agent-injector", []any{"spec", "policyTypes"}, "[Ingress]"},
		},
		"vso-defaults": {
			{operator, container("image"), "vaultk8s/vaultk8s:0.1.0"},
			{operator, container("resources"), "{requests: {cpu: 25m, memory: 64Mi}, limits: {memory: 256Mi}}"},
		},
		"vso-install": {
			{"VaultConnection default", []any{"spec", "address"}, "https://vault.example.com:8200"},
			{"VaultAuth default", []any{"spec"}, "{vaultConnectionRef: default, method: kubernetes, mount: kubernetes, kubernetes: {serviceAccount: default}}"},
		},
		"vso-tuned": {
			{operator, []any{"spec", "replicas"}, "3"},
			{operator, container("image"), "vaultk8s/vaultk8s:0.1.0"},
			{operator, container("resources", "limits", "memory"), "1Gi"},
			{operator, pod("terminationGracePeriodSeconds"), "60"},
			{"PodDisruptionBudget vault-controller-manager", []any{"spec", "minAvailable"}, "2"},
			{shared, section("operator"), `{metrics_address: ":8080", health_address: ":8081", leader_elect: true, backoff_initial_interval: 10s,
				backoff_max_interval: 5m, backoff_max_elapsed_time: 0s, backoff_randomization_factor: 0.5, backoff_multiplier: 1.5,
				global_vault_auth_options: none, global_transformation_options: exclude-raw, client_cache_persistence_model: direct-unencrypted,
				client_cache_size: 50000, max_concurrent_reconciles: 250, kube_qps: 100, kube_burst: 200}`},
			{"ServiceMonitor vault-controller-manager", []any{"spec", "endpoints", 0, "interval"}, "15s"},
			{"ServiceMonitor vault-controller-manager", []any{"metadata", "labels", "release"}, "prometheus"},
		},
		"vso-transit": {
			{"VaultConnection default", []any{"spec", "caCertPath"}, "/ca/ca.crt"},
			{"VaultAuth vault-default-transit-auth", []any{"spec"}, `{vaultConnectionRef: default, method: kubernetes, mount: k8s-vso, namespace: tenant,
				storageEncryption: {mount: transit-vso, keyName: vso-client-cache},
				kubernetes: {role: auth-role-operator, serviceAccount: vso-operator, audiences: [vault]}}`},
			{operator, container("volumeMounts", 1), "{name: ca, mountPath: /ca, readOnly: true}"},
			{operator, pod("volumes", 1), "{name: ca, secret: {secretName: ca}}"},
		},
		"vso-approle-global": {
			{"VaultConnection default", []any{"spec"}, "{address: 'http://vault.vault.svc:8200', caCertSecretRef: ca, skipTLSVerify: true}"},
			{"VaultAuth default", []any{"spec"}, `{vaultConnectionRef: default, method: appRole, mount: approle, namespace: tenant, allowedNamespaces: ["*"],
				appRole: {roleId: 1-2-3, secretRef: approle}, params: {a: b}, headers: {X-Team: platform},
				vaultAuthGlobalRef: {allowDefault: true, mergeStrategy: {headers: union, params: replace}}}`},
		},
	}
	for name, checks := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := render(t, "-f", "testdata/old/"+name+".yaml")
			for _, c := range checks {
				compare(t, all, c.object, c.path, c.want)
			}
		})
	}
}

// compare looks at one place of an object, given as kind and name. Text that holds
// YAML is read on the way.
func compare(t *testing.T, all objects, object string, path []any, want string) {
	t.Helper()
	var kind, name string
	if _, err := fmt.Sscan(object, &kind, &name); err != nil {
		t.Fatal(err)
	}
	var got any = all.one(t, kind, name).Object
	for _, step := range path {
		got = at(got, step)
		if step == "config.yaml" {
			text, _ := got.(string)
			if err := yaml.Unmarshal([]byte(text), &got); err != nil {
				t.Fatal(err)
			}
		}
	}
	var wanted any
	if err := yaml.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatalf("%v in %s", err, want)
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Errorf("%s %v: %s", object, path, diff)
	}
}

// TestModes says which modes values turn on, with the commands of installation
// guides among them.
func TestModes(t *testing.T) {
	cases := map[string]struct {
		set  []string
		want []string // injector, csi, operator
	}{
		"nothing said":              {want: []string{"injector"}},
		"injector":                  {set: []string{"injector.enabled=true", "server.enabled=false"}, want: []string{"injector"}},
		"csi":                       {set: []string{"server.enabled=false", "injector.enabled=false", "csi.enabled=true"}, want: []string{"csi"}},
		"csi beside":                {set: []string{"csi.enabled=true"}, want: []string{"injector", "csi"}},
		"csi follows":               {set: []string{"csi.enabled=-"}, want: []string{"injector", "csi"}},
		"a connection":              {set: []string{"defaultVaultConnection.enabled=true"}, want: []string{"operator"}},
		"a login":                   {set: []string{"defaultAuthMethod.enabled=true"}, want: []string{"operator"}},
		"values of VSO":             {set: []string{"controller.replicas=2"}, want: []string{"operator"}},
		"values of VSO, injector":   {set: []string{"controller.replicas=2", "injector.enabled=true"}, want: []string{"injector", "operator"}},
		"operator":                  {set: []string{"operator.enabled=true"}, want: []string{"injector", "operator"}},
		"operator off all the same": {set: []string{"operator.enabled=false", "defaultAuthMethod.enabled=true"}, want: []string{"injector"}},
		"global off":                {set: []string{"global.enabled=false"}},
		"global off, injector on":   {set: []string{"global.enabled=false", "injector.enabled=true"}, want: []string{"injector"}},
		"server off, ha on":         {set: []string{"server.enabled=false", "server.ha.enabled=true"}, want: []string{"injector"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var args []string
			for _, s := range tc.set {
				args = append(args, "--set", s)
			}
			all := render(t, args...)
			var got []string
			if all.has("MutatingWebhookConfiguration") {
				got = append(got, "injector")
			}
			if all.has("DaemonSet") {
				got = append(got, "csi")
			}
			if all.has("CustomResourceDefinition") {
				got = append(got, "operator")
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
			if len(tc.want) == 0 && len(all) > 0 {
				t.Errorf("nothing is on, and yet there are %v", all.names())
			}
		})
	}
}
