package destination

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// check says what the API server would refuse, all of it at once, before anything
// is deleted to be made anew.
func (f *Found) check(want *corev1.Secret) error {
	problems := slices.Concat(f.checkData(want), checkMetadata(want), f.checkType(want))
	if len(problems) == 0 {
		return nil
	}
	return fail(ErrInvalid, "secret %s: %s", f.key(), strings.Join(problems, "; "))
}

func (f *Found) checkData(want *corev1.Secret) (problems []string) {
	if bad := validation.IsDNS1123Subdomain(want.Name); len(bad) > 0 {
		problems = append(problems, fmt.Sprintf("%q cannot be the name of a Secret", want.Name))
	}
	size := 0
	for _, key := range slices.Sorted(maps.Keys(want.Data)) {
		size += len(want.Data[key])
		if len(validation.IsConfigMapKey(key)) > 0 {
			problems = append(problems, fmt.Sprintf("%q cannot be a key: only letters, digits, '-', '_' and '.' can", key))
		}
	}
	if size > corev1.MaxSecretSize {
		problems = append(problems, fmt.Sprintf("its data has %d bytes, and a Secret can hold %d", size, corev1.MaxSecretSize))
	}
	return problems
}

func checkMetadata(want *corev1.Secret) (problems []string) {
	for _, key := range slices.Sorted(maps.Keys(want.Labels)) {
		if len(validation.IsQualifiedName(key)) > 0 {
			problems = append(problems, fmt.Sprintf("%q cannot be a label", key))
		}
		if len(validation.IsValidLabelValue(want.Labels[key])) > 0 {
			problems = append(problems, fmt.Sprintf("%q cannot be the value of label %q", want.Labels[key], key))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(want.Annotations)) {
		if len(validation.IsQualifiedName(strings.ToLower(key))) > 0 {
			problems = append(problems, fmt.Sprintf("%q cannot be an annotation", key))
		}
	}
	return problems
}

// checkType names the keys that a type needs. With merge others may have them.
func (f *Found) checkType(want *corev1.Secret) (problems []string) {
	if f.merges() {
		return nil
	}
	for _, key := range needed(want.Type) {
		if _, ok := want.Data[key]; !ok {
			problems = append(problems, fmt.Sprintf("type %s needs the key %q", want.Type, key))
		}
	}
	if want.Type == corev1.SecretTypeServiceAccountToken {
		problems = append(problems, fmt.Sprintf("type %s is for tokens that Kubernetes makes", want.Type))
	}
	return problems
}

func needed(t corev1.SecretType) []string {
	switch t {
	case corev1.SecretTypeTLS:
		return []string{corev1.TLSCertKey, corev1.TLSPrivateKeyKey}
	case corev1.SecretTypeDockerConfigJson:
		return []string{corev1.DockerConfigJsonKey}
	case corev1.SecretTypeDockercfg:
		return []string{corev1.DockerConfigKey}
	case corev1.SecretTypeSSHAuth:
		return []string{corev1.SSHAuthPrivateKey}
	default:
		return nil
	}
}
