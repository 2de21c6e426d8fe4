package injector

import (
	"encoding/base64"
	"fmt"
	"maps"
	"path"
	"strconv"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
)

// encodeDocument writes a document for the variable VAULT_CONFIG.
func (b *builder) encodeDocument(doc *agentfile.Document) (string, error) {
	text, err := agentfile.Append(b.scratch[:0], doc)
	if err != nil {
		return "", err
	}
	size := len(text)
	b.scratch = base64.StdEncoding.AppendEncode(text, text)
	if encoded := b.scratch[size:]; len(encoded) <= maxDocument {
		return string(encoded), nil
	}
	return "", &tooLargeError{len(b.scratch) - size}
}

// usualDocument is room for a document of one KiB and its base64, which is four
// thirds of that.
const usualDocument = 1<<10 + 4<<10/3

// maxDocument is what a variable can hold: Linux refuses to start a program with
// one above 32 pages of 4096 bytes, which include name, equals sign and a final
// zero byte.
const maxDocument = 32*4096 - len(documentVariable) - 2

// tooLargeError is a document that no container would start with.
type tooLargeError struct{ size int }

func (e *tooLargeError) Error() string {
	return fmt.Sprintf("%sthe templates of %sagent-inject-template-NAME are too large: the agent's document has %d bytes, more than the %d of an environment variable; use %sagent-extra-config or %sagent-inject-template-file-NAME",
		atPatch, Prefix, e.size, maxDocument, OwnPrefix, Prefix)
}

// document is what the agent's containers read, besides what only one of them does.
// For an old agent it holds nothing that the old injector did not write.
func (p *plan) document() *agentfile.Document {
	doc := agentfile.New()
	doc.Vault = p.connection()
	doc.AutoAuth = &agentfile.AutoAuth{Method: p.method(who{}), Sinks: p.sinks()}
	doc.PIDFile = dirHome + "/.pid"
	doc.TemplateConfig = p.templateConfig()
	doc.DisableIdleConnections, doc.DisableKeepAlives = p.idle, p.alive
	doc.Telemetry = p.telemetry
	doc.Identities = p.fileIdentities()
	for _, s := range p.secrets {
		doc.Templates = append(doc.Templates, p.templateOf(s))
	}
	p.serve(doc)
	return doc
}

// adapt makes the document that of the init container or of the sidecar.
func (p *plan) adapt(doc *agentfile.Document, init bool) {
	doc.ExitAfterAuth = init
	doc.RevokeOnShutdown = p.revoke && p.ours() && !init
	for i, s := range p.secrets {
		doc.Templates[i].Command = s.commands(init, p.native())
	}
}

// serve adds listener and cache.
func (p *plan) serve(doc *agentfile.Document) {
	if !p.listens() {
		return
	}
	doc.Listeners = []agentfile.Listener{{
		Type: "tcp", Address: "127.0.0.1:" + p.cache.port, TLSDisable: true, EnableQuit: p.quit,
	}}
	// The old agent opens no listener without a cache, even an empty one.
	doc.Cache = &agentfile.Cache{}
	if !p.cacheServes() {
		return
	}
	doc.Cache.UseAutoAuthToken = p.cache.useToken
	if p.hasInit() && p.hasSidecar() {
		doc.Cache.Persist = &agentfile.Persist{Type: "kubernetes", Path: dirCache, ExitOnErr: p.cache.exitOnErr}
	}
}

func (p *plan) connection() *agentfile.Vault {
	v := p.vault
	return &agentfile.Vault{
		Address: v.address, CACert: v.caCert, CAPath: v.caPath, ClientCert: v.clientCert, ClientKey: v.clientKey,
		TLSSkipVerify: v.skipVerify, TLSServerName: v.serverName,
	}
}

// method is the way to log in of a reader; the zero one is the pod's own.
func (p *plan) method(w who) agentfile.Method {
	m := agentfile.Method{
		Type: or(w.authType, p.auth.kind), MountPath: or(w.authPath, p.auth.path), Namespace: or(w.namespace, p.vault.namespace), Config: map[string]string{},
		MinBackoff: p.auth.minBackoff, MaxBackoff: p.auth.maxBackoff, ExitOnErr: p.auth.exitOnErr,
	}
	if p.token.volume != "" {
		m.Config["token_path"] = p.token.path()
	}
	maps.Copy(m.Config, p.auth.config)
	if w.role != "" {
		m.Config["role"] = w.role
	}
	p.showToken(m)
	return m
}

