package injector

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// context is the security context of the agent's containers, nil for none.
func (p *plan) context() *corev1.SecurityContext {
	if !p.securityContext {
		return nil
	}
	yes, no := true, false
	nonRoot := p.user != 0 && p.group != 0
	user, group := p.user, p.group
	return &corev1.SecurityContext{
		RunAsUser: &user, RunAsGroup: &group, RunAsNonRoot: &nonRoot,
		ReadOnlyRootFilesystem:   &yes,
		AllowPrivilegeEscalation: &no,
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		SeccompProfile:           p.seccompProfile(),
	}
}

func (p *plan) seccompProfile() *corev1.SeccompProfile {
	if p.seccomp == "" {
		return nil
	}
	if file, ok := strings.CutPrefix(p.seccomp, "Localhost/"); ok {
		return &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeLocalhost, LocalhostProfile: &file}
	}
	return &corev1.SeccompProfile{Type: corev1.SeccompProfileType(p.seccomp)}
}

func resourceNames() [3]corev1.ResourceName {
	return [3]corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage}
}

// over returns the amounts with those of one container in front.
func (a amounts) over(general amounts) amounts {
	for i := range a.limits {
		if !a.limits[i].said {
			a.limits[i] = general.limits[i]
		}
		if !a.requests[i].said {
			a.requests[i] = general.requests[i]
		}
	}
	return a
}

// conclusionOfAmounts makes each request fit its limit.
func (p *parser) conclusionOfAmounts() {
	plan := p.plan
	plan.initAmounts = plan.initAmounts.over(plan.amounts)
	plan.sidecarAmounts = plan.sidecarAmounts.over(plan.amounts)
	for i := range plan.amounts.limits {
		p.fit(&plan.initAmounts.limits[i], &plan.initAmounts.requests[i])
		p.fit(&plan.sidecarAmounts.limits[i], &plan.sidecarAmounts.requests[i])
	}
}

// fit moves a default to what the user says: Kubernetes refuses a pod that
// requests more than its limit.
func (p *parser) fit(limit, request *amount) {
	if limit.quantity == nil || request.quantity == nil || request.quantity.Cmp(*limit.quantity) <= 0 {
		return
	}
	switch {
	case limit.said && request.said:
		p.refuse(atAgent, "%s: %s is more than %s, the limit of %s", request.key, request.quantity, limit.quantity, limit.key)
	case request.said:
		limit.quantity = request.quantity
	default:
		request.quantity = limit.quantity
	}
}

func (p *plan) resources(a *amounts) corev1.ResourceRequirements {
	return corev1.ResourceRequirements{Limits: resourceList(a.limits), Requests: resourceList(a.requests)}
}

func resourceList(all [3]amount) corev1.ResourceList {
	list := corev1.ResourceList{}
	for i, name := range resourceNames() {
		if q := all[i].quantity; q != nil {
			list[name] = q.DeepCopy()
		}
	}
	return list
}
