package injector

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/vaultk8s/vaultk8s/pkg/config/problem"
)

// stage is the beginning of an error; the old injector's users know them.
type stage string

const (
	atRequest  stage = "error checking if should inject agent: "
	atDefaults stage = "error adding default annotations: "
	atAgent    stage = "error creating new agent sidecar: "
	atValidate stage = "error validating agent configuration: "
	atPatch    stage = "error creating patch for agent: "
)

// parser reads the annotations of one pod into a plan.
type parser struct {
	pod      *corev1.Pod
	o        *Options
	plan     *plan
	secrets  map[string]*secretPlan
	env      map[string]*envVar
	oursOnly []string // annotations that only our agent can follow
	problems problem.List
	warnings []string
}

// arg is one annotation, or the option that stands in for it.
type arg struct {
	key   string // whole name of the annotation
	name  string // what stands for NAME or X
	value string
	said  bool // by an annotation
}

// parse reads everything and reports every problem at once.
func parse(pod *corev1.Pod, o *Options) (*plan, []string, error) {
	p := &parser{
		pod: pod, o: o, plan: newPlan(pod, o),
		secrets: map[string]*secretPlan{}, env: map[string]*envVar{},
	}
	p.defaults()
	for _, key := range slices.Sorted(maps.Keys(pod.Annotations)) {
		p.annotation(key, pod.Annotations[key])
	}
	p.conclude()
	slices.Sort(p.warnings)
	return p.plan, slices.Compact(p.warnings), p.problems.Err()
}

func newPlan(pod *corev1.Pod, o *Options) *plan {
	return &plan{
		namespace: o.namespace(pod.Namespace), image: o.Image, binary: o.Binary, owner: owner(pod, o),
		prePopulate: true, secretDir: "/vault/secrets", revokeGrace: 5, envRestart: "always",
		user: o.RunAsUser, group: o.RunAsGroup, sameUser: o.RunAsSameUser,
		securityContext: o.SetSecurityContext, revoke: o.RevokeOnShutdown, expiration: o.TokenExpiration,
		vault: vaultPlan{address: o.VaultAddress, addressKey: Prefix + "service", caBytes: o.VaultCACertBytes},
		auth:  authPlan{config: map[string]string{}},
		cache: cachePlan{useToken: "true", port: "8200"},
		template: templatePlan{
			exitOnRetryFailure: o.ExitOnRetryFailure, connections: o.MaxConnectionsPerHost, threshold: o.LeaseRenewalThreshold,
		},
	}
}

// owner returns the kind of the object that made the pod.
func owner(pod *corev1.Pod, o *Options) string {
	if o.OwnerKind != "" {
		return o.OwnerKind
	}
	for _, ref := range pod.OwnerReferences {
		if ref.Controller == nil || *ref.Controller {
			return ref.Kind
		}
	}
	return ""
}

// defaults reads the options that stand in for annotations.
func (p *parser) defaults() {
	for _, r := range table().options {
		if _, said := p.pod.Annotations[r.key]; said {
			continue
		}
		if text := r.option(p.o); text != "" {
			r.set(p, arg{key: r.key, value: text})
		}
	}
}

func (p *parser) annotation(key, value string) {
	if !strings.HasPrefix(key, Prefix) && !strings.HasPrefix(key, OwnPrefix+"agent-") {
		return // other parts of the program may have annotations of their own
	}
	r, name := table().find(key)
	if r == nil {
		p.unknown(key)
		return
	}
	if r.needsOurs {
		p.oursOnly = append(p.oursOnly, key)
	}
	if r.set != nil {
		r.set(p, arg{key: key, name: name, value: value, said: true})
	}
}

func (p *parser) unknown(key string) {
	if near := problem.Nearest(key, table().names(key)); near != "" {
		p.warn("%s is unknown and has no effect; did you mean %s?", key, near)
		return
	}
	p.warn("%s is unknown and has no effect", key)
}

// refuse adds a problem; the text names the annotation.
func (p *parser) refuse(at stage, format string, args ...any) {
	p.problems.Add("", 0, "%s%v", at, fmt.Errorf(format, args...))
}

func (p *parser) warn(format string, args ...any) {
	p.warnings = append(p.warnings, fmt.Sprintf(format, args...))
}

// secret returns the secret that an annotation is about.
func (p *parser) secret(a arg) *secretPlan {
	s, ok := p.secrets[a.name]
	if !ok {
		s = &secretPlan{name: a.name, left: "{{", right: "}}"}
		p.secrets[a.name] = s
	}
	return s
}

func (p *parser) variable(a arg) *envVar {
	v, ok := p.env[a.name]
	if !ok {
		v = &envVar{name: a.name}
		p.env[a.name] = v
	}
	return v
}
