package injector

import "time"

// The sections of the table that the old injector does not have.

func ownContainerRows() []row {
	rows := []row{
		{
			name: "agent-sidecar", kind: "`auto`, `classic` or `native`", fallback: "the injector's, else `auto`", option: func(o *Options) string { return o.Sidecar },
			set:    oneOf(inPlan(func(p *plan) *string { return &p.sidecar }), sidecarAuto, sidecarClassic, sidecarNative),
			effect: "`native` puts one agent among the init containers, which starts before the application and ends after it, so that Jobs complete. `auto` does so for pods of a Job, if the cluster is Kubernetes 1.29 or newer.",
		},
		{
			name: "agent-flavor", kind: "`auto`, `vaultk8s`, `vault` or `openbao`", fallback: "the injector's, else `auto`", option: func(o *Options) string { return o.Flavor },
			set:    oneOf(inPlan(func(p *plan) *string { return &p.flavor }), flavorAuto, flavorOurs, flavorVault, flavorOpenBao),
			effect: "What the agent's image holds. `auto` goes by the image's name.",
		},
		{
			name: "agent-image-pull-policy", kind: "`Always`, `IfNotPresent` or `Never`", fallback: "the injector's, else the cluster's", option: func(o *Options) string { return o.ImagePullPolicy },
			set:    exactly(inPlan(func(p *plan) *string { return &p.pullPolicy }), "Always", "IfNotPresent", "Never"),
			effect: "When the agent's image is pulled.",
		},
		{
			name: "agent-seccomp-profile", kind: "`RuntimeDefault`, `Unconfined` or `Localhost/FILE`", fallback: "`RuntimeDefault`", option: func(o *Options) string { return o.SeccompProfile }, set: seccomp,
			effect: "Seccomp profile of the agent's containers. Empty for none.",
		},
		{
			name: "agent-extra-env-NAME", kind: "text", set: extraEnv,
			effect: "Environment variable NAME of the agent's containers. It takes the place of one that the injector sets.",
		},
		{
			name: "agent-extra-config", kind: "name of a ConfigMap", set: trimmed(inPlan(func(p *plan) *string { return &p.extraConfig })),
			effect: "Agent documents (`*.hcl`, `*.json`) that the agent reads besides the one of the annotations; for more secrets than annotations can hold.",
		},
		{
			name: "agent-ca-path", kind: "path", set: trimmed(inPlan(func(p *plan) *string { return &p.vault.caPath })),
			effect: "Directory of certificates of authorities; another name for `vault.hashicorp.com/ca-key`.",
		},
		{
			name: "agent-token-audience", kind: "text", fallback: "the injector's", option: func(o *Options) string { return o.TokenAudience }, set: trimmed(inPlan(func(p *plan) *string { return &p.audience })),
			effect: "The agent logs in with a service-account token of its own, made for this audience. Without it, a token of its own is added only to pods that mount none.",
		},
		{
			name: "agent-token-expiration", kind: "duration", fallback: "1h", set: span(inPlan(func(p *plan) *time.Duration { return &p.expiration }), 10*time.Minute),
			effect: "Life of that token, at least 10 minutes; it is renewed in time.",
		},
	}
	rows = append(rows, amountRows("agent-init-", "of the init container alone", func(p *plan) *amounts { return &p.initAmounts })...)
	return append(rows, amountRows("agent-sidecar-", "of the sidecar alone", func(p *plan) *amounts { return &p.sidecarAmounts })...)
}

