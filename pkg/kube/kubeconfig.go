package kube

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// LoadOptions say where to look for an API server. The zero value does what
// kubectl does.
type LoadOptions struct {
	Kubeconfig string                      // file; "" takes the variable KUBECONFIG, then ~/.kube/config, then the pod's own
	Context    string                      // "" takes the current one
	LookupEnv  func(string) (string, bool) // nil takes os.LookupEnv
	Home       string                      // "" takes the user's
}

// Load finds an API server and makes a client of it. The error names every place
// that was looked at.
func Load(o LoadOptions) (*Client, error) {
	a, err := Find(o)
	if err != nil {
		return nil, err
	}
	return New(a)
}

// Find is Load without the client.
func Find(o LoadOptions) (Address, error) {
	if o.LookupEnv == nil {
		o.LookupEnv = os.LookupEnv
	}
	files, said := o.files()
	var all kubeconfig
	found := false
	for _, name := range files {
		one, err := readKubeconfig(name)
		if errors.Is(err, fs.ErrNotExist) && (!said || len(files) > 1) {
			continue
		}
		if err != nil {
			return Address{}, err
		}
		all.add(one)
		found = true
	}
	if found {
		return all.address(o.Context)
	}
	a, err := InCluster(o.LookupEnv)
	if err != nil {
		return Address{}, fmt.Errorf("no kubeconfig at %s, and this is no pod: name one with --kubeconfig or KUBECONFIG", strings.Join(files, ", "))
	}
	return a, nil
}

// files lists the kubeconfigs to read, and whether the user named them.
func (o LoadOptions) files() ([]string, bool) {
	if o.Kubeconfig != "" {
		return []string{o.Kubeconfig}, true
	}
	if list, _ := o.LookupEnv("KUBECONFIG"); list != "" {
		return slices.DeleteFunc(filepath.SplitList(list), func(s string) bool { return s == "" }), true
	}
	home := o.Home
	if home == "" {
		home, _ = os.UserHomeDir() // without one there is no such file
	}
	return []string{filepath.Join(home, ".kube", "config")}, false
}

// kubeconfig is what is read of such files. Of two entries of one name the first
// counts, as with kubectl.
type kubeconfig struct {
	CurrentContext string         `yaml:"current-context"`
	Contexts       []namedContext `yaml:"contexts"`
	Clusters       []namedCluster `yaml:"clusters"`
	Users          []namedUser    `yaml:"users"`

	names []string
}

type namedContext struct {
	Name    string `yaml:"name"`
	Context struct {
		Cluster   string `yaml:"cluster"`
		User      string `yaml:"user"`
		Namespace string `yaml:"namespace"`
	} `yaml:"context"`
}

type namedCluster struct {
	Name    string `yaml:"name"`
	Cluster struct {
		Server     string `yaml:"server"`
		CAFile     string `yaml:"certificate-authority"`
		CAData     string `yaml:"certificate-authority-data"`
		ServerName string `yaml:"tls-server-name"`
		SkipVerify bool   `yaml:"insecure-skip-tls-verify"`
		ProxyURL   string `yaml:"proxy-url"`
	} `yaml:"cluster"`
	dir string
}

type namedUser struct {
	Name string `yaml:"name"`
	User struct {
		Token     string `yaml:"token"`
		TokenFile string `yaml:"tokenFile"`
		CertFile  string `yaml:"client-certificate"`
		CertData  string `yaml:"client-certificate-data"`
		KeyFile   string `yaml:"client-key"`
		KeyData   string `yaml:"client-key-data"`
		Username  string `yaml:"username"`
		Provider  any    `yaml:"auth-provider"`
		Exec      *struct {
			APIVersion  string                         `yaml:"apiVersion"`
			Command     string                         `yaml:"command"`
			Args        []string                       `yaml:"args"`
			Env         []struct{ Name, Value string } `yaml:"env"`
			InstallHint string                         `yaml:"installHint"`
		} `yaml:"exec"`
	} `yaml:"user"`
	dir string
}

func readKubeconfig(name string) (kubeconfig, error) {
	var k kubeconfig
	text, err := os.ReadFile(name)
	if err != nil {
		return k, fmt.Errorf("read kubeconfig: %w", err)
	}
	if err := parseKubeconfig(text, filepath.Dir(name), &k); err != nil {
		return k, fmt.Errorf("read kubeconfig %q: %w", name, err)
	}
	k.names = []string{name}
	return k, nil
}

