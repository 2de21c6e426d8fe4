package injector

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// conclusionOfEnv checks that the commands can be wrapped that are to get
// variables. What an image starts by itself is not known here: the injector
// reads no registry.
func (p *parser) conclusionOfEnv() {
	plan := p.plan
	for _, name := range slices.Sorted(maps.Keys(p.env)) {
		v := p.env[name]
		if v.contents != "" {
			p.checkTemplate(v.annotation(), v.contents, "{{", "}}")
		}
		if s := p.secrets[name]; s != nil {
			v.who = s.who // the annotations hold for a file and a variable of one name
		}
		plan.env = append(plan.env, *v)
	}
	if plan.envContainers == nil {
		plan.envContainers = plan.containers
	} else if len(plan.env) == 0 {
		p.warn("%sagent-env-containers has no effect: there is no %sagent-env-NAME", OwnPrefix, OwnPrefix)
	}
	if len(plan.env) == 0 {
		return
	}
	for _, name := range plan.envContainers {
		p.wrappable(name)
	}
	if plan.vault.proxy != "" {
		p.warn("%sproxy-address is not set for containers with %sagent-env-NAME: it would change the application's own requests", Prefix, OwnPrefix)
	}
}

func (p *parser) wrappable(name string) {
	c := findContainer(p.pod.Spec.Containers, name)
	if c == nil {
		p.refuse(atAgent, "%sagent-env-containers: the pod has no container %q", OwnPrefix, name)
		return
	}
	key := p.plan.env[0].annotation()
	if len(c.Command) == 0 {
		p.refuse(atAgent, "%s: container %q has no command to wrap: write the image's entrypoint into spec.containers[].command, or leave the container out of %sagent-env-containers", key, name, OwnPrefix)
	}
	for _, v := range c.Env {
		ours, twice := p.env[v.Name]
		switch {
		case twice:
			p.refuse(atAgent, "%s: container %q sets %s itself", ours.annotation(), name, v.Name)
		case v.Name == documentVariable:
			p.refuse(atAgent, "%s: container %q sets %s itself, which the agent needs", key, name, v.Name)
		}
	}
}

// annotation names the annotation of the variable.
func (v envVar) annotation() string {
	if v.contents != "" {
		return OwnPrefix + "agent-env-template-" + v.name
	}
	return OwnPrefix + "agent-env-" + v.name
}

// template returns what the variable is rendered from. A KV v2 secret has its
// entries in data.data; which it is shows only the answer.
func (v envVar) template() string {
	if v.contents != "" {
		return v.contents
	}
	key := strconv.Quote(v.key)
	missing := strconv.Quote(fmt.Sprintf("secret has no key %q", v.key))
	return `{{ with secret ` + strconv.Quote(v.path) + ` }}{{ $d := .Data }}` +
		`{{ if and (sprig_hasKey $d "data") (sprig_hasKey $d "metadata") }}{{ $d = .Data.data }}{{ end }}` +
		`{{ if sprig_hasKey $d ` + key + ` }}{{ index $d ` + key + ` }}{{ else }}{{ sprig_fail ` + missing + ` }}{{ end }}{{ end }}`
}

// wrap puts the agent before the commands of the containers that get variables.
// The command stays in args, so that Kubernetes goes on to expand $(NAME) in it.
func (b *builder) wrap() error {
	p := b.plan
	if len(p.env) == 0 {
		return nil
	}
	encoded, err := b.encodeDocument(p.envDocument())
	if err != nil {
		return err
	}
	b.addVolume(b.binaryVolume())
	if p.envBinary == binaryCopy {
		b.prepend = append(b.prepend, b.installer())
	}
	for _, name := range p.envContainers {
		b.wrapOne(findContainer(b.pod.Spec.Containers, name), encoded)
	}
	return nil
}

func (b *builder) wrapOne(c *corev1.Container, encoded string) {
	p := b.plan
	b.undo.wrapped(c)
	args := []string{"agent", "-address=" + p.vault.address, "--"}
	c.Args = slices.Concat(args, c.Command, c.Args)
	c.Command = []string{p.wrapper()}
	c.Env = append(c.Env,
		corev1.EnvVar{Name: documentVariable, Value: encoded},
		// Memory that every container has and may write to; the name tells those of
		// one pod apart, which share it.
		corev1.EnvVar{Name: socketVariable, Value: "/dev/shm/vaultk8s-" + c.Name + ".sock"})
	if p.vault.caBytes != "" {
		c.Env = append(c.Env, corev1.EnvVar{Name: caBytesVariable, Value: decodedCA(p.vault.caBytes)})
	}
	c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: volumeBinary, MountPath: dirBinary, ReadOnly: true})
	if p.token.volume != "" && !mountsAt(c, p.token.dir) {
		c.VolumeMounts = append(c.VolumeMounts, p.token.mount())
	}
	if p.vault.tlsSecret != "" {
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: volumeTLS, MountPath: dirTLS, ReadOnly: true})
	}
	if p.extraSecret != "" && p.auth.readsBelow(dirExtra) {
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: volumeExtra, MountPath: dirExtra, ReadOnly: true})
	}
	b.refuseTwice(c)
}

// readsBelow reports whether the login reads a file of a directory.
func (a *authPlan) readsBelow(dir string) bool {
	for _, value := range a.config {
		if strings.HasPrefix(value, dir+"/") {
			return true
		}
	}
	return false
}

func mountsAt(c *corev1.Container, dir string) bool {
	return slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == dir })
}

// wrapper is the path of our program in a wrapped container.
func (p *plan) wrapper() string {
	if p.envBinary == binaryImage {
		return dirBinary + p.binary
	}
	return dirBinary + "/vaultk8s"
}

func (b *builder) binaryVolume() corev1.Volume {
	// On disk: a program is no secret, and memory would count for the pod.
	v := corev1.Volume{Name: volumeBinary, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}
	if b.plan.envBinary == binaryImage {
		v.VolumeSource = corev1.VolumeSource{Image: &corev1.ImageVolumeSource{
			Reference: b.plan.image, PullPolicy: corev1.PullPolicy(b.plan.pullPolicy),
		}}
	}
	return v
}

// installer copies our program to where the wrapped containers find it.
func (b *builder) installer() corev1.Container {
	return corev1.Container{
		Name: containerInstall, Image: b.plan.image, ImagePullPolicy: corev1.PullPolicy(b.plan.pullPolicy),
		Command: []string{b.plan.binary}, Args: []string{"agent", "install", dirBinary},
		Resources:       b.plan.resources(&b.plan.initAmounts),
		SecurityContext: b.plan.context(),
		VolumeMounts:    []corev1.VolumeMount{{Name: volumeBinary, MountPath: dirBinary}},
	}
}
