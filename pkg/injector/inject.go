package injector

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
	"github.com/vaultk8s/vaultk8s/pkg/config/problem"
)

// Inject returns the pod with what its annotations ask for, and a report. The
// pod that it was given stays as it is; where nothing is injected, that very pod
// comes back, and otherwise the two share what both have. It never fails halfway: a pod that is refused is unchanged, and
// the report's error names every problem.
func Inject(pod *corev1.Pod, o Options) (*corev1.Pod, Report) {
	if pod == nil {
		return nil, Report{Reason: BadPod, Err: errors.New(string(atDefaults) + "pod is empty")}
	}
	if reason, err := wanted(pod); reason != Injected {
		return pod, Report{Reason: reason, Err: err}
	}
	return inject(pod, o)
}

// inject is apart from Inject so that the pods of everybody else, which are most,
// cost no copy of the options on the heap.
func inject(pod *corev1.Pod, o Options) (*corev1.Pod, Report) {
	if ns := o.namespace(pod.Namespace); ns == "kube-system" || ns == "kube-public" {
		return pod, Report{Reason: SystemNamespace, Err: fmt.Errorf("error with request namespace: cannot inject into system namespaces: %s", ns)}
	}
	plan, warnings, err := parse(pod, &o)
	if err != nil {
		return pod, Report{Reason: BadAnnotation, Warnings: warnings, Err: err}
	}
	b := newBuilder(pod, plan)
	if err := b.build(); err != nil {
		return pod, Report{Reason: reasonOf(err), Warnings: warnings, Err: err}
	}
	return b.pod, Report{Reason: Injected, Injection: plan.injection(), Warnings: b.warnings(warnings)}
}

// reasonOf tells annotations that cannot be followed from a pod without room.
func reasonOf(err error) Reason {
	patch, size := (*misfitError)(nil), (*tooLargeError)(nil)
	if errors.As(err, &patch) || errors.As(err, &size) {
		return BadAnnotation
	}
	return BadPod
}

// wanted reports whether the pod is to be injected.
func wanted(pod *corev1.Pod) (Reason, error) {
	text, said := pod.Annotations[injectKey]
	if !said {
		return NotRequested, nil
	}
	inject, err := truth(text)
	switch {
	case err != nil:
		return BadAnnotation, fmt.Errorf("%s%s: %w", atRequest, injectKey, err)
	case !inject:
		return NotRequested, nil
	case pod.Status.Phase != "" && pod.Status.Phase != corev1.PodPending:
		return PhaseTooLate, nil
	case pod.Annotations[StatusKey] == statusInjected:
		return AlreadyInjected, nil
	}
	return Injected, nil
}

// builder makes the pod of a plan.
type builder struct {
	plan     *plan
	pod      *corev1.Pod
	original []corev1.Container   // the application's, before anything is added
	copied   []corev1.VolumeMount // by agent-copy-volume-mounts
	prepend  []corev1.Container   // our init containers
	undo     undo
	trouble  []string            // what the pod has no room for
	noCopy   bool                // agent-copy-volume-mounts names no container
	document *agentfile.Document // of init container and sidecar; nil until the first of them is made
	scratch  []byte              // of encodeDocument
}

func newBuilder(pod *corev1.Pod, p *plan) *builder {
	b := &builder{plan: p, pod: copied(pod), original: pod.Spec.Containers, scratch: make([]byte, 0, usualDocument)}
	if p.copyMounts == "" {
		return b
	}
	c := findContainer(pod.Spec.Containers, p.copyMounts)
	if c == nil {
		c = findContainer(pod.Spec.InitContainers, p.copyMounts)
	}
	if b.noCopy = c == nil; !b.noCopy {
		b.copied = c.VolumeMounts
	}
	return b
}

// copied returns a pod that the builder may change. It copies no more than what
// that changes, which is little of a pod, and which [Patch] then has to look at:
// everything else stays one in memory.
func copied(pod *corev1.Pod) *corev1.Pod {
	out := *pod
	out.Annotations = maps.Clone(pod.Annotations)
	out.Spec.Volumes = slices.Clip(pod.Spec.Volumes)
	out.Spec.Containers = copiedContainers(pod.Spec.Containers)
	out.Spec.InitContainers = copiedContainers(pod.Spec.InitContainers)
	return &out
}

