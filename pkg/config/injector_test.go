package config

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

// defaultInjector is the injector's section where nothing is said.
func defaultInjector() Injector {
	return Injector{
		Listen: ":8080", DrainDelay: 5 * time.Second,
		Flavor: "auto", Binary: "/usr/local/bin/vaultk8s", AuthType: "kubernetes", AuthPath: "auth/kubernetes",
		RunAsUser: 100, RunAsGroup: 1000, SetSecurityContext: true, SeccompProfile: "RuntimeDefault",
		CPURequest: "250m", CPULimit: "500m", MemoryRequest: "64Mi", MemoryLimit: "128Mi",
		DefaultTemplate: "map", ExitOnRetryFailure: true, Sidecar: "auto", NativeSidecars: "auto", EnvBinary: "copy", TokenExpiration: time.Hour,
		TLSMinVersion: "tls12", SecretName: "vaultk8s-injector-certs", LeaseName: "vaultk8s-injector",
	}
}

// fullInjector is what testdata/full.yaml says.
func fullInjector() Injector {
	return Injector{
		Listen: "0.0.0.0:9443", MetricsPath: "/metrics", DrainDelay: 7 * time.Second,
		AllowedAddresses: []string{"https://vault.example.com:8200", "https://*.vault.svc"},
		VaultAddress:     "https://vault.example.com", VaultNamespace: "team-c", VaultCACertBytes: "cGVt", ProxyAddress: "http://proxy:1",
		Image: "registry/vaultk8s:1", Flavor: "vaultk8s", Binary: "/vaultk8s", ImagePullPolicy: "Always",
		AuthType: "jwt", AuthPath: "auth/jwt", AuthMinBackoff: "2s", AuthMaxBackoff: "1m",
		DefaultTemplate: "json", RenderInterval: "30s", MaxConnectionsPerHost: 4, LeaseRenewalThreshold: 0.5,
		DisableIdleConnections: "caching", DisableKeepAlives: "auto-auth,templating", RevokeOnShutdown: true,
		RunAsUser: 7, RunAsGroup: 8, RunAsSameUser: true, SeccompProfile: "", CPURequest: "1m", CPULimit: "",
		MemoryRequest: "1Mi", MemoryLimit: "2Mi", EphemeralRequest: "3Mi", EphemeralLimit: "4Mi",
		Sidecar: "native", NativeSidecars: "true", EnvBinary: "image", TokenAudience: "vault", TokenExpiration: 2 * time.Hour,
		TLSAuto: "cfg", TLSAutoHosts: []string{"injector", "injector.vault.svc"}, TLSCertFile: "/tls.crt", TLSKeyFile: "/tls.key",
		TLSCACertFile: "/ca.crt", TLSMinVersion: "tls13", TLSCipherSuites: []string{"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"},
		UseLeaderElector: true, Namespace: "vault", PodName: "injector-0", SecretName: "certs", LeaseName: "leader",
		ReportMissing: true, ReportSelector: "app=web", KubernetesAddress: "https://kubernetes:6443", KubernetesCAFile: "/k/ca", KubernetesToken: "/k/token",
	}
}

