package shape

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/render"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// Password finds the password of a keystore. Its error names the Secret.
type Password func(v1beta1.SecretKeyRef) (sensitive.String, error)

// AddKeystores adds the keystores and truststores of a certificate, and of the key
// that was made with it, to the data of a Secret. The certificate must be in PEM.
// The same certificate and password make the same bytes. A key of the Secret that
// something else is written to is an error. All that is wrong is in one error.
func AddKeystores(data map[string][]byte, a Answer, k *v1beta1.Keystores, password Password) error {
	if k == nil || k.PKCS12 == nil && k.JKS == nil {
		return nil
	}
	material, err := a.material()
	if err != nil {
		return fmt.Errorf("keystores: %w", err)
	}
	c := &cabinet{data: data, password: password}
	if o := k.PKCS12; o != nil {
		c.put("pkcs12", "keystore.p12", o, material.PKCS12, material.PKCS12Truststore)
	}
	if o := k.JKS; o != nil {
		c.put("jks", "keystore.jks", o, func(p sensitive.String) ([]byte, error) { return material.JKS(o.Alias, p) }, material.JKSTruststore)
	}
	return errors.Join(c.problems...)
}

// material gathers what keystores hold. In the format pem_bundle the certificate has
// the key in it already.
func (a Answer) material() (*render.KeyMaterial, error) {
	var texts []sensitive.String
	for _, key := range []string{"certificate", "private_key", "ca_chain", "issuing_ca"} {
		texts = append(texts, sensitive.New(strings.TrimSpace(lines(a.secrets.Reveal()[key]))))
	}
	return render.ParseKeyMaterial(texts...)
}

// cabinet is where keystores are put.
type cabinet struct {
	data     map[string][]byte
	password Password
	problems []error
}

// store makes one file, protected by a password.
type store func(sensitive.String) ([]byte, error)

// put adds a keystore, and its truststore where one is asked for.
func (c *cabinet) put(field, name string, o *v1beta1.Keystore, keystore, truststore store) {
	password, err := c.password(o.PasswordSecretRef)
	if err != nil {
		c.problems = append(c.problems, fmt.Errorf("keystores.%s: %w", field, err))
		return
	}
	c.add(field, cmp.Or(o.Key, name), keystore, password)
	if o.TruststoreKey != "" {
		c.add(field, o.TruststoreKey, truststore, password)
	}
}

func (c *cabinet) add(field, key string, produce store, password sensitive.String) {
	if _, taken := c.data[key]; taken {
		c.problems = append(c.problems, fmt.Errorf("keystores.%s: something else is written to the key %q", field, key))
		return
	}
	content, err := produce(password)
	if err != nil {
		c.problems = append(c.problems, fmt.Errorf("keystores.%s: %w", field, err))
		return
	}
	c.data[key] = content
}
