package injector

import (
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// undoKey is the annotation with what Uninject could not know otherwise; most
// pods have none.
const undoKey = OwnPrefix + "injected"

// undo is what an injection changed, rather than added.
type undo struct {
	Status   *string               `json:"status,omitempty"`   // the status annotation before
	Share    *sharing              `json:"share,omitempty"`    // shareProcessNamespace before
	Volumes  []string              `json:"volumes,omitempty"`  // of the pod, with names like ours
	Commands map[string]invocation `json:"commands,omitempty"` // of wrapped containers
}

// sharing holds a value that may have been absent.
type sharing struct {
	Before *bool `json:"before"`
}

type invocation struct {
	Command []string `json:"command"`
	Args    []string `json:"args,omitempty"`
}

func (u *undo) remember(pod *corev1.Pod) {
	if status, ok := pod.Annotations[StatusKey]; ok {
		u.Status = &status
	}
	for _, v := range pod.Spec.Volumes {
		if isOurVolume(v.Name) {
			u.Volumes = append(u.Volumes, v.Name)
		}
	}
}

func (u *undo) share(pod *corev1.Pod, share bool) {
	before := pod.Spec.ShareProcessNamespace
	if before != nil && *before == share {
		return
	}
	u.Share = &sharing{Before: before}
	pod.Spec.ShareProcessNamespace = &share
}

func (u *undo) wrapped(c *corev1.Container) {
	if u.Commands == nil {
		u.Commands = map[string]invocation{}
	}
	u.Commands[c.Name] = invocation{Command: c.Command, Args: c.Args}
}

func (u *undo) record(pod *corev1.Pod) error {
	delete(pod.Annotations, undoKey)
	text, err := json.Marshal(u)
	if err != nil {
		return fmt.Errorf("encode what is to be undone: %w", err)
	}
	if string(text) != "{}" {
		pod.Annotations[undoKey] = string(text)
	}
	return nil
}

// Uninject takes an injection back, also one of the old injector, and returns
// the pod as it was. What a user's JSON patch renamed stays. A pod that is not
// injected comes back unchanged. The error is about an annotation that somebody
// else has changed.
func Uninject(pod *corev1.Pod) (*corev1.Pod, error) {
	if pod == nil || pod.Annotations[StatusKey] != statusInjected {
		return pod, nil
	}
	var u undo
	if text, ok := pod.Annotations[undoKey]; ok {
		if err := json.Unmarshal([]byte(text), &u); err != nil {
			return pod, fmt.Errorf("%s cannot be read: %w", undoKey, err)
		}
	}
	out := pod.DeepCopy()
	u.volumes(out)
	u.containers(out)
	if u.Share != nil {
		out.Spec.ShareProcessNamespace = u.Share.Before
	}
	delete(out.Annotations, undoKey)
	delete(out.Annotations, StatusKey)
	if u.Status != nil {
		out.Annotations[StatusKey] = *u.Status
	}
	return out, nil
}

// added reports whether the injector added the volume.
func (u *undo) added(name string) bool {
	return isOurVolume(name) && !slices.Contains(u.Volumes, name)
}

func (u *undo) volumes(pod *corev1.Pod) {
	pod.Spec.Volumes = slices.DeleteFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return u.added(v.Name) })
}

func (u *undo) containers(pod *corev1.Pod) {
	ours := func(c corev1.Container) bool { return isOurContainer(c.Name) }
	spec := &pod.Spec
	spec.Containers = slices.DeleteFunc(spec.Containers, ours)
	spec.InitContainers = slices.DeleteFunc(spec.InitContainers, ours)
	for _, all := range [][]corev1.Container{spec.Containers, spec.InitContainers} {
		for i := range all {
			u.container(&all[i])
		}
	}
}

func (u *undo) container(c *corev1.Container) {
	c.VolumeMounts = slices.DeleteFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return u.added(m.Name) })
	was, ok := u.Commands[c.Name]
	if !ok {
		return
	}
	c.Command, c.Args = was.Command, was.Args
	// The variables of the agent are the last ones, from the document on.
	at := slices.IndexFunc(c.Env, func(v corev1.EnvVar) bool { return v.Name == documentVariable })
	if at >= 0 {
		c.Env = c.Env[:at]
	}
}
