package injector

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// conclude judges the whole, after every annotation was read.
func (p *parser) conclude() {
	p.conclusionOfAgent()
	p.conclusionOfConnection()
	p.conclusionOfContainers()
	p.conclusionOfEnv()
	p.conclusionOfSecrets()
	p.conclusionOfReaders()
	p.conclusionOfToken()
	p.conclusionOfIdentity()
	p.conclusionOfProcesses()
	p.conclusionOfAmounts()
	p.contradictions()
}

// conclusionOfAgent decides which agent it is, and whether it is a native sidecar.
func (p *parser) conclusionOfAgent() {
	plan := p.plan
	if plan.image == "" {
		p.refuse(atValidate, "no Vault image found: set %sagent-image", Prefix)
	}
	if plan.flavor == flavorAuto || plan.flavor == "" {
		plan.flavor = flavorOf(plan.image)
	}
	if !plan.ours() {
		for _, key := range p.oursOnly {
			p.refuse(atAgent, "%s needs the agent of vaultk8s, but the image %q holds another", key, plan.image)
		}
	}
	p.conclusionOfSidecar()
}

// flavorOf goes by the last part of an image's name, without tag and digest.
func flavorOf(image string) string {
	name, _, _ := strings.Cut(image, "@")
	name = name[strings.LastIndexByte(name, '/')+1:]
	name, _, _ = strings.Cut(strings.ToLower(name), ":")
	switch {
	case strings.Contains(name, "vaultk8s"):
		return flavorOurs
	case strings.Contains(name, "openbao"), name == "bao":
		return flavorOpenBao
	case strings.Contains(name, "vault"):
		return flavorVault
	default:
		return flavorOurs
	}
}

func (p *parser) conclusionOfSidecar() {
	plan, key := p.plan, OwnPrefix+"agent-sidecar"
	_, said := p.pod.Annotations[key]
	switch {
	case plan.sidecar == sidecarNative && !plan.ours():
		if said {
			p.refuse(atAgent, "%s: native needs the agent of vaultk8s, but the image %q holds another", key, plan.image)
		}
		plan.sidecar = sidecarClassic
	case plan.sidecar == sidecarNative && !p.o.NativeSidecars:
		if said {
			p.warn("%s: native needs Kubernetes 1.29 or newer; a classic sidecar is used", key)
		}
		plan.sidecar = sidecarClassic
	case plan.sidecar == sidecarNative && plan.prePopulateOnly:
		if said {
			p.warn("%s: native has no effect, because %sagent-pre-populate-only wants no sidecar", key, Prefix)
		}
		plan.sidecar = sidecarClassic
	case plan.sidecar != sidecarNative && plan.wantsNative(p.o.NativeSidecars):
		plan.sidecar = sidecarNative
	case plan.sidecar != sidecarNative:
		plan.sidecar = sidecarClassic
	}
}

// wantsNative decides auto: pods of Jobs never complete beside a classic sidecar.
func (p *plan) wantsNative(supported bool) bool {
	ofJob := p.owner == "Job" || p.owner == "CronJob"
	return p.sidecar == sidecarAuto && supported && ofJob && p.ours() && !p.prePopulateOnly
}

func (p *parser) conclusionOfConnection() {
	plan := p.plan
	if plan.namespace == "" {
		p.refuse(atDefaults, "kubernetes namespace required: set %sagent-request-namespace", Prefix)
	}
	_, addressSaid := p.pod.Annotations[plan.vault.addressKey]
	switch {
	case plan.vault.address == "" && !addressSaid:
		p.refuse(atDefaults, "address for Vault required: set %s", plan.vault.addressKey)
	case plan.vault.address == "" && plan.configMap == "":
		p.refuse(atValidate, "no Vault address found: set %s", plan.vault.addressKey)
	}
	if plan.configMap == "" || len(p.env) > 0 {
		p.conclusionOfLogin() // wrapped commands never read the user's document
	}
}

func (p *parser) conclusionOfLogin() {
	auth := &p.plan.auth
	if auth.role != "" {
		auth.config["role"] = auth.role
	}
	_, pathSaid := p.pod.Annotations[Prefix+"auth-path"]
	switch {
	case auth.kind == "" && !p.refused("auth-type"):
		p.refuse(atValidate, "no Vault Auth Type found: set %sauth-type", Prefix)
	case auth.kind == "kubernetes" && auth.config["role"] == "":
		p.refuse(atValidate, "no Vault role found: set %srole", Prefix)
	}
	switch {
	case auth.path == "" && !pathSaid:
		p.refuse(atDefaults, "Vault Auth Path required: set %sauth-path", Prefix)
	case auth.path == "":
		p.refuse(atValidate, "no Vault Auth Path found: set %sauth-path", Prefix)
	}
}

// refused reports whether the annotation has a problem already: one is enough.
func (p *parser) refused(name string) bool {
	for _, one := range p.problems {
		if strings.Contains(one.Text, Prefix+name+": ") {
			return true
		}
	}
	return false
}

func (p *parser) conclusionOfContainers() {
	plan := p.plan
	if !plan.containersSaid {
		plan.containers = containerNames(p.pod.Spec.Containers)
		return
	}
	for _, name := range plan.containers {
		if findContainer(p.pod.Spec.Containers, name) == nil {
			p.warn("%sagent-inject-containers: the pod has no container %q", Prefix, name)
		}
	}
}

func containerNames(all []corev1.Container) []string {
	names := make([]string, len(all))
	for i, c := range all {
		names[i] = c.Name
	}
	return names
}

