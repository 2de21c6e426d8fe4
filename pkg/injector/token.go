package injector

import (
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

const (
	// kubernetesTokenDir is where the cluster mounts a token by itself.
	kubernetesTokenDir = "/var/run/secrets/kubernetes.io/serviceaccount"
	// namedTokenDir is where the old injector mounts a volume that no container has.
	namedTokenDir = "/var/run/secrets/vault.hashicorp.com/serviceaccount"
	ownTokenDir   = "/var/run/secrets/vaultk8s.io/serviceaccount"
)

// tokenMount is the service-account token that the agent logs in with.
type tokenMount struct {
	volume string // "" if there is none
	dir    string
	file   string
	own    bool // the volume is added
}

func (t tokenMount) mount() corev1.VolumeMount {
	return corev1.VolumeMount{Name: t.volume, MountPath: t.dir, ReadOnly: true}
}

func (t tokenMount) path() string { return path.Join(t.dir, t.file) }

// conclusionOfToken finds a token in the pod, or plans one.
func (p *parser) conclusionOfToken() {
	plan := p.plan
	own := tokenMount{volume: volumeToken, dir: ownTokenDir, file: "token", own: true}
	if plan.configMap != "" {
		own.dir = kubernetesTokenDir // the user's document cannot know ours
	}
	switch {
	case plan.tokenVolume != "":
		if p.pod.Annotations[OwnPrefix+"agent-token-audience"] != "" {
			p.warn("%sagent-token-audience has no effect, because %sagent-service-account-token-volume-name names a token", OwnPrefix, Prefix)
		}
		plan.token = p.namedToken(plan.tokenVolume)
	case plan.audience != "":
		plan.token = own
	default:
		found, ok := mountedToken(p.pod.Spec.Containers)
		if !ok && plan.needsToken() {
			found = own
		}
		plan.token = found
	}
}

// needsToken reports whether some way to log in shows a service-account token.
func (p *plan) needsToken() bool {
	kinds := []string{p.auth.kind}
	for _, s := range p.secrets {
		kinds = append(kinds, s.authType)
	}
	for _, v := range p.env {
		kinds = append(kinds, v.authType)
	}
	return p.configMap != "" || slices.Contains(kinds, "kubernetes") || slices.Contains(kinds, "jwt") && p.auth.config["path"] == ""
}

// mountedToken prefers the usual place. The tokens of cloud providers lie in
// directories of similar names and are of no use to Vault.
func mountedToken(containers []corev1.Container) (tokenMount, bool) {
	var second *corev1.VolumeMount
	for _, c := range containers {
		for _, m := range c.VolumeMounts {
			switch {
			case m.MountPath == kubernetesTokenDir:
				return tokenMount{volume: m.Name, dir: m.MountPath, file: "token"}, true
			case second == nil && strings.Contains(m.MountPath, "serviceaccount") && !strings.Contains(m.MountPath, "amazonaws.com"):
				second = &m
			}
		}
	}
	if second == nil {
		return tokenMount{}, false
	}
	return tokenMount{volume: second.Name, dir: second.MountPath, file: "token"}, true
}

// namedToken follows the annotation that names a projected volume.
func (p *parser) namedToken(name string) tokenMount {
	key := Prefix + "agent-service-account-token-volume-name"
	at := slices.IndexFunc(p.pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == name })
	dir := mountOf(p.pod.Spec.Containers, name)
	if at < 0 {
		p.refuse(atAgent, "failed to find service account volume %q: %s", name, key)
		return tokenMount{}
	}
	if dir == "" {
		dir = namedTokenDir
	}
	file := projectedToken(p.pod.Spec.Volumes[at])
	if file == "" {
		p.refuse(atAgent, "failed to find tokenPath for projected volume %q: %s", name, key)
	}
	return tokenMount{volume: name, dir: dir, file: file}
}

// mountOf returns where the first container mounts a volume, "" for nowhere.
func mountOf(containers []corev1.Container, volume string) string {
	for _, c := range containers {
		for _, m := range c.VolumeMounts {
			if m.Name == volume {
				return m.MountPath
			}
		}
	}
	return ""
}

// projectedToken returns the file name of the first token of a projected volume.
func projectedToken(v corev1.Volume) string {
	if v.Projected == nil {
		return ""
	}
	for _, source := range v.Projected.Sources {
		if source.ServiceAccountToken != nil {
			return source.ServiceAccountToken.Path
		}
	}
	return ""
}

// ownTokenVolume is the volume of a token of our own.
func (p *plan) ownTokenVolume() corev1.Volume {
	seconds := int64(p.expiration.Seconds())
	return corev1.Volume{Name: volumeToken, VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		Sources: []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{
			Audience: p.audience, ExpirationSeconds: &seconds, Path: p.token.file,
		}}},
	}}}
}

// awsMount returns the mount of an AWS token, if the login needs one.
func awsMount(p *plan, containers []corev1.Container) *corev1.VolumeMount {
	if p.auth.kind != "aws" {
		return nil
	}
	for _, c := range containers {
		for _, m := range c.VolumeMounts {
			if strings.Contains(m.MountPath, "eks.amazonaws.com") {
				return &corev1.VolumeMount{Name: m.Name, MountPath: m.MountPath, ReadOnly: true}
			}
		}
	}
	return nil
}
