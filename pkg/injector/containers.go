package injector

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Names of containers; the first two are the old injector's.
const (
	containerSidecar = "vault-agent"
	containerInit    = "vault-agent-init"
	containerInstall = "vaultk8s-install"
)

const (
	documentVariable = "VAULT_CONFIG"
	caBytesVariable  = "VAULT_CACERT_BYTES"
	socketVariable   = "VAULTK8S_AGENT_SOCKET"

	// A start-up probe that asks each second lets the application start at once
	// after the first files. It may wait for an hour, 3600 times a second: an
	// agent that cannot reach Vault is not helped by a restart.
	probePeriod   = 1
	probeFailures = 3600
	probeTimeout  = 5
)

// agentContainer returns the init container or the sidecar.
func (b *builder) agentContainer(init bool) (corev1.Container, error) {
	p := b.plan
	c := corev1.Container{
		Name: containerSidecar, Image: p.image, ImagePullPolicy: corev1.PullPolicy(p.pullPolicy),
		SecurityContext: p.context(), VolumeMounts: b.agentMounts(init),
	}
	if init {
		c.Name, c.Resources = containerInit, p.resources(&p.initAmounts)
	} else {
		c.Resources = p.resources(&p.sidecarAmounts)
		// Users patch it, so it is there even when it is empty.
		c.Lifecycle = p.lifecycle()
	}
	env, err := b.agentEnv(init)
	if err != nil {
		return c, err
	}
	c.Env = env
	c.Command, c.Args = p.command(init)
	if p.native() {
		p.makeNative(&c)
	}
	b.refuseTwice(&c)
	if init {
		return applyPatch(c, p.initPatch, Prefix+"agent-init-json-patch")
	}
	return applyPatch(c, p.patch, Prefix+"agent-json-patch")
}

// makeNative lets the kubelet start the application after the first files, and
// end the agent after the application.
func (p *plan) makeNative(c *corev1.Container) {
	always := corev1.ContainerRestartPolicyAlways
	c.RestartPolicy = &always
	if !p.prePopulate {
		return
	}
	c.StartupProbe = &corev1.Probe{
		ProbeHandler:  corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{p.binary, "agent", "ready"}}},
		PeriodSeconds: probePeriod, FailureThreshold: probeFailures, TimeoutSeconds: probeTimeout,
	}
}

// command starts our agent without a shell, and another one with the shell of
// its image, which has to put the document into a file first.
func (p *plan) command(init bool) (command, args []string) {
	file := dirConfig + "/config.hcl"
	if init {
		file = dirConfig + "/config-init.hcl"
	}
	if p.ours() {
		args = []string{"agent"}
		switch {
		case p.configMap != "":
			args = append(args, "-config="+file)
		case p.extraConfig != "":
			args = append(args, "-config=env:"+documentVariable)
		}
		return []string{p.binary}, append(args, p.extraFlag()...)
	}
	prepare := "touch /home/vault/.vault-token"
	if p.configMap == "" {
		file = "/home/vault/config.json"
		prepare = `echo "$` + documentVariable + `" | base64 -d >` + file
	}
	run := append([]string{p.program(), "agent", "-config=" + file}, p.extraFlag()...)
	return []string{"/bin/sh", "-ec"}, []string{prepare + " && exec " + strings.Join(run, " ")}
}

// program is the old agent's.
func (p *plan) program() string {
	if p.flavor == flavorOpenBao {
		return "bao"
	}
	return "vault"
}

func (p *plan) extraFlag() []string {
	if p.extraConfig == "" {
		return nil
	}
	return []string{"-config=" + dirExtraConfig}
}

// lifecycle revokes the token of an agent that cannot do so itself. Ours waits
// in its place for the application to end, and then revokes in-process.
func (p *plan) lifecycle() *corev1.Lifecycle {
	switch {
	case !p.revoke:
		return &corev1.Lifecycle{}
	case !p.ours():
		command := []string{"/bin/sh", "-c", p.revocation()}
		return &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: command}}}
	case p.native() || p.revokeGrace == 0:
		return &corev1.Lifecycle{} // a native sidecar ends after the application anyway
	default:
		return &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: int64(p.revokeGrace)}}}
	}
}

func (p *plan) revocation() string {
	words := []string{
		"/bin/sleep " + strconv.FormatUint(p.revokeGrace, 10) + " && /bin/" + p.program() + " token revoke",
		"-address=" + shellWord(p.vault.address),
	}
	for _, f := range [][2]string{{"-ca-cert=", p.vault.caCert}, {"-client-cert=", p.vault.clientCert}, {"-client-key=", p.vault.clientKey}} {
		if f[1] != "" {
			words = append(words, f[0]+shellWord(f[1]))
		}
	}
	return strings.Join(append(words, "-self"), " ")
}