// findContainer returns nil if there is none of that name.
func findContainer(all []corev1.Container, name string) *corev1.Container {
	for i := range all {
		if all[i].Name == name {
			return &all[i]
		}
	}
	return nil
}

func (p *parser) conclusionOfIdentity() {
	plan := p.plan
	_, said := p.pod.Annotations[Prefix+"agent-set-security-context"]
	_, sameSaid := p.pod.Annotations[Prefix+"agent-run-as-same-user"]
	if !said && (plan.userSaid || plan.groupSaid || sameSaid) {
		plan.securityContext = true
	}
	if !plan.sameUser || !plan.securityContext {
		return
	}
	user, trouble := userOf(p.pod)
	switch {
	case trouble != "":
		p.refuse(atAgent, "%s: %sagent-run-as-same-user needs it", trouble, Prefix)
	case *user == 0:
		p.refuse(atAgent, "container not allowed to run as root: %sagent-run-as-same-user", Prefix)
	default:
		plan.user = *user
	}
}

// userOf returns the user of the first container, or what is missing for that.
func userOf(pod *corev1.Pod) (*int64, string) {
	if len(pod.Spec.Containers) == 0 {
		return nil, "No containers found in Pod Spec"
	}
	own := pod.Spec.Containers[0].SecurityContext
	if own != nil && own.RunAsUser != nil {
		return own.RunAsUser, ""
	}
	if of := pod.Spec.SecurityContext; of != nil && of.RunAsUser != nil {
		return of.RunAsUser, ""
	}
	if own == nil {
		return nil, "No SecurityContext found for Container 0"
	}
	return nil, "RunAsUser is nil for Container 0's SecurityContext"
}

// conclusionOfProcesses lets the agent see the application's processes where a
// signal needs it.
func (p *parser) conclusionOfProcesses() {
	plan, key := p.plan, Prefix+"agent-share-process-namespace"
	signal := p.firstSignal()
	switch {
	case plan.shareProcesses == nil && signal != "":
		p.shareForSignal(signal)
	case plan.shareProcesses != nil && !*plan.shareProcesses && signal != "":
		p.refuse(atAgent, "%s needs the processes of the pod to be shared, but %s is false", signal, key)
	}
	explicit := p.pod.Spec.ShareProcessNamespace
	if plan.shareProcesses != nil && *plan.shareProcesses && explicit != nil && !*explicit {
		if signal == "" {
			signal = key
		}
		p.refuse(atAgent, "shareProcessNamespace explicitly disabled on the pod, refusing to enable it: %s", signal)
	}
}

func (p *parser) shareForSignal(key string) {
	share := true
	p.plan.shareProcesses = &share
	if !p.plan.sameUser && !p.plan.userSaid {
		p.warn("%s: the agent runs as user %d and can signal only processes of that user; see %sagent-run-as-same-user", key, p.plan.user, Prefix)
	}
	if at := p.pod.Spec.ShareProcessNamespace; at == nil {
		p.warn("%s: the processes of the pod are shared (shareProcessNamespace)", key)
	}
}

func (p *parser) firstSignal() string {
	for _, s := range p.plan.secrets {
		if s.signal != "" {
			return OwnPrefix + "agent-signal-" + s.name
		}
	}
	return ""
}

// contradictions warns of annotations that have no effect beside others.
func (p *parser) contradictions() {
	plan := p.plan
	if plan.prePopulateOnly && !plan.prePopulate {
		p.warn("%[1]sagent-pre-populate: false and %[1]sagent-pre-populate-only: true leave no agent: no file is ever written", Prefix)
	}
	if plan.prePopulateOnly {
		p.idle("agent-cache-enable", plan.cache.enabled, "agent-pre-populate-only wants no sidecar")
		p.idle("agent-json-patch", plan.patch != "", "agent-pre-populate-only wants no sidecar")
	}
	if !plan.hasInit() {
		p.idle("agent-init-json-patch", plan.initPatch != "", "there is no init container")
		p.idle("agent-init-first", plan.initFirst && !plan.native(), "there is no init container")
	}
	p.vaultAlias()
	for _, s := range plan.secrets {
		p.contradictionsOf(s)
	}
}

// idle warns of an annotation that has no effect; reason "" warns of nothing.
func (p *parser) idle(name string, has bool, reason string) {
	if _, said := p.pod.Annotations[Prefix+name]; said && has && reason != "" {
		p.warn("%s has no effect, because %s", Prefix+name, reason)
	}
}

func (p *parser) vaultAlias() {
	old, saidOld := p.pod.Annotations[Prefix+"ca-key"]
	own, saidOwn := p.pod.Annotations[OwnPrefix+"agent-ca-path"]
	if saidOld && saidOwn && old != own {
		p.warn("%sagent-ca-path takes the place of %sca-key", OwnPrefix, Prefix)
	}
}

func (p *parser) contradictionsOf(s *secretPlan) {
	if p.plan.configMap != "" {
		p.warn("%s has no effect, because %sagent-configmap says what is rendered", s.key(), Prefix)
	}
	if s.contents != "" && s.source != "" {
		p.warn("%[1]sagent-inject-template-file-%[2]s has no effect, because %[1]sagent-inject-template-%[2]s takes its place", Prefix, s.name)
	}
	if s.command != "" && s.signal != "" {
		p.warn("%sagent-signal-%s is sent after the command of %sagent-inject-command-%s", OwnPrefix, s.name, Prefix, s.name)
	}
}