func parseKubeconfig(text []byte, dir string, k *kubeconfig) error {
	if err := yaml.Unmarshal(text, k); err != nil {
		// The library's errors show values, which may be secrets.
		line := 0
		if _, found := fmt.Sscanf(err.Error(), "yaml: line %d:", &line); found == nil {
			return fmt.Errorf("line %d is not valid YAML", line)
		}
		return errors.New("it is not valid YAML, or a value is of another type than expected")
	}
	for i := range k.Clusters {
		k.Clusters[i].dir = dir
	}
	for i := range k.Users {
		k.Users[i].dir = dir
	}
	return nil
}

func (k *kubeconfig) add(other kubeconfig) {
	k.CurrentContext = orElse(k.CurrentContext, other.CurrentContext)
	k.Contexts = append(k.Contexts, other.Contexts...)
	k.Clusters = append(k.Clusters, other.Clusters...)
	k.Users = append(k.Users, other.Users...)
	k.names = append(k.names, other.names...)
}

func (k *kubeconfig) address(name string) (Address, error) {
	where := strings.Join(k.names, ", ")
	name = orElse(name, k.CurrentContext)
	if name == "" {
		return Address{}, fmt.Errorf("kubeconfig %s: no current context: name one with --context", where)
	}
	at := slices.IndexFunc(k.Contexts, func(c namedContext) bool { return c.Name == name })
	if at < 0 {
		return Address{}, fmt.Errorf("kubeconfig %s: there is no context %q", where, name)
	}
	context := k.Contexts[at].Context
	a := Address{Namespace: context.Namespace}
	if at = slices.IndexFunc(k.Clusters, func(c namedCluster) bool { return c.Name == context.Cluster }); at < 0 {
		return Address{}, fmt.Errorf("kubeconfig %s: context %q names a cluster %q that is not there", where, name, context.Cluster)
	}
	if err := k.Clusters[at].into(&a); err != nil {
		return Address{}, fmt.Errorf("kubeconfig %s: cluster %q: %w", where, context.Cluster, err)
	}
	if context.User == "" {
		return a, nil
	}
	if at = slices.IndexFunc(k.Users, func(u namedUser) bool { return u.Name == context.User }); at < 0 {
		return Address{}, fmt.Errorf("kubeconfig %s: context %q names a user %q that is not there", where, name, context.User)
	}
	if err := k.Users[at].into(&a); err != nil {
		return Address{}, fmt.Errorf("kubeconfig %s: user %q: %w", where, context.User, err)
	}
	return a, nil
}

func (c namedCluster) into(a *Address) (err error) {
	a.URL, a.ServerName, a.SkipVerify, a.ProxyURL = c.Cluster.Server, c.Cluster.ServerName, c.Cluster.SkipVerify, c.Cluster.ProxyURL
	a.CAFile = below(c.dir, c.Cluster.CAFile)
	a.CA, err = decoded("certificate-authority-data", c.Cluster.CAData)
	return err
}

func (u namedUser) into(a *Address) (err error) {
	said := u.User
	switch {
	case said.Provider != nil:
		return errors.New("auth-provider is not supported any more by Kubernetes: use exec")
	case said.Username != "":
		return errors.New("a password is not supported any more by Kubernetes")
	}
	a.TokenFile, a.Token = below(u.dir, said.TokenFile), sensitive.New(said.Token)
	a.CertFile, a.KeyFile = below(u.dir, said.CertFile), below(u.dir, said.KeyFile)
	if a.Cert, err = decoded("client-certificate-data", said.CertData); err != nil {
		return err
	}
	key, err := decoded("client-key-data", said.KeyData)
	a.Key = sensitive.New(string(key))
	if said.Exec != nil {
		a.Exec = &Exec{APIVersion: said.Exec.APIVersion, Command: said.Exec.Command, Args: said.Exec.Args, InstallHint: said.Exec.InstallHint}
		if strings.ContainsRune(a.Exec.Command, filepath.Separator) {
			a.Exec.Command = below(u.dir, a.Exec.Command)
		}
		for _, e := range said.Exec.Env {
			a.Exec.Env = append(a.Exec.Env, e.Name+"="+e.Value)
		}
	}
	return err
}

// below completes a path of a kubeconfig, which is relative to the file's folder.
func below(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

func decoded(key, text string) ([]byte, error) {
	content, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%s is not base64", key)
	}
	return content, nil
}