// copiedContainers leaves the lists of a container as they are, without room: what
// is appended goes to memory of its own.
func copiedContainers(all []corev1.Container) []corev1.Container {
	all = slices.Clone(all)
	for i := range all {
		c := &all[i]
		c.Command, c.Args = slices.Clip(c.Command), slices.Clip(c.Args)
		c.Env, c.VolumeMounts = slices.Clip(c.Env), slices.Clip(c.VolumeMounts)
	}
	return all
}

// warnings adds what the builder found.
func (b *builder) warnings(all []string) []string {
	if b.noCopy {
		all = append(all, fmt.Sprintf("%sagent-copy-volume-mounts: the pod has no container %q", Prefix, b.plan.copyMounts))
		slices.Sort(all)
	}
	return all
}

func (b *builder) build() error {
	b.refuseNames()
	b.undo.remember(b.pod)
	b.addVolumes(b.plan.volumes())
	if b.plan.beside() {
		b.mountSecrets()
	}
	sidecar, err := b.agents()
	if err != nil {
		return err
	}
	if err := b.wrap(); err != nil {
		return err
	}
	b.placeInit()
	b.pod.Spec.Containers = append(b.pod.Spec.Containers, sidecar...)
	if b.plan.shareProcesses != nil {
		b.undo.share(b.pod, *b.plan.shareProcesses)
	}
	b.pod.Annotations[StatusKey] = statusInjected
	if err := b.undo.record(b.pod); err != nil {
		return err
	}
	return b.troubles()
}

func (b *builder) troubles() error {
	var all problem.List
	for _, text := range b.trouble {
		all.Add("", 0, "%s%s", atAgent, text)
	}
	return all.Err()
}

// refuseNames keeps two containers from having one name, which Kubernetes would
// refuse in words that do not help.
func (b *builder) refuseNames() {
	for _, name := range slices.Concat(containerNames(b.pod.Spec.InitContainers), containerNames(b.pod.Spec.Containers)) {
		if isOurContainer(name) {
			b.trouble = append(b.trouble, fmt.Sprintf("the pod has a container %q, a name that the injector needs: rename it, or remove what another injector left", name))
		}
	}
}

// mountSecrets shows the files to the application. Init containers see them
// whether they are listed or not, if there is anything to see so early.
func (b *builder) mountSecrets() {
	p := b.plan
	for i := range b.pod.Spec.Containers {
		c := &b.pod.Spec.Containers[i]
		b.addMounts(c, p.mountsFor(c.Name, slices.Contains(p.containers, c.Name)))
	}
	for i := range b.pod.Spec.InitContainers {
		c := &b.pod.Spec.InitContainers[i]
		b.addMounts(c, p.mountsFor(c.Name, p.prePopulate))
	}
}

// agents makes the agent's containers; a classic sidecar comes back, because it
// goes last.
func (b *builder) agents() ([]corev1.Container, error) {
	p := b.plan
	if p.hasInit() {
		c, err := b.agentContainer(true)
		if err != nil {
			return nil, err
		}
		b.prepend = append(b.prepend, c)
	}
	if !p.hasSidecar() {
		return nil, nil
	}
	c, err := b.agentContainer(false)
	if err != nil {
		return nil, err
	}
	if p.native() {
		b.prepend = append(b.prepend, c)
		return nil, nil
	}
	return []corev1.Container{c}, nil
}

func (b *builder) placeInit() {
	spec := &b.pod.Spec
	if b.plan.initFirst {
		spec.InitContainers = slices.Concat(b.prepend, spec.InitContainers)
		return
	}
	spec.InitContainers = append(spec.InitContainers, b.prepend...)
}

// isOurContainer reports whether the injector gives this name to containers.
func isOurContainer(name string) bool {
	return name == containerSidecar || name == containerInit || name == containerInstall
}