// Every variable of the old injector, by the field that it sets.
func TestVariablesOfTheOldInjector(t *testing.T) {
	vars := map[string]string{
		"LISTEN": "0.0.0.0:9443", "TELEMETRY_PATH": "/metrics", "VAULT_ADDR": "https://vault.example.com", "VAULT_NAMESPACE": "team-c",
		"VAULT_CACERT_BYTES": "cGVt", "PROXY_ADDR": "http://proxy:1", "VAULT_IMAGE": "registry/vaultk8s:1", "VAULT_AUTH_TYPE": "jwt",
		"VAULT_AUTH_PATH": "auth/jwt", "AUTH_MIN_BACKOFF": "2s", "AUTH_MAX_BACKOFF": "1m", "DEFAULT_TEMPLATE": "json",
		"TEMPLATE_CONFIG_EXIT_ON_RETRY_FAILURE": "false", "TEMPLATE_STATIC_SECRET_RENDER_INTERVAL": "30s",
		"TEMPLATE_MAX_CONNECTIONS_PER_HOST": "4", "TEMPLATE_LEASE_RENEWAL_THRESHOLD": "0.5",
		"DISABLE_IDLE_CONNECTIONS": "caching", "DISABLE_KEEP_ALIVES": "auto-auth,templating", "REVOKE_ON_SHUTDOWN": "1",
		"RUN_AS_USER": "7", "RUN_AS_GROUP": "8", "RUN_AS_SAME_USER": "t", "SET_SECURITY_CONTEXT": "false",
		"CPU_REQUEST": "1m", "CPU_LIMIT": "none", "MEM_REQUEST": "1Mi", "MEM_LIMIT": "2Mi", "EPHEMERAL_REQUEST": "3Mi", "EPHEMERAL_LIMIT": "4Mi",
		"TLS_AUTO": "cfg", "TLS_AUTO_HOSTS": "injector,injector.vault.svc", "TLS_CERT_FILE": "/tls.crt", "TLS_KEY_FILE": "/tls.key",
		"TLS_CA_CERT_FILE": "/ca.crt", "TLS_MIN_VERSION": "tls13", "TLS_CIPHER_SUITES": "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
		"USE_LEADER_ELECTOR": "true", "LOG_LEVEL": "warning", "LOG_FORMAT": "json",
	}
	set := map[string]string{"NAMESPACE": "vault", "POD_NAME": "injector-0"}
	for name, value := range vars {
		set["AGENT_INJECT_"+name] = value
	}
	c, err := Load(LoadOptions{LookupEnv: env(set)})
	if err != nil {
		t.Fatal(err)
	}
	want := fullInjector()
	standard := defaultInjector()
	want.DrainDelay, want.AllowedAddresses, want.Flavor, want.Binary, want.ImagePullPolicy = standard.DrainDelay, nil, "auto", standard.Binary, ""
	want.SeccompProfile, want.Sidecar, want.NativeSidecars, want.EnvBinary = "RuntimeDefault", "auto", "auto", "copy"
	want.TokenAudience, want.TokenExpiration, want.SecretName, want.LeaseName = "", time.Hour, standard.SecretName, standard.LeaseName
	want.ReportMissing, want.ReportSelector, want.KubernetesAddress, want.KubernetesCAFile, want.KubernetesToken = false, "", "", "", ""
	if diff := cmp.Diff(want, c.Injector); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if c.Log.Level != "warn" || c.Log.Format != "json" {
		t.Errorf("log %+v", c.Log)
	}
}

// The old injector lets a variable beat a flag; here it is the other way round, as
// everywhere else.
func TestFlagOfTheInjectorBeatsItsVariable(t *testing.T) {
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	AddFlags(flags, "injector")
	if err := flags.Parse([]string{"--vault-image=flag"}); err != nil {
		t.Fatal(err)
	}
	c, err := Load(LoadOptions{Flags: flags, LookupEnv: env(map[string]string{"AGENT_INJECT_VAULT_IMAGE": "variable"})})
	if err != nil || c.Injector.Image != "flag" {
		t.Errorf("got %v, %v", c, err)
	}
}

func TestBadInjector(t *testing.T) {
	_, err := Load(LoadOptions{LookupEnv: env(map[string]string{
		"AGENT_INJECT_LISTEN": "8080", "AGENT_INJECT_RUN_AS_USER": "-1", "AGENT_INJECT_AUTH_MIN_BACKOFF": "soon",
		"AGENT_INJECT_TEMPLATE_LEASE_RENEWAL_THRESHOLD": "2", "VAULTK8S_INJECTOR_NATIVE_SIDECARS": "maybe", "AGENT_INJECT_VAULT_ADDR": "vault:8200",
	})})
	want := []string{
		`env AGENT_INJECT_AUTH_MIN_BACKOFF: key "injector.auth_min_backoff": "soon" is not a duration: write seconds (30) or a number with a unit (30s, 5m, 1h30m, 2d)`,
		`env AGENT_INJECT_LISTEN: key "injector.listen": "8080" is not an address to listen on: write HOST:PORT or :PORT`,
		`env AGENT_INJECT_RUN_AS_USER: key "injector.run_as_user": -1 is below 0`,
		`env AGENT_INJECT_TEMPLATE_LEASE_RENEWAL_THRESHOLD: key "injector.template_lease_renewal_threshold": "2" is not a fraction of at least 0 and below 1`,
		`env AGENT_INJECT_VAULT_ADDR: key "injector.vault_address": not a URL of a server: write https://HOST:PORT, http://HOST:PORT or unix:///PATH`,
		`env VAULTK8S_INJECTOR_NATIVE_SIDECARS: key "injector.native_sidecars": "maybe" is none of auto, true, false`,
	}
	var problems Problems
	if !errors.As(err, &problems) {
		t.Fatalf("got %v", err)
	}
	if diff := cmp.Diff(want, strings.Split(problems.Error(), "\n")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
