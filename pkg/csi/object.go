package csi

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/vaultk8s/vaultk8s/pkg/config/scalar"
	"github.com/vaultk8s/vaultk8s/pkg/render"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
)

// object is one entry of the parameter objects: a file, or with a format that
// makes several a directory of them. The first seven fields are those of the old
// provider, in its order, and go into the versions of objects.
type object struct {
	ObjectName     string         `yaml:"objectName"`
	SecretPath     string         `yaml:"secretPath"`
	SecretKey      string         `yaml:"secretKey"`
	Method         string         `yaml:"method"`
	SecretArgs     map[string]any `yaml:"secretArgs"`
	FilePermission fs.FileMode    `yaml:"filePermission"`
	Encoding       string         `yaml:"encoding"`

	extension `yaml:",inline"`
}

// extension holds the fields that the old provider does not have.
type extension struct {
	JSONPath        string   `yaml:"jsonPath" json:",omitempty"`
	Format          string   `yaml:"format" json:",omitempty"`
	Keys            []string `yaml:"keys" json:",omitempty"`
	PasswordKey     string   `yaml:"passwordKey" json:",omitempty"`
	Alias           string   `yaml:"alias" json:",omitempty"`
	Namespace       string   `yaml:"namespace" json:",omitempty"`
	RoleName        string   `yaml:"roleName" json:",omitempty"`
	WrapTTL         string   `yaml:"wrapTTL" json:",omitempty"`
	RefreshInterval string   `yaml:"refreshInterval" json:"-"`
	Shared          *bool    `yaml:"shared" json:"-"`
}

// allKeys as a secretKey stands for one file for each key.
const allKeys = "*"

// readObjects reads the parameter objects. An error holds no value of secretArgs,
// because the decoder shows only what has a wrong type.
func readObjects(text string) ([]object, error) {
	var all []object
	if err := yaml.Unmarshal([]byte(text), &all); err != nil {
		return nil, fmt.Errorf("parameter \"objects\": %w", err)
	}
	return all, nil
}

// check reports everything that is wrong with an object.
func (o *object) check(index int) []error {
	name := fmt.Sprintf("object %q", o.ObjectName)
	if o.ObjectName == "" {
		name = fmt.Sprintf("object number %d", index+1)
	}
	var wrong []error
	for _, err := range []error{
		o.checkName(), o.checkSource(), o.checkShape(),
		checkDuration("wrapTTL", o.WrapTTL), checkDuration("refreshInterval", o.RefreshInterval),
	} {
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", name, err))
		}
	}
	return wrong
}

func (o *object) checkName() error {
	if o.ObjectName == "" {
		return errors.New("objectName is missing: it names the file")
	}
	return checkFileName(o.ObjectName)
}

// checkFileName tells beforehand what the driver would refuse.
func checkFileName(name string) error {
	switch elements := strings.Split(name, "/"); {
	case strings.HasPrefix(name, "/"):
		return fmt.Errorf("the path %q of the file must be relative", name)
	case slices.Contains(elements, ".."), strings.HasPrefix(name, ".."):
		return fmt.Errorf("the path %q of the file leaves the volume", name)
	case path.Clean(name) != name:
		return fmt.Errorf("the path %q of the file has an empty part or a dot: write %q", name, path.Clean(name))
	case len(name) > 4096, slices.ContainsFunc(elements, func(e string) bool { return len(e) > 255 }):
		return fmt.Errorf("the path of the file is too long: 4096 bytes at most, 255 between slashes")
	}
	return nil
}

func (o *object) checkSource() error {
	if apiPath(o.SecretPath) == "" {
		return errors.New("secretPath is missing: it names the secret")
	}
	return nil
}

func (o *object) checkShape() error {
	switch {
	case o.format() != "" && o.JSONPath != "":
		return errors.New("jsonPath selects one value and cannot be combined with a format")
	case o.format() != "" && o.SecretKey != "" && o.SecretKey != allKeys:
		return errors.New("with a format, name the keys in the list keys instead of secretKey")
	case o.format() == "" && len(o.Keys) > 0:
		return errors.New("keys needs a format")
	case o.SecretKey != "" && o.SecretKey != allKeys && !slices.Contains(encodings(), strings.ToLower(o.Encoding)):
		return errors.New("invalid encoding type. Should be utf-8, base64, or hex")
	case o.format() == "":
		return nil
	}
	_, err := o.renderer()
	return err
}

// format is the name of a format of package render, "" for the shapes of the old provider.
func (o *object) format() string {
	if o.Format == "" && o.SecretKey == allKeys {
		return "files"
	}
	return o.Format
}

func (o *object) renderer() (*render.Format, error) {
	return render.NewFormat(render.FormatOptions{
		Name: o.ObjectName, Query: o.query(), Format: o.format(), Keys: o.Keys,
		Keystore: render.Keystore{PasswordKey: o.PasswordKey, Alias: o.Alias},
	})
}

// apiPath returns the path below /v1/ that a secretPath stands for.
func apiPath(secretPath string) string {
	p := strings.TrimLeft(secretPath, "/")
	return strings.TrimLeft(strings.TrimPrefix(p, "v1/"), "/")
}

// never is a poll interval for what is asked once: a hundred years.
const never = 100 * 365 * 24 * time.Hour

// query returns what is asked for an object, before the class has its say.
func (o *object) query() secret.Query {
	method := o.method()
	op := secret.Write
	switch method {
	case "GET":
		op = secret.Read
	case "LIST":
		op = secret.List
	}
	q := secret.NewQuery(op, apiPath(o.SecretPath), o.SecretArgs).Literally(method)
	if o.WrapTTL != "" {
		ttl, _ := scalar.Duration(o.WrapTTL) // checked before
		q = q.Wrapped(ttl)
	}
	return q
}

// method is sent as the class writes it; nothing stands for GET.
func (o *object) method() string {
	if o.Method == "" {
		return "GET"
	}
	return o.Method
}

// refresh returns how often an object is read that has no lease. What makes
// something new at each request is asked once, unless the class says otherwise:
// a new certificate or data key every minute helps nobody.
func (o *object) refresh(class, usual time.Duration) time.Duration {
	own, _ := scalar.Duration(o.RefreshInterval) // checked before
	switch {
	case own > 0:
		return own
	case o.method() != "GET" && o.method() != "LIST":
		return never
	case class > 0:
		return class
	}
	return usual
}

// alone tells whether the answer belongs to one volume: where the class says so,
// and for a wrapped one, which can be opened once.
func (o *object) alone() bool { return o.WrapTTL != "" || o.Shared != nil && !*o.Shared }

func checkDuration(name, text string) error {
	if text == "" {
		return nil
	}
	d, err := scalar.Duration(text)
	if err == nil && d < time.Second {
		err = fmt.Errorf("%q is shorter than a second", text)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func encodings() []string { return []string{"", "utf-8", "base64", "hex"} }

// duplicates names the objects that share a name with one before, in order.
func duplicates(names []string) []string {
	var found []string
	seen := make(map[string]bool, len(names))
	for _, name := range names {
		if seen[name] && !slices.Contains(found, name) {
			found = append(found, name)
		}
		seen[name] = true
	}
	return found
}
