package config

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

// defaultOperator is the operator's section where nothing is said.
func defaultOperator() Operator {
	return Operator{
		MetricsAddress: ":8080", HealthAddress: ":8081", LeaderElect: true, Shards: 1, UninstallTimeout: time.Minute,
		ClientCacheSize: 10000, ClientCacheLocks: 100, PersistenceModel: "none", VaultAuthOptions: []string{"allow-default-globals"},
		ConnectionInterval: 5 * time.Minute, MaxConcurrent: 100, BackoffInitial: 5 * time.Second, BackoffMax: time.Minute,
		BackoffRandomization: 0.5, BackoffMultiplier: 1.5, MinRefreshAfterHVSA: 30 * time.Second,
	}
}

// fullOperator is what testdata/full.yaml says.
func fullOperator() Operator {
	return Operator{
		MetricsAddress: "127.0.0.1:8443", MetricsSecure: true, MetricsCert: "/tls/tls.crt", MetricsKey: "/tls/tls.key", PprofAddress: "127.0.0.1:6060",
		Kubeconfig: "/k/config", Namespace: "vault", PodName: "operator-0", PodUID: "1234", Namespaces: []string{"shop", "bank"},
		Shards: 4, ShardQuota: 2, KubeQPS: 50.5, KubeBurst: 100, Defaults: "/etc/vaultk8s/defaults.yaml", Uninstall: true, UninstallTimeout: 2 * time.Minute,
		ClientCacheSize: 7, ClientCacheLocks: 8, PersistenceModel: "direct-encrypted", ConnectionInterval: 30 * time.Second, VaultQPS: 20, VaultBurst: 40,
		SecretIDFolders: []string{"/secret-ids", "/more"}, MaxConcurrent: 9, MaxConcurrentDynamic: 10, TransformationOptions: []string{"exclude-raw"},
		BackoffInitial: time.Second, BackoffMax: 2 * time.Minute, BackoffMaxElapsed: time.Hour, BackoffRandomization: 0.25, BackoffMultiplier: 2,
		MinRefreshAfterHVSA: time.Minute,
	}
}

// The variables of the old operator are stronger than the flags that its chart
// gives; ours are not.
func TestVariablesOfTheOldOperator(t *testing.T) {
	cases := map[string]struct {
		vars map[string]string
		args []string
		want func(*Operator)
	}{
		"every variable": {
			vars: map[string]string{
				"VSO_CLIENT_CACHE_SIZE": "5", "VSO_CLIENT_CACHE_NUM_LOCKS": "6", "VSO_CLIENT_CACHE_PERSISTENCE_MODEL": "direct-unencrypted",
				"VSO_MAX_CONCURRENT_RECONCILES": "7", "VSO_GLOBAL_TRANSFORMATION_OPTIONS": "exclude-raw", "VSO_GLOBAL_VAULT_AUTH_OPTIONS": "none",
				"VSO_BACKOFF_INITIAL_INTERVAL": "2s", "VSO_BACKOFF_MAX_INTERVAL": "3m", "VSO_BACKOFF_MAX_ELAPSED_TIME": "1h",
				"VSO_BACKOFF_RANDOMIZATION_FACTOR": "0.1", "VSO_BACKOFF_MULTIPLIER": "3", "VSO_KUBE_CLIENT_QPS": "11", "VSO_KUBE_CLIENT_BURST": "22",
				"OPERATOR_NAMESPACE": "vso", "OPERATOR_POD_NAME": "vso-0", "OPERATOR_POD_UID": "u",
			},
			want: func(o *Operator) {
				o.ClientCacheSize, o.ClientCacheLocks, o.PersistenceModel, o.MaxConcurrent = 5, 6, "direct-unencrypted", 7
				o.TransformationOptions, o.VaultAuthOptions = []string{"exclude-raw"}, nil
				o.BackoffInitial, o.BackoffMax, o.BackoffMaxElapsed = 2*time.Second, 3*time.Minute, time.Hour
				o.BackoffRandomization, o.BackoffMultiplier, o.KubeQPS, o.KubeBurst = 0.1, 3, 11, 22
				o.Namespace, o.PodName, o.PodUID = "vso", "vso-0", "u"
			},
		},
		"over a flag": {
			vars: map[string]string{"VSO_MAX_CONCURRENT_RECONCILES": "7", "VAULTK8S_OPERATOR_CLIENT_CACHE_SIZE": "8"},
			args: []string{"--max-concurrent-reconciles=9", "--client-cache-size=10"},
			want: func(o *Operator) { o.MaxConcurrent, o.ClientCacheSize = 7, 10 },
		},
		"no addresses": {
			args: []string{"--metrics-bind-address=0", "--health-probe-bind-address=0"},
			want: func(o *Operator) { o.MetricsAddress, o.HealthAddress = "", "" },
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
			AddFlags(flags, "operator")
			if err := flags.Parse(c.args); err != nil {
				t.Fatal(err)
			}
			got, err := Load(LoadOptions{Flags: flags, LookupEnv: env(c.vars)})
			if err != nil {
				t.Fatal(err)
			}
			want := defaultOperator()
			c.want(&want)
			if diff := cmp.Diff(want, got.Operator); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestOperatorRefusals(t *testing.T) {
	cases := map[string]string{
		"VSO_CLIENT_CACHE_PERSISTENCE_MODEL=direct": `env VSO_CLIENT_CACHE_PERSISTENCE_MODEL: key "operator.client_cache_persistence_model": "direct" is none of none, direct-unencrypted, direct-encrypted`,
		"VSO_GLOBAL_TRANSFORMATION_OPTIONS=raw":     `env VSO_GLOBAL_TRANSFORMATION_OPTIONS: key "operator.global_transformation_options": "raw" is none of exclude-raw`,
		"VSO_BACKOFF_MULTIPLIER=-1":                 `env VSO_BACKOFF_MULTIPLIER: key "operator.backoff_multiplier": "-1" is below 0`,
		"VAULTK8S_OPERATOR_SHARDS=0":                `env VAULTK8S_OPERATOR_SHARDS: key "operator.shards": 0 is below 1`,
	}
	for given, want := range cases {
		name, value, _ := strings.Cut(given, "=")
		_, err := Load(LoadOptions{LookupEnv: env(map[string]string{name: value})})
		var problems Problems
		if !errors.As(err, &problems) || err.Error() != want {
			t.Errorf("%s\n got %v\nwant %s", given, err, want)
		}
	}
}

func TestWordsOfTheOperator(t *testing.T) {
	o := defaultOperator()
	if o.ExcludeRaw() || !o.DefaultGlobals() {
		t.Error("the defaults are others")
	}
	o = fullOperator()
	if !o.ExcludeRaw() || o.DefaultGlobals() {
		t.Error("the options are not seen")
	}
}
