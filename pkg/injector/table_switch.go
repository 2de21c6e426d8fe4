package injector

// The sections of the table that the old injector has, part one: what is
// injected, and into which containers.

func switchRows() []row {
	return []row{
		{name: "agent-inject", kind: "bool", fallback: "false", effect: "Asks for injection. It belongs on the pod, so on the template of a Deployment."},
		{
			name: "agent-inject-status", kind: "text",
			effect: "Written by the injector: `injected`. A pod that has this value is left alone; any other value lets injection go on.",
		},
		{
			name: "agent-inject-containers", kind: "list", fallback: "all containers", set: func(p *parser, a arg) {
				list(inPlan(func(p *plan) *[]string { return &p.containers }))(p, a)
				p.plan.containersSaid = true
			},
			effect: "The containers that get the files. Init containers get them in any case, if `agent-pre-populate` is true. Unknown names cause a warning.",
		},
		{
			name: "agent-request-namespace", kind: "namespace", fallback: "the pod's", set: trimmed(inPlan(func(p *plan) *string { return &p.namespace })),
			effect: "Namespace of the pod, for tools that inject without a request. It must not be empty.",
		},
	}
}

func secretRows() []row {
	return []row{
		{
			name: "agent-inject-secret-NAME", kind: "path of a secret", set: trimmed(inSecret(func(s *secretPlan) *string { return &s.path })),
			effect: "Renders this secret to the file NAME, in lower case, with the default template. A template takes its place; the template names its own paths.",
		},
		{
			name: "agent-inject-template-NAME", kind: "template", set: func(p *parser, a arg) {
				s := p.secret(a)
				s.contents, s.contentsKey = blankIsNone(a.value), a.key
			},
			effect: "Renders this template to the file NAME.",
		},
		{
			name: "agent-inject-template-file-NAME", kind: "path", set: trimmed(inSecret(func(s *secretPlan) *string { return &s.source })),
			effect: "Renders a template from a file that the agent can see, for example of `agent-extra-secret`. `agent-inject-template-NAME` takes its place.",
		},
		{
			name: "agent-inject-default-template", kind: "`map` or `json`", fallback: "`map`", option: func(o *Options) string { return o.DefaultTemplate }, set: defaultTemplate,
			effect: "Template of secrets without one: `map` writes a line `key: value` for each entry, `json` one line of JSON. Both show a KV v2 secret with its `data` and `metadata`; `vaultk8s.io/agent-inject-format-NAME` does not.",
		},
		{
			name: "agent-inject-file-NAME", kind: "relative path", fallback: "NAME", set: text(inSecret(func(s *secretPlan) *string { return &s.file })),
			effect: "File name below the directory of the secret; folders are made. It must not lead out of the directory.",
		},
		{
			name: "agent-inject-perms-NAME", kind: "octal number", fallback: "those of the file, or 0644", set: perms,
			effect: "Permissions of the file, such as `0400`.",
		},
		{
			name: "agent-inject-command-NAME", kind: "command", set: text(inSecret(func(s *secretPlan) *string { return &s.command })),
			effect: "Runs in the agent's container after each change of the file.",
		},
		{
			name: "agent-template-left-delim-NAME", kind: "text", fallback: "`{{`", set: delimiter(func(s *secretPlan) *string { return &s.left }),
			effect: "Opens an action in the template.",
		},
		{
			name: "agent-template-right-delim-NAME", kind: "text", fallback: "`}}`", set: delimiter(func(s *secretPlan) *string { return &s.right }),
			effect: "Closes an action in the template.",
		},
		{
			name: "error-on-missing-key-NAME", kind: "bool", fallback: "false", set: boolean(inSecret(func(s *secretPlan) *bool { return &s.errorOnMissing })),
			effect: "A key that the secret does not have is an error, instead of `<no value>`.",
		},
		{
			name: "secret-volume-path", kind: "path", fallback: "`/vault/secrets`", set: directory(inPlan(func(p *plan) *string { return &p.secretDir })),
			effect: "Where the files are.",
		},
		{
			name: "secret-volume-path-NAME", kind: "path", fallback: "as `secret-volume-path`", set: directory(inSecret(func(s *secretPlan) *string { return &s.dir })),
			effect: "Where this file is; each directory is a volume of its own.",
		},
		{
			name: "preserve-secret-case", kind: "bool", fallback: "false", set: lax(inPlan(func(p *plan) **bool { return &p.preserveCase })),
			effect: "Keeps the case of NAME in file names.",
		},
		{
			name: "preserve-secret-case-NAME", kind: "bool", fallback: "as `preserve-secret-case`", set: lax(inSecret(func(s *secretPlan) **bool { return &s.preserveCase })),
			effect: "Keeps the case of NAME in this file name.",
		},
		{
			name: "agent-inject-token", kind: "bool", fallback: "false", set: boolean(inPlan(func(p *plan) *bool { return &p.injectToken })),
			effect: "Writes the agent's Vault token to the file `token` beside the secrets.",
		},
	}
}