func ownSecretRows() []row {
	at := func(field func(*secretPlan) *string) setter { return trimmed(inSecret(field)) }
	return []row{
		{
			name: "agent-inject-format-NAME", kind: "word", needsOurs: true, set: format,
			effect: "Shape of the file in place of a template, such as `json`, `yaml`, `env` or `properties`. The entries of a KV v2 secret are taken out of their `data`.",
		},
		{
			name: "agent-inject-keys-NAME", kind: "list", fallback: "all", needsOurs: true, set: list(inSecret(func(s *secretPlan) *[]string { return &s.keys })),
			effect: "The keys of the secret that the format takes; `raw` takes one.",
		},
		{
			name: "agent-keystore-password-file-NAME", kind: "path", needsOurs: true, set: at(func(s *secretPlan) *string { return &s.keystore.PasswordFile }),
			effect: "File with the password of the keystore, for the formats `pkcs12` and `jks`.",
		},
		{
			name: "agent-keystore-password-key-NAME", kind: "text", needsOurs: true, set: at(func(s *secretPlan) *string { return &s.keystore.PasswordKey }),
			effect: "Key of the secret that holds that password.",
		},
		{
			name: "agent-keystore-alias-NAME", kind: "text", fallback: "`certificate`", needsOurs: true, set: at(func(s *secretPlan) *string { return &s.keystore.Alias }),
			effect: "Alias in the keystore, for the format `jks`.",
		},
		{
			name: "agent-signal-NAME", kind: "SIGNAL:PROCESS", set: at(func(s *secretPlan) *string { return &s.signal }),
			effect: "Sends the signal to the process, as in `HUP:nginx`, after each change of the file. The pod's processes are shared for it; the agent must run as the user of the process.",
		},
		{
			name: "agent-k8s-secret-NAME", kind: "SECRET/KEY", needsOurs: true, set: at(func(s *secretPlan) *string { return &s.kubernetesSecret }),
			effect: "Keeps the content in this key of a Kubernetes Secret of the pod's namespace, too. The pod's service account must be allowed to write it.",
		},
		{
			name: "agent-containers-NAME", kind: "list", fallback: "as `agent-inject-containers`", set: list(inSecret(func(s *secretPlan) *[]string { return &s.containers })),
			effect: "The only containers and init containers that see the file. It has a directory of its own: that of `secret-volume-path-NAME`, else the usual one with `-NAME` at its end.",
		},
		{name: "agent-role-NAME", kind: "text", fallback: "as `role`", needsOurs: true, ofVariable: true, set: at(func(s *secretPlan) *string { return &s.role }), effect: "Role that reads the file or the environment variable of this NAME."},
		{name: "agent-namespace-NAME", kind: "Vault namespace", fallback: "as `namespace`", needsOurs: true, ofVariable: true, set: at(func(s *secretPlan) *string { return &s.namespace }), effect: "Vault namespace that the file or the variable of this NAME comes from, and of the login for it."},
		{name: "agent-address-NAME", kind: "URL", fallback: "as `service`", needsOurs: true, ofVariable: true, set: at(func(s *secretPlan) *string { return &s.address }), effect: "Vault that the file or the variable of this NAME comes from."},
		{name: "agent-auth-path-NAME", kind: "path", fallback: "as `auth-path`", needsOurs: true, ofVariable: true, set: at(func(s *secretPlan) *string { return &s.authPath }), effect: "Mount of the auth method for the file or the variable of this NAME."},
		{name: "agent-auth-type-NAME", kind: "word", fallback: "as `auth-type`", needsOurs: true, ofVariable: true, set: method(inSecret(func(s *secretPlan) *string { return &s.authType })), effect: "Way to log in for the file or the variable of this NAME."},
	}
}

func ownEnvRows() []row {
	return []row{
		{
			name: "agent-env-NAME", kind: "PATH#KEY", needsOurs: true, set: envPath,
			effect: "Environment variable NAME of the application, such as `secret/data/app#password`. The container's command is run by the agent; nothing secret is in the pod's specification.",
		},
		{
			name: "agent-env-template-NAME", kind: "template", needsOurs: true, set: envTemplate,
			effect: "Environment variable NAME of the application, from a template.",
		},
		{
			name: "agent-env-containers", kind: "list", fallback: "as `agent-inject-containers`", set: list(inPlan(func(p *plan) *[]string { return &p.envContainers })),
			effect: "The containers that get the variables. Each must have a `command`.",
		},
		{
			name: "agent-env-restart", kind: "`always` or `never`", fallback: "`always`", set: oneOf(inPlan(func(p *plan) *string { return &p.envRestart }), "always", "never"),
			effect: "Whether the application is started again when a variable changes.",
		},
		{
			name: "agent-env-binary", kind: "`copy` or `image`", fallback: "the injector's, else `copy`", option: func(o *Options) string { return o.EnvBinary },
			set:    oneOf(inPlan(func(p *plan) *string { return &p.envBinary }), binaryCopy, binaryImage),
			effect: "How the agent comes into the application's container: an init container copies it to a volume of the pod, or its image is mounted, which needs Kubernetes 1.33 or newer.",
		},
	}
}
