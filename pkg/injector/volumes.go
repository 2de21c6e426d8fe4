package injector

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Names of volumes; those without "vaultk8s" are the old injector's.
const (
	volumeHomeInit    = "home-init"
	volumeHomeSidecar = "home-sidecar"
	volumeSecrets     = "vault-secrets"
	volumeCustom      = "vault-secrets-custom-" // with a number
	volumeConfig      = "vault-config"
	volumeExtra       = "extra-secrets"
	volumeTLS         = "vault-tls-secrets"
	volumeCache       = "vault-agent-cache"
	volumeToken       = "vaultk8s-token"
	volumeBinary      = "vaultk8s-bin"
	volumeExtraConfig = "vaultk8s-config"
)

// Where the agent's containers mount them.
const (
	dirHome        = "/home/vault"
	dirExtra       = "/vault/custom"
	dirConfig      = "/vault/configs"
	dirExtraConfig = "/vault/configs-extra"
	dirTLS         = "/vault/tls"
	dirCache       = "/vault/agent-cache"
	dirBinary      = "/vault/bin"
)

// isOurVolume reports whether the injector gives this name to volumes.
func isOurVolume(name string) bool {
	fixed := []string{
		volumeHomeInit, volumeHomeSidecar, volumeSecrets, volumeConfig, volumeExtra, volumeTLS, volumeCache,
		volumeToken, volumeBinary, volumeExtraConfig,
	}
	number, custom := strings.CutPrefix(name, volumeCustom)
	return slices.Contains(fixed, name) || custom && number != "" && strings.Trim(number, "0123456789") == ""
}

func memoryVolume(name string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
		EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory},
	}}
}

func configMapVolume(name, configMap string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
		ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: configMap}},
	}}
}

func secretVolume(name, secret string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: secret}}}
}

// volumes returns what the plan adds to the pod, in the old injector's order.
func (p *plan) volumes() []corev1.Volume {
	all := make([]corev1.Volume, 0, usualVolumes)
	add := func(wanted bool, v corev1.Volume) {
		if wanted {
			all = append(all, v)
		}
	}
	add(p.hasInit(), memoryVolume(volumeHomeInit))
	add(p.hasSidecar(), memoryVolume(volumeHomeSidecar))
	add(p.beside(), memoryVolume(volumeSecrets))
	for _, v := range p.customVolumes() {
		add(true, memoryVolume(v.Name))
	}
	add(p.configMap != "", configMapVolume(volumeConfig, p.configMap))
	add(p.extraSecret != "", secretVolume(volumeExtra, p.extraSecret))
	add(p.vault.tlsSecret != "", secretVolume(volumeTLS, p.vault.tlsSecret))
	add(p.keepsCache(), memoryVolume(volumeCache))
	if p.token.own {
		all = append(all, p.ownTokenVolume())
	}
	add(p.extraConfig != "", configMapVolume(volumeExtraConfig, p.extraConfig))
	return all
}

// usualVolumes are those of an agent that starts before the application and stays:
// two homes, the secrets and the cache.
const usualVolumes = 4

// keepsCache reports whether token and leases outlive a container: from an init
// container to its sidecar, and in our agent also from a sidecar to the next.
func (p *plan) keepsCache() bool {
	return p.handsOver() || p.native()
}

// customVolumes returns the mounts of the directories besides the global one,
// each once.
func (p *plan) customVolumes() []corev1.VolumeMount {
	var all []corev1.VolumeMount
	for _, s := range p.secrets {
		m := corev1.VolumeMount{Name: s.volume, MountPath: s.dirIn(p)}
		if s.volume != volumeSecrets && !slices.Contains(mountNames(all), s.volume) {
			all = append(all, m)
		}
	}
	return all
}

func mountNames(all []corev1.VolumeMount) []string {
	names := make([]string, len(all))
	for i, m := range all {
		names[i] = m.Name
	}
	return names
}

// secretMounts are the mounts of the agent's containers.
func (p *plan) secretMounts() []corev1.VolumeMount {
	return append([]corev1.VolumeMount{{Name: volumeSecrets, MountPath: p.secretDir}}, p.customVolumes()...)
}

// mountsFor are the mounts of a container of the application.
func (p *plan) mountsFor(container string, listed bool) []corev1.VolumeMount {
	var all []corev1.VolumeMount
	for _, m := range p.secretMounts() {
		only := p.containersOf(m.Name)
		if only == nil && listed || slices.Contains(only, container) {
			all = append(all, m)
		}
	}
	return all
}

// containersOf returns the only containers that mount a volume, nil for all.
func (p *plan) containersOf(volume string) []string {
	for _, s := range p.secrets {
		if s.volume == volume {
			return s.containers
		}
	}
	return nil
}

func (b *builder) addVolumes(all []corev1.Volume) {
	b.pod.Spec.Volumes = slices.Grow(b.pod.Spec.Volumes, len(all))
	for _, v := range all {
		b.addVolume(v)
	}
}

// addVolume appends a volume unless the pod has one of that name.
func (b *builder) addVolume(v corev1.Volume) {
	for _, other := range b.pod.Spec.Volumes {
		if other.Name == v.Name {
			b.trouble = append(b.trouble, fmt.Sprintf("the pod has a volume %q, a name that the injector needs: rename it", v.Name))
			return
		}
	}
	b.pod.Spec.Volumes = append(b.pod.Spec.Volumes, v)
}

// addMounts appends mounts to a container of the application.
func (b *builder) addMounts(c *corev1.Container, mounts []corev1.VolumeMount) {
	for _, m := range mounts {
		if mountsAt(c, m.MountPath) {
			b.trouble = append(b.trouble, fmt.Sprintf("container %q mounts something at %s, where the secrets go: set %ssecret-volume-path", c.Name, m.MountPath, Prefix))
			continue
		}
		c.VolumeMounts = append(c.VolumeMounts, m)
	}
}
