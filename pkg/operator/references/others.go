package references

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/effective"
	"github.com/vaultk8s/vaultk8s/pkg/operator/shape"
	"github.com/vaultk8s/vaultk8s/pkg/operator/status"
	"github.com/vaultk8s/vaultk8s/pkg/operator/visit"
)

func setupGlobal(m manager.Manager, f frame) error {
	k := changes(f, kindGlobal, "", f.judgeGlobal)
	return k.Complete(m, builder.ControllerManagedBy(m).Named("vaultauthglobal").For(&v1beta1.VaultAuthGlobal{}, anew()))
}

func (f frame) judgeGlobal(_ context.Context, g *v1beta1.VaultAuthGlobal, c *status.Conditions) time.Duration {
	f.Sessions.Changed(kindGlobal, types.NamespacedName{Namespace: g.Namespace, Name: g.Name})
	err := checkGlobal(g)
	g.Status.Valid, g.Status.Error, g.Status.ObservedGeneration = err == nil, "", g.Generation
	if err != nil {
		g.Status.Error = visit.Lines(err)
		c.Conclude(stuck(v1beta1.ReasonInvalidConfiguration, err))
		return 0
	}
	c.Conclude(sound("the spec is sound"))
	return 0
}

// checkGlobal finds what would be wrong for every VaultAuth.
func checkGlobal(g *v1beta1.VaultAuthGlobal) error {
	var problems []error
	if s := g.Spec.AllowedNamespaceSelector; s != nil {
		if _, err := metav1.LabelSelectorAsSelector(s); err != nil {
			problems = append(problems, fmt.Errorf("spec.allowedNamespaceSelector: %w", err))
		}
	}
	if ref := g.Spec.VaultConnectionRef; ref != "" {
		if _, err := effective.ParseName(ref, g.Namespace); err != nil {
			problems = append(problems, fmt.Errorf("spec.vaultConnectionRef: %w", err))
		}
	}
	return errors.Join(problems...)
}

func setupTransformation(m manager.Manager, f frame) error {
	k := kind(f, kindTransformation, "", judgeTransformation)
	return k.Complete(m, builder.ControllerManagedBy(m).Named("secrettransformation").For(&v1beta1.SecretTransformation{}, anew()))
}

func judgeTransformation(_ context.Context, t *v1beta1.SecretTransformation, c *status.Conditions) time.Duration {
	err := shape.Check(t)
	t.Status.Valid, t.Status.Error, t.Status.ObservedGeneration = err == nil, "", t.Generation
	if err != nil {
		t.Status.Error = visit.Lines(err)
		c.Conclude(stuck(v1beta1.ReasonTransformationError, err))
		return 0
	}
	c.Conclude(sound("every template and regular expression was understood"))
	return 0
}

func setupCSI(m manager.Manager, f frame) error {
	k := kind(f, kindCSI, "", judgeCSI)
	return k.Complete(m, builder.ControllerManagedBy(m).Named("csisecrets").For(&v1beta1.CSISecrets{}, anew()))
}

func judgeCSI(_ context.Context, s *v1beta1.CSISecrets, c *status.Conditions) time.Duration {
	s.Status.ObservedGeneration = s.Generation
	if err := checkPatterns(s); err != nil {
		c.Conclude(stuck(v1beta1.ReasonInvalidConfiguration, err))
		return 0
	}
	c.Conclude(sound("every pattern was understood"))
	return 0
}

// checkPatterns compiles all regular expressions.
func checkPatterns(s *v1beta1.CSISecrets) error {
	var problems []error
	check := func(field, pattern string) {
		if _, err := regexp.Compile(pattern); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", field, err))
		}
	}
	a := s.Spec.AccessControl
	check("spec.accessControl.serviceAccountPattern", a.ServiceAccountPattern)
	for i, p := range a.NamespacePatterns {
		check(fmt.Sprintf("spec.accessControl.namespacePatterns[%d]", i), p)
	}
	for i, p := range a.PodNamePatterns {
		check(fmt.Sprintf("spec.accessControl.podNamePatterns[%d]", i), p)
	}
	if y := s.Spec.SyncConfig; y != nil {
		check("spec.syncConfig.containerState.namePattern", y.ContainerState.NamePattern)
		check("spec.syncConfig.containerState.imagePattern", y.ContainerState.ImagePattern)
	}
	return errors.Join(problems...)
}
