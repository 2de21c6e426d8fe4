package injector

// Reason says in one word what became of a pod; metrics and logs carry it.
type Reason string

// What becomes of a pod. The pods of the first group are changed or left as they
// are; those of the second are refused, and [Report.Err] says why.
const (
	Injected        Reason = "Injected"
	NotRequested    Reason = "NotRequested"    // no annotation asks for it
	AlreadyInjected Reason = "AlreadyInjected" // the status annotation says so
	PhaseTooLate    Reason = "PhaseTooLate"    // the pod runs, or has run

	BadAnnotation   Reason = "BadAnnotation"   // the annotations cannot be followed
	SystemNamespace Reason = "SystemNamespace" // kube-system and kube-public are left alone
	BadPod          Reason = "BadPod"          // the pod has no room for the agent
)

// Injection names what was added; a metric of the old injector has the first three.
type Injection string

// What an injection adds.
const (
	InitOnly        Injection = "init_only"
	SidecarOnly     Injection = "sidecar_only"
	InitAndSidecar  Injection = "init_and_sidecar"
	NativeSidecar   Injection = "native_sidecar"
	EnvironmentOnly Injection = "environment_only" // the application's command is wrapped, no agent beside it
	VolumesOnly     Injection = "volumes_only"     // neither container was wanted
)

// Report says what was done with a pod.
type Report struct {
	Reason    Reason
	Injection Injection // "" unless Injected
	Warnings  []string  // sorted; each names its annotation
	Err       error     // nil unless the pod is refused; one line for each problem
}

// Denied reports whether the pod must be refused.
func (r Report) Denied() bool { return r.Err != nil }