// shellWord quotes what a shell would take apart.
func shellWord(text string) string {
	special := func(c rune) bool {
		plain := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-_./:@%+=,[]", c)
		return !plain
	}
	if strings.IndexFunc(text, special) < 0 {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// agentMounts are in the order of the old injector.
func (b *builder) agentMounts(init bool) []corev1.VolumeMount {
	p := b.plan
	var all []corev1.VolumeMount
	add := func(wanted bool, name, dir string, readOnly bool) {
		if wanted {
			all = append(all, corev1.VolumeMount{Name: name, MountPath: dir, ReadOnly: readOnly})
		}
	}
	add(init, volumeHomeInit, dirHome, false)
	add(p.token.volume != "", p.token.volume, p.token.dir, true)
	add(!init, volumeHomeSidecar, dirHome, false)
	if aws := awsMount(p, b.original); aws != nil && aws.MountPath != p.token.dir {
		all = append(all, *aws)
	}
	all = append(all, p.secretMounts()...)
	add(p.extraSecret != "", volumeExtra, dirExtra, true)
	copied := len(all)
	add(p.configMap != "", volumeConfig, dirConfig, true)
	add(p.vault.tlsSecret != "", volumeTLS, dirTLS, true)
	add(p.keepsCache(), volumeCache, dirCache, false)
	add(p.extraConfig != "", volumeExtraConfig, dirExtraConfig, true)
	return slices.Insert(all, copied, b.copiedMounts(all)...)
}

// copiedMounts are those of another container, without tokens and without what
// the agent mounts itself: a path can be mounted only once.
func (b *builder) copiedMounts(taken []corev1.VolumeMount) []corev1.VolumeMount {
	var all []corev1.VolumeMount
	for _, m := range b.copied {
		token := strings.Contains(strings.ToLower(m.MountPath), "serviceaccount")
		if !token && !slices.ContainsFunc(taken, func(o corev1.VolumeMount) bool { return o.MountPath == m.MountPath }) {
			all = append(all, m)
		}
	}
	return all
}

// agentEnv is in the order of the old injector.
func (b *builder) agentEnv(init bool) ([]corev1.EnvVar, error) {
	p := b.plan
	env := []corev1.EnvVar{
		fieldVariable("NAMESPACE", "metadata.namespace"),
		fieldVariable("HOST_IP", "status.hostIP"),
		fieldVariable("POD_IP", "status.podIP"),
	}
	env = addVariables(env, [][2]string{
		{"GOMAXPROCS", p.goMaxProcs},
		{"VAULT_CLIENT_TIMEOUT", p.vault.timeout},
		{"VAULT_MAX_RETRIES", p.vault.maxRetries},
		{"VAULT_LOG_LEVEL", p.logLevel},
		{"VAULT_LOG_FORMAT", p.logFormat},
		{"HTTPS_PROXY", p.vault.proxy},
	})
	if p.configMap == "" {
		if b.document == nil {
			b.document = p.document()
		}
		p.adapt(b.document, init)
		encoded, err := b.encodeDocument(b.document)
		if err != nil {
			return nil, err
		}
		env = append(env, corev1.EnvVar{Name: documentVariable, Value: encoded})
	} else {
		env = addVariables(env, p.connectionVariables())
	}
	if p.vault.caBytes != "" {
		env = append(env, corev1.EnvVar{Name: caBytesVariable, Value: decodedCA(p.vault.caBytes)})
	}
	env = addVariables(env, b.awsVariables())
	for _, name := range slices.Sorted(maps.Keys(p.extraEnv)) {
		env = setVariable(env, corev1.EnvVar{Name: name, Value: p.extraEnv[name]})
	}
	return env, nil
}

func fieldVariable(name, field string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: field}}}
}

// addVariables adds those that have a value.
func addVariables(env []corev1.EnvVar, pairs [][2]string) []corev1.EnvVar {
	for _, pair := range pairs {
		if pair[1] != "" {
			env = append(env, corev1.EnvVar{Name: pair[0], Value: pair[1]})
		}
	}
	return env
}

func setVariable(env []corev1.EnvVar, v corev1.EnvVar) []corev1.EnvVar {
	for i := range env {
		if env[i].Name == v.Name {
			env[i] = v
			return env
		}
	}
	return append(env, v)
}

// connectionVariables stand in for the document where the user brings one.
func (p *plan) connectionVariables() [][2]string {
	v := p.vault
	return [][2]string{
		{"VAULT_ADDR", v.address},
		{"VAULT_CACERT", v.caCert},
		{"VAULT_CAPATH", v.caPath},
		{"VAULT_CLIENT_CERT", v.clientCert},
		{"VAULT_CLIENT_KEY", v.clientKey},
		{"VAULT_SKIP_VERIFY", strconv.FormatBool(v.skipVerify)},
		{"VAULT_TLS_SERVER_NAME", v.serverName},
	}
}

// awsVariables copies what the AWS method reads, each once; the annotation for
// the region wins.
func (b *builder) awsVariables() [][2]string {
	if b.plan.auth.kind != "aws" {
		return nil
	}
	var pairs [][2]string
	for _, name := range []string{"AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_DEFAULT_REGION", "AWS_REGION"} {
		value := firstValue(b.original, name)
		if region := b.plan.auth.config["region"]; name == "AWS_REGION" && region != "" {
			value = region
		}
		pairs = append(pairs, [2]string{name, value})
	}
	return pairs
}

func firstValue(containers []corev1.Container, name string) string {
	for _, c := range containers {
		for _, v := range c.Env {
			if v.Name == name && v.Value != "" {
				return v.Value
			}
		}
	}
	return ""
}

// decodedCA takes the base64 off, if there is one.
func decodedCA(text string) string {
	if plain, err := base64.StdEncoding.DecodeString(text); err == nil {
		return string(plain)
	}
	return text
}

// refuseTwice finds paths that a container would mount twice.
func (b *builder) refuseTwice(c *corev1.Container) {
	at := map[string]string{}
	for _, m := range c.VolumeMounts {
		if other, ok := at[m.MountPath]; ok {
			b.trouble = append(b.trouble, fmt.Sprintf("container %q would mount both %q and %q at %s: set another %ssecret-volume-path", c.Name, other, m.Name, m.MountPath, Prefix))
		}
		at[m.MountPath] = m.Name
	}
}
