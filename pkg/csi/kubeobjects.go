package csi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/kube"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// tokenLife is the life of a token that is made here, the old provider's: it is
// used for one login.
const tokenLife = 15 * time.Minute

// object is a path of the core group.
func kubePath(namespace, kind, name string) string {
	return "/api/v1/namespaces/" + url.PathEscape(namespace) + "/" + kind + strings.TrimSuffix("/"+url.PathEscape(name), "/")
}

// createToken makes a token for a pod's service-account, bound to the pod. Without
// an audience it is one for the API server.
func (k *Kube) createToken(ctx context.Context, p pod, audience string) (podToken, error) {
	spec := map[string]any{
		"expirationSeconds": int(tokenLife / time.Second),
		"boundObjectRef":    map[string]any{"kind": "Pod", "apiVersion": "v1", "name": p.Name, "uid": p.UID},
	}
	if audience != "" {
		spec["audiences"] = []string{audience}
	}
	var made struct {
		Status struct {
			Token   string    `json:"token"`
			Expires time.Time `json:"expirationTimestamp"`
		} `json:"status"`
	}
	err := k.do(ctx, kubeRequest{
		method: http.MethodPost, path: kubePath(p.Namespace, "serviceaccounts", p.ServiceAccount) + "/token",
		body: map[string]any{"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec},
		what: "create a token for service-account " + p.Namespace + "/" + p.ServiceAccount,
	}, &made)
	return podToken{value: sensitive.New(made.Status.Token), expires: made.Status.Expires}, err
}

// data reads the data of a Secret or ConfigMap.
func (k *Kube) data(ctx context.Context, kind, namespace, name string) (map[string]sensitive.String, error) {
	r := kubeRequest{method: http.MethodGet, path: kubePath(namespace, kind, name), what: "get " + kind + " " + namespace + "/" + name}
	all := map[string]sensitive.String{}
	if kind == "secrets" {
		var secret struct{ Data map[string][]byte }
		err := k.do(ctx, r, &secret)
		for key, value := range secret.Data {
			all[key] = sensitive.New(string(value))
		}
		return all, err
	}
	var configMap struct{ Data map[string]string }
	err := k.do(ctx, r, &configMap)
	for key, value := range configMap.Data {
		all[key] = sensitive.New(value)
	}
	return all, err
}

// createKey makes the Secret of the version key, which goes with the provider's
// service account.
func (k *Kube) createKey(ctx context.Context, name string, key []byte) error {
	metadata := map[string]any{"name": name, "namespace": k.Namespace}
	if owners := kube.Through(k.Address, k.Transport, k.TokenFile).Owners(ctx, k.Namespace); len(owners) > 0 {
		metadata["ownerReferences"] = owners
	}
	return k.do(ctx, kubeRequest{
		method: http.MethodPost, path: kubePath(k.Namespace, "secrets", ""), what: "create secrets " + k.Namespace + "/" + name,
		body: map[string]any{
			"apiVersion": "v1", "kind": "Secret", "metadata": metadata,
			"immutable": true, "data": map[string][]byte{"key": key},
		},
	}, nil)
}

// podList is the pods of a node that are alive, by UID, and the version from which
// a watch goes on.
type podList struct {
	alive   map[string]bool
	version string
}

// podItem is what is read of a pod.
type podItem struct {
	Metadata struct {
		UID             string `json:"uid"`
		ResourceVersion string `json:"resourceVersion"`
	} `json:"metadata"`
	Status struct {
		Phase string `json:"phase"`
	} `json:"status"`
}

// ended tells whether no container of a pod runs any more, nor ever will.
func (p podItem) ended() bool { return p.Status.Phase == "Succeeded" || p.Status.Phase == "Failed" }

func podsOf(node string) url.Values { return url.Values{"fieldSelector": {"spec.nodeName=" + node}} }

func (k *Kube) listPods(ctx context.Context, node string) (podList, error) {
	var list struct {
		Metadata struct {
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
		Items []podItem `json:"items"`
	}
	err := k.do(ctx, kubeRequest{method: http.MethodGet, path: "/api/v1/pods", query: podsOf(node), what: "list the pods of node " + node}, &list)
	if err != nil {
		return podList{}, err
	}
	found := podList{alive: make(map[string]bool, len(list.Items)), version: list.Metadata.ResourceVersion}
	for _, item := range list.Items {
		if !item.ended() {
			found.alive[item.Metadata.UID] = true
		}
	}
	return found, nil
}

// watchPods tells of each pod of a node that changes whether it has ended, until
// the API server or ctx ends the watch. What ends in order is no error.
func (k *Kube) watchPods(ctx context.Context, node, version string, tell func(uid string, ended bool)) error {
	query := podsOf(node)
	query.Set("watch", "true")
	query.Set("resourceVersion", version)
	query.Set("timeoutSeconds", "300")
	body, err := k.open(ctx, kubeRequest{method: http.MethodGet, path: "/api/v1/pods", query: query, what: "watch the pods of node " + node})
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	decoder := json.NewDecoder(body)
	for {
		var event struct {
			Type   string  `json:"type"`
			Object podItem `json:"object"`
		}
		if err := decoder.Decode(&event); err != nil {
			if errors.Is(err, io.EOF) || ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("watch the pods of node %s: %w", node, err)
		}
		if event.Type == "ERROR" {
			return nil // the version is too old: list again
		}
		if event.Object.Metadata.UID != "" {
			tell(event.Object.Metadata.UID, event.Type == "DELETED" || event.Object.ended())
		}
	}
}

// kubernetesObjects keeps what was read of Secrets and ConfigMaps for a while,
// because many pods of a class mount at once.
type kubernetesObjects struct {
	kube *Kube

	mu   sync.Mutex
	kept map[string]keptObject
}

type keptObject struct {
	data  map[string]sensitive.String
	until time.Time
}

// keepObjects is how long a change of a CA may take to be seen by a new pod.
const keepObjects = time.Minute

// value returns one key of an object that is named "NAME" or "NAME/KEY".
func (k *kubernetesObjects) value(ctx context.Context, kind, namespace, reference, usual string) (sensitive.String, error) {
	name, key, named := strings.Cut(reference, "/")
	if !named {
		key = usual
	}
	data, err := k.data(ctx, kind, namespace, name)
	if err != nil {
		return sensitive.String{}, err
	}
	value, ok := data[key]
	if !ok {
		return sensitive.String{}, &badRequest{[]error{fmt.Errorf("%s %s/%s has no key %q", kind, namespace, name, key)}}
	}
	return value, nil
}

func (k *kubernetesObjects) data(ctx context.Context, kind, namespace, name string) (map[string]sensitive.String, error) {
	if k.kube == nil {
		return nil, &badRequest{[]error{fmt.Errorf("%s %s/%s cannot be read outside a cluster", kind, namespace, name)}}
	}
	at := kind + "/" + namespace + "/" + name
	now := time.Now()
	k.mu.Lock()
	kept, ok := k.kept[at]
	k.mu.Unlock()
	if ok && now.Before(kept.until) {
		return kept.data, nil
	}
	data, err := k.kube.data(ctx, kind, namespace, name)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.kept == nil {
		k.kept = map[string]keptObject{}
	}
	for other, o := range k.kept {
		if now.After(o.until) {
			delete(k.kept, other)
		}
	}
	k.kept[at] = keptObject{data, now.Add(keepObjects)}
	return data, nil
}

// fetchFiles completes the connection of a request by what is kept in Kubernetes.
func (p *Provider) fetchFiles(ctx context.Context, q *request) error {
	for _, ca := range []struct{ kind, reference string }{{"secrets", q.files.caSecret}, {"configmaps", q.files.caConfigMap}} {
		if ca.reference == "" {
			continue
		}
		text, err := p.objects.value(ctx, ca.kind, q.pod.Namespace, ca.reference, "ca.crt")
		if err != nil {
			return err
		}
		q.vault.CACertBytes += text.Reveal() + "\n"
	}
	if q.files.clientCertSecret == "" {
		return nil
	}
	return p.fetchClientCert(ctx, q)
}

// fetchClientCert makes files of a Secret of type kubernetes.io/tls.
func (p *Provider) fetchClientCert(ctx context.Context, q *request) error {
	name, _, _ := strings.Cut(q.files.clientCertSecret, "/")
	for key, at := range map[string]*string{"tls.crt": &q.vault.ClientCert, "tls.key": &q.vault.ClientKey} {
		text, err := p.objects.value(ctx, "secrets", q.pod.Namespace, name+"/"+key, key)
		if err != nil {
			return err
		}
		p.mu.Lock()
		dir, err := p.credentialsDir()
		p.mu.Unlock()
		if err != nil {
			return err
		}
		*at = filepath.Join(dir, sumOf(map[string]string{"of": q.pod.Namespace + "/" + name}, map[string]sensitive.String{key: text}))
		if err := os.WriteFile(*at, []byte(text.Reveal()), 0o600); err != nil {
			return fmt.Errorf("keep the client certificate of %s/%s: %w", q.pod.Namespace, name, err)
		}
	}
	return nil
}