func containerRows() []row {
	return []row{
		{
			name: "agent-image", kind: "image", fallback: "the injector's", set: trimmed(inPlan(func(p *plan) *string { return &p.image })),
			effect: "Image of the agent. An image of Vault or OpenBao is started as the old injector starts it.",
		},
		{
			name: "agent-init-first", kind: "bool", fallback: "false", set: boolean(inPlan(func(p *plan) *bool { return &p.initFirst })),
			effect: "Puts the agent's init container before the others instead of after them.",
		},
		{
			name: "agent-pre-populate", kind: "bool", fallback: "true", set: boolean(inPlan(func(p *plan) *bool { return &p.prePopulate })),
			effect: "Renders before the application starts: adds the init container.",
		},
		{
			name: "agent-pre-populate-only", kind: "bool", fallback: "false", set: boolean(inPlan(func(p *plan) *bool { return &p.prePopulateOnly })),
			effect: "Adds no sidecar: nothing is renewed or refreshed.",
		},
		{
			name: "agent-configmap", kind: "name of a ConfigMap", set: trimmed(inPlan(func(p *plan) *string { return &p.configMap })),
			effect: "The agent's own documents: `config-init.hcl` for the init container and `config.hcl` for the sidecar, at `/vault/configs`. Annotations that make a document have no effect then.",
		},
		{
			name: "agent-extra-secret", kind: "name of a Secret", set: trimmed(inPlan(func(p *plan) *string { return &p.extraSecret })),
			effect: "Mounted at `/vault/custom` in the agent's containers only.",
		},
		{
			name: "agent-copy-volume-mounts", kind: "name of a container", set: trimmed(inPlan(func(p *plan) *string { return &p.copyMounts })),
			effect: "The agent's containers get the mounts of this container, except for service-account tokens. An unknown name causes a warning.",
		},
		{
			name: "agent-share-process-namespace", kind: "bool", fallback: "the pod's", set: maybe(inPlan(func(p *plan) **bool { return &p.shareProcesses })),
			effect: "Lets the agent see, and signal, the processes of the application.",
		},
		{
			name: "agent-revoke-on-shutdown", kind: "bool", fallback: "the injector's, else false", set: boolean(inPlan(func(p *plan) *bool { return &p.revoke })),
			effect: "The sidecar revokes its token, and with it all leases, when it ends.",
		},
		{
			name: "agent-revoke-grace", kind: "seconds", fallback: "5", set: grace,
			effect: "How long the sidecar goes on before it revokes its token.",
		},
		{
			name: "agent-enable-quit", kind: "bool", fallback: "false", set: boolean(inPlan(func(p *plan) *bool { return &p.quit })),
			effect: "A request to `/agent/v1/quit` of the listener ends the agent.",
		},
		{
			name: "agent-json-patch", kind: "JSON patch", set: patch(inPlan(func(p *plan) *string { return &p.patch })),
			effect: "Changes the sidecar at the very end (RFC 6902).",
		},
		{
			name: "agent-init-json-patch", kind: "JSON patch", set: patch(inPlan(func(p *plan) *string { return &p.initPatch })),
			effect: "Changes the init container at the very end (RFC 6902).",
		},
	}
}
