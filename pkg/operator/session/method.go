package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/operator/effective"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// gate lets only so many logins through at a time.
type gate chan struct{}

// method logs in for others. It gathers the credentials for each login, and holds
// them no longer than that.
type method struct {
	sessions *Sessions
	made     *spec
}

// Login implements auth.Method.
func (m *method) Login(ctx context.Context, vault auth.Exchanger) (*auth.Token, error) {
	if err := enter(ctx, m.sessions.gate); err != nil {
		return nil, err
	}
	defer leave(m.sessions.gate)
	began := time.Now()
	token, err := m.logIn(ctx, vault)
	m.sessions.requested("login", m.made, began, err)
	return token, err
}

func (m *method) logIn(ctx context.Context, vault auth.Exchanger) (*auth.Token, error) {
	way, err := m.gather(ctx)
	if err != nil {
		return nil, err
	}
	return way.Login(ctx, vault)
}

// gather makes the way to log in, with its credentials in memory.
func (m *method) gather(ctx context.Context) (auth.Method, error) {
	c, credential := withOptions(m.made.login.Auth), m.made.login.Credential
	files := memory{}
	for _, text := range credential.Texts {
		c.Options[text.Option] = files.put(text.Option+" of the VaultAuth", text.Text)
	}
	options := []auth.Option{auth.WithExtras(m.made.login.Params, m.made.login.Headers)}
	switch credential.Source {
	case effective.SecretKeys:
		if err := m.fields(ctx, c, files); err != nil {
			return nil, err
		}
	case effective.AccountCloud:
		if err := m.annotations(ctx, c); err != nil {
			return nil, err
		}
		options = append(options, auth.WithAccount(m.tokens(c)))
	case effective.AccountToken:
		options = append(options, auth.WithAccount(m.tokens(c)))
	case effective.OperatorFile, effective.OperatorSelf:
	}
	if len(files) > 0 {
		options = append(options, auth.WithFiles(files.read))
	}
	way, err := auth.New(c, options...)
	if err != nil {
		merged := m.made.login.Merged
		return nil, unusable(kindAuth, merged.Namespace, merged.Name, "%v", err)
	}
	return way, nil
}

// fields reads the entries of a Secret into options, or what stands for files.
func (m *method) fields(ctx context.Context, c config.Auth, files memory) error {
	secrets := m.sessions.secrets()
	for _, f := range m.made.login.Credential.Fields {
		value, _, err := secrets.field(ctx, f)
		if err != nil {
			return err
		}
		c.Options[f.Option] = value.Reveal()
		if !f.Inline {
			c.Options[f.Option] = files.put(fmt.Sprintf("key %s of Secret %s/%s", f.Field, f.Namespace, f.Name), value.Reveal())
		}
	}
	return nil
}

// annotations reads what a ServiceAccount stands for in a cloud.
func (m *method) annotations(ctx context.Context, c config.Auth) error {
	credential := m.made.login.Credential
	name := types.NamespacedName{Namespace: credential.Namespace, Name: credential.Name}
	account := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"}}
	if err := m.sessions.o.Live.Get(ctx, name, account); err != nil {
		return missingOr(err, "ServiceAccount", name)
	}
	var problems []error
	for _, a := range credential.Account {
		value := account.Annotations[a.Name]
		if value == "" {
			value = a.Default
		}
		if value == "" && a.Required {
			problems = append(problems, unusable("ServiceAccount", name.Namespace, name.Name, "annotation %q is not set", a.Name))
		}
		if value != "" {
			c.Options[a.Option] = value
		}
	}
	return errors.Join(problems...)
}

// shortestToken is the shortest life that the API server gives a token.
const shortestToken = 10 * time.Minute

// tokens requests tokens of the ServiceAccount. A token is for one login only, so
// that it need not live long.
func (m *method) tokens(c config.Auth) auth.AccountTokens {
	credential := m.made.login.Credential
	life := max(credential.Expiration, shortestToken)
	if seconds, err := strconv.ParseInt(c.Options["token_expiration"], 10, 32); err == nil {
		life = max(time.Duration(seconds)*time.Second, shortestToken)
	}
	return func(ctx context.Context, audience string) (sensitive.String, error) {
		audiences := credential.Audiences
		if audience != "" {
			audiences = []string{audience}
		}
		return m.sessions.requestToken(ctx, types.NamespacedName{Namespace: credential.Namespace, Name: credential.Name}, audiences, life)
	}
}

func (s *Sessions) requestToken(ctx context.Context, name types.NamespacedName, audiences []string, life time.Duration) (sensitive.String, error) {
	seconds := int64(life / time.Second)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: audiences, ExpirationSeconds: &seconds}}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name}}
	if err := s.o.Client.SubResource("token").Create(ctx, account, request); err != nil {
		if missing := missingOr(err, "ServiceAccount", name); effective.KindOf(missing) == effective.NotFound {
			return sensitive.String{}, missing
		}
		return sensitive.String{}, fmt.Errorf("request a token of ServiceAccount %s: %w", name, err)
	}
	return sensitive.New(request.Status.Token), nil
}

// memory is what a login reads in place of files. Files that are not in it are
// those of the operator's pod.
type memory map[string]sensitive.String

// put adds a text under a name that errors may show, and returns the name.
func (m memory) put(name, text string) string {
	m[name] = sensitive.New(text)
	return name
}

// mostOfFile bounds a secret id that lies in a file.
const mostOfFile = 1 << 20

func (m memory) read(name string) ([]byte, error) {
	if held, ok := m[name]; ok {
		return []byte(held.Reveal()), nil
	}
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%q is not a regular file", name)
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, mostOfFile+1))
	if err == nil && len(content) > mostOfFile {
		err = fmt.Errorf("%q is larger than 1 MiB", name)
	}
	return content, err
}
