package injector

import (
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// conclusionOfSecrets decides for each secret where its file lies, on which
// volume, and who reads it.
func (p *parser) conclusionOfSecrets() {
	for _, name := range slices.Sorted(maps.Keys(p.secrets)) {
		s := p.secrets[name]
		if !s.given() {
			p.orphan(s)
			continue
		}
		p.plan.secrets = append(p.plan.secrets, s)
		p.place(s)
		p.shape(s)
		p.signalOf(s)
		p.kubernetesSecretOf(s)
	}
	p.volumesOfSecrets()
	p.oneWriterEach()
}

// key names the annotation that says what the file holds.
func (s *secretPlan) key() string {
	switch {
	case s.contents != "":
		return s.contentsKey
	case s.path != "":
		return Prefix + "agent-inject-secret-" + s.name
	default:
		return Prefix + "agent-inject-template-file-" + s.name
	}
}

// orphan warns of annotations about a secret that nothing asks for.
func (p *parser) orphan(s *secretPlan) {
	for _, key := range slices.Sorted(maps.Keys(p.pod.Annotations)) {
		r, name := table().find(key)
		if r == nil || name != s.name || !r.ofSecret() {
			continue
		}
		switch _, variable := p.env[name]; {
		case !r.ofVariable:
			p.warn("%s has no effect: there is no %sagent-inject-secret-%s and no template of that name", key, Prefix, name)
		case !variable:
			p.warn("%s has no effect: there is no %sagent-inject-secret-%s, no template and no environment variable of that name", key, Prefix, name)
		}
	}
}

// ofSecret reports whether the row's NAME is that of a secret.
func (r *row) ofSecret() bool {
	if r.stem == "" || strings.HasSuffix(r.name, "-X") {
		return false
	}
	return !strings.HasPrefix(r.name, "agent-env-") && r.name != "agent-extra-env-NAME"
}

// place decides the file. Old: blanks and dots went through; a file that leaves
// its directory lands where nobody mounts anything.
func (p *parser) place(s *secretPlan) {
	file, key := s.file, Prefix+"agent-inject-file-"+s.name
	if file == "" {
		file, key = s.fileName(p.plan), s.key()
	}
	dir := s.dirIn(p.plan)
	s.destination = path.Join(dir, file)
	if inside := strings.TrimSuffix(dir, "/") + "/"; !strings.HasPrefix(s.destination, inside) || s.destination == dir || strings.ContainsRune(file, 0) {
		p.refuse(atAgent, "%s: %q leaves the directory of the secrets, %s", key, file, dir)
	}
}

// fileName is NAME, in lower case unless case is kept.
func (s *secretPlan) fileName(p *plan) string {
	keep := s.preserveCase
	if keep == nil {
		keep = p.preserveCase
	}
	if keep != nil && *keep {
		return s.name
	}
	return strings.ToLower(s.name)
}

// dirIn returns the directory of the file. A secret of a few containers has one
// of its own, or the others would see it, too.
func (s *secretPlan) dirIn(p *plan) string {
	switch {
	case s.dir != "":
		return s.dir
	case s.containers != nil:
		return p.secretDir + "-" + strings.ToLower(s.name)
	default:
		return p.secretDir
	}
}

// shape checks what the file is made from.
func (p *parser) shape(s *secretPlan) {
	template := s.contents != "" || s.source != ""
	key := OwnPrefix + "agent-inject-format-" + s.name
	switch {
	case s.format != "" && template:
		p.refuse(atAgent, "%s and a template for %s exclude each other", key, s.name)
	case s.contents != "":
		p.checkTemplate(s.contentsKey, s.contents, s.left, s.right)
	}
	p.formatOf(s, key)
}

// checkTemplate refuses a template that does not parse. An old agent may know
// what this program does not, so there it is a warning.
func (p *parser) checkTemplate(key, contents, left, right string) {
	if p.o.CheckTemplate == nil {
		return
	}
	err := p.o.CheckTemplate(contents, left, right)
	switch {
	case err == nil:
	case !p.plan.ours():
		p.warn("%s: %v", key, err)
	default:
		p.refuse(atAgent, "%s: %w", key, err)
	}
}

func (p *parser) signalOf(s *secretPlan) {
	if s.signal == "" {
		return
	}
	key := OwnPrefix + "agent-signal-" + s.name
	name, process, _ := strings.Cut(s.signal, ":")
	name = strings.TrimPrefix(strings.ToUpper(name), "SIG")
	switch {
	case !slices.Contains(signals(), name):
		p.refuse(atAgent, "%s: %q does not begin with a signal such as HUP", key, s.signal)
	case !isProcess(process):
		p.refuse(atAgent, "%s: %q is not of the form SIGNAL:PROCESS, as in HUP:nginx", key, s.signal)
	default:
		s.signal = name + ":" + process
	}
}

func signals() []string {
	return []string{"ABRT", "ALRM", "CONT", "HUP", "INT", "KILL", "QUIT", "TERM", "USR1", "USR2", "WINCH"}
}

// isProcess takes names that mean themselves to a shell and in a pattern.
func isProcess(name string) bool {
	for _, c := range []byte(name) {
		word := c == '_' || c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !word {
			return false
		}
	}
	return name != "" && name[0] != '-'
}

func (p *parser) kubernetesSecretOf(s *secretPlan) {
	if s.kubernetesSecret == "" {
		return
	}
	name, key, _ := strings.Cut(s.kubernetesSecret, "/")
	if !isObjectName(name) || !isObjectKey(key) {
		p.refuse(atAgent, "%sagent-k8s-secret-%s: %q is not of the form SECRET/KEY, as in app-tls/tls.crt", OwnPrefix, s.name, s.kubernetesSecret)
	}
}

// isObjectName takes what Kubernetes takes: a DNS subdomain.
func isObjectName(name string) bool {
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	return len(name) <= 253 && name == strings.ToLower(name) && isObjectKey(name) && !strings.Contains(name, "_")
}

func isObjectKey(key string) bool {
	for _, c := range []byte(key) {
		if c != '.' && c != '_' && c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return key != "" && len(key) <= 253
}

// volumesOfSecrets gives each directory a volume. Containers of a secret are
// those that may mount it, so a directory cannot have two sets of them.
func (p *parser) volumesOfSecrets() {
	var dirs []*secretPlan // the first secret of each directory
	for _, s := range p.plan.secrets {
		p.containersOf(s)
		dir := s.dirIn(p.plan)
		if dir == p.plan.secretDir && s.containers == nil {
			s.volume = volumeSecrets
			continue
		}
		i := slices.IndexFunc(dirs, func(o *secretPlan) bool { return o.dirIn(p.plan) == dir })
		if i < 0 {
			i, dirs = len(dirs), append(dirs, s)
		}
		s.volume = volumeCustom + strconv.Itoa(i)
		if first := dirs[i]; dir == p.plan.secretDir || !slices.Equal(first.containers, s.containers) {
			p.refuse(atAgent, "%sagent-containers-%s: other containers mount %s, too: set %ssecret-volume-path-%s to a directory of its own", OwnPrefix, p.restricted(first, s), dir, Prefix, p.restricted(first, s))
		}
	}
}

// restricted returns the name of the one that says its containers.
func (p *parser) restricted(a, b *secretPlan) string {
	if b.containers != nil {
		return b.name
	}
	return a.name
}

func (p *parser) containersOf(s *secretPlan) {
	slices.Sort(s.containers)
	for _, name := range s.containers {
		if findContainer(p.pod.Spec.Containers, name) == nil && findContainer(p.pod.Spec.InitContainers, name) == nil {
			p.refuse(atAgent, "%sagent-containers-%s: the pod has no container %q", OwnPrefix, s.name, name)
		}
	}
}

// oneWriterEach refuses two secrets that write one file.
func (p *parser) oneWriterEach() {
	writers := map[string]string{}
	if p.plan.injectToken {
		writers[path.Join(p.plan.secretDir, "token")] = Prefix + "agent-inject-token"
	}
	for _, s := range p.plan.secrets {
		if other, ok := writers[s.destination]; ok {
			p.refuse(atAgent, "%s and %s write one file, %s: set %sagent-inject-file-%s", other, s.key(), s.destination, Prefix, s.name)
		}
		writers[s.destination] = s.key()
	}
}