// showToken has the method jwt show the token of the service account too, where
// nothing else is said. It lies on a volume that nobody can remove it from.
func (p *plan) showToken(m agentfile.Method) {
	if m.Type != "jwt" || !p.ours() || m.Config["token_path"] == "" || m.Config["path"] != "" {
		return
	}
	m.Config["path"] = m.Config["token_path"]
	m.Config["remove_jwt_after_reading"] = "false"
}

func or(first, second string) string {
	if first != "" {
		return first
	}
	return second
}

func (p *plan) sinks() []agentfile.Sink {
	sinks := []agentfile.Sink{fileSink(dirHome + "/.vault-token")}
	if p.injectToken {
		sinks = append(sinks, fileSink(path.Join(p.secretDir, "token")))
	}
	return sinks
}

func fileSink(name string) agentfile.Sink {
	return agentfile.Sink{Type: "file", Path: name, Mode: agentfile.DefaultSinkMode}
}

// templateConfig keeps the agent's defaults where nothing is said.
func (p *plan) templateConfig() agentfile.TemplateConfig {
	c := agentfile.NewTemplateConfig()
	c.ExitOnRetryFailure = p.template.exitOnRetryFailure
	if p.template.interval > 0 {
		c.StaticSecretRenderInterval = p.template.interval
	}
	if p.template.connections > 0 {
		c.MaxConnectionsPerHost = p.template.connections
	}
	if p.template.threshold > 0 {
		c.LeaseRenewalThreshold = p.template.threshold
	}
	return c
}

func (p *plan) templateOf(s *secretPlan) agentfile.Template {
	t := agentfile.NewTemplate()
	t.Destination = s.destination
	t.LeftDelim, t.RightDelim = s.left, s.right
	t.ErrorOnMissingKey = s.errorOnMissing
	t.Perms, _ = fileMode(s.perms) // checked when it was read
	t.Identity = s.identity
	switch {
	case s.contents != "":
		t.Contents = s.contents
	case s.source != "":
		t.Source = s.source
	case s.format != "":
		t.Secret, t.Format, t.Keys = s.path, s.format, s.keys
		if s.isKeystore() {
			t.Keystore = &s.keystore
		}
	default:
		t.Contents = p.defaultContents(s)
	}
	if name, key, ok := strings.Cut(s.kubernetesSecret, "/"); ok {
		t.KubernetesSecret = &agentfile.KubernetesSecret{Name: name, Key: key}
	}
	return t
}

// commands is one line for a shell: the user's command, then the signal. The
// process is named in full, so that no other one gets the signal by accident. An
// init container ends before that process begins, so it has nobody to signal; a
// native sidecar writes its first files before, so it may find nobody (exit 1).
func (s *secretPlan) commands(init, native bool) []string {
	line := s.command
	if name, process, ok := strings.Cut(s.signal, ":"); ok && !init {
		signal := "pkill -" + name + " -x " + process
		if native {
			signal += " || test $? -eq 1"
		}
		if line == "" {
			line = signal
		} else {
			line += "\n" + signal
		}
	}
	if line == "" {
		return nil
	}
	return []string{line}
}

// defaultContents is the default template in the secret's own delimiters.
func (p *plan) defaultContents(s *secretPlan) string {
	action := func(text string) string { return s.left + " " + text + " " + s.right }
	with := action("with secret " + strconv.Quote(s.path))
	if p.defaultTemplate == templateJSON {
		return with + action(".Data | toJSON") + "\n" + action("end")
	}
	return with + action("range $k, $v := .Data") + action("$k") + ": " + action("$v") + "\n" + action("end") + action("end")
}

// envDocument is what a wrapped command reads. The log is configured here and
// not by variables, which would reach the application.
func (p *plan) envDocument() *agentfile.Document {
	doc := agentfile.New()
	doc.Vault = p.connection()
	if n, err := strconv.Atoi(p.vault.maxRetries); err == nil {
		doc.Vault.NumRetries = n
		if n == 0 {
			doc.Vault.NumRetries = -1
		}
	}
	doc.AutoAuth = &agentfile.AutoAuth{Method: p.method(who{})}
	doc.Identities = p.variableIdentities()
	doc.TemplateConfig = p.templateConfig()
	doc.Log = agentfile.Log{Level: p.logLevel, Format: p.logFormat}
	doc.RevokeOnShutdown = p.revoke
	doc.Exec = &agentfile.Exec{RestartOnChange: p.envRestart, RestartStopSignal: "SIGTERM"}
	for _, v := range p.env {
		t := agentfile.NewEnvTemplate(v.name)
		t.Contents = v.template()
		t.ErrorOnMissingKey = true
		t.Identity = v.identity
		doc.EnvTemplates = append(doc.EnvTemplates, t)
	}
	return doc
}
