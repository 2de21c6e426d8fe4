package lab

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
)

// clusterPKI is every key and certificate of one control plane.
type clusterPKI struct {
	authority   *Authority
	admin       tls.Certificate
	tokenPublic []byte            // verifies service account tokens, PEM
	files       map[string][]byte // by name, for the servers to read
}

// newClusterPKI makes them for an API server that is reached at outside by whoever runs
// the lab, and at inside by the cluster's own programs.
func newClusterPKI(outside, inside string) (*clusterPKI, error) {
	a, err := NewAuthority("vaultk8s lab kubernetes")
	if err != nil {
		return nil, err
	}
	p := &clusterPKI{authority: a, files: map[string][]byte{"ca.crt": a.PEM()}}
	if p.files["ca.key"], err = a.KeyPEM(); err != nil {
		return nil, err
	}
	if err := p.addServer(); err != nil {
		return nil, err
	}
	if err := p.addTokenKeys(); err != nil {
		return nil, err
	}
	return p, errors.Join(p.addNode(), p.addClients(outside, inside))
}

func (p *clusterPKI) addServer() (err error) {
	p.files["apiserver.crt"], p.files["apiserver.key"], err = p.authority.Issue(Leaf{
		CommonName: "kube-apiserver",
		DNSNames: []string{
			"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc." + clusterDomain,
		},
		// The last is the first address of serviceRange, that of the Service.
		IPs: []net.IP{net.IPv4(127, 0, 0, 1), net.ParseIP(nodeAddress), net.IPv4(10, 96, 0, 1)},
	})
	return err
}

// addTokenKeys uses RSA, as nearly all clusters do, because the signature's kind
// is visible to whoever verifies tokens.
func (p *clusterPKI) addTokenKeys() error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return fmt.Errorf("make the key of service account tokens: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return fmt.Errorf("encode the key of service account tokens: %w", err)
	}
	p.tokenPublic = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	p.files["tokens.pub"] = p.tokenPublic
	// kube-controller-manager reads this form and not PKCS #8.
	p.files["tokens.key"] = pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	return nil
}

// addNode makes what the kubelet and the API server show each other.
func (p *clusterPKI) addNode() error {
	leaves := map[string]Leaf{
		"kubelet":           {CommonName: nodeName, DNSNames: []string{nodeName}, IPs: []net.IP{net.ParseIP(nodeAddress)}},
		"apiserver-kubelet": {CommonName: "apiserver-kubelet", Organization: []string{"system:masters"}},
	}
	for name, leaf := range leaves {
		var err error
		if p.files[name+".crt"], p.files[name+".key"], err = p.authority.Issue(leaf); err != nil {
			return err
		}
	}
	return nil
}

func (p *clusterPKI) addClients(outside, inside string) error {
	clients := map[string]Leaf{
		"admin":              {CommonName: "lab-admin", Organization: []string{"system:masters"}},
		"controller-manager": {CommonName: "system:kube-controller-manager"},
		"scheduler":          {CommonName: "system:kube-scheduler"},
		"proxy":              {CommonName: "system:kube-proxy"},
		"kubelet":            {CommonName: "system:node:" + nodeName, Organization: []string{"system:nodes"}},
		"coredns":            {CommonName: dnsUser},
	}
	for name, leaf := range clients {
		url := inside
		if name == "admin" {
			url = outside
		}
		cert, key, err := p.authority.Issue(leaf)
		if err != nil {
			return err
		}
		if p.files[name+".kubeconfig"], err = kubeconfig(url, p.authority.PEM(), cert, key); err != nil {
			return err
		}
		if name != "admin" {
			continue
		}
		if p.admin, err = tls.X509KeyPair(cert, key); err != nil {
			return fmt.Errorf("load the administrator's certificate: %w", err)
		}
	}
	return nil
}

func (p *clusterPKI) write(dir string) error {
	if err := writeFiles(dir, p.files); err != nil {
		return fmt.Errorf("write the cluster's keys: %w", err)
	}
	return nil
}

// kubeconfig is written as JSON, which every YAML parser reads; encoding/json
// turns byte slices into the base64 that the format asks for.
func kubeconfig(url string, ca, cert, key []byte) ([]byte, error) {
	b, err := json.MarshalIndent(object{
		"apiVersion": "v1", "kind": "Config", "current-context": "lab",
		"clusters": []object{{"name": "lab", "cluster": object{"server": url, "certificate-authority-data": ca}}},
		"users":    []object{{"name": "lab", "user": object{"client-certificate-data": cert, "client-key-data": key}}},
		"contexts": []object{{"name": "lab", "context": object{"cluster": "lab", "user": "lab"}}},
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode a kubeconfig: %w", err)
	}
	return b, nil
}
