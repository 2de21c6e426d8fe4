package cluster_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

// Names that the chart gives to the objects of a release called certmanager.
const (
	certifiedInjector  = "certmanager-vault-agent-injector"
	certifiedService   = certifiedInjector + "-svc"
	certifiedWebhook   = "mutatingwebhookconfiguration/" + certifiedInjector + "-cfg"
	certifiedBundle    = "jsonpath={.webhooks[0].clientConfig.caBundle}"
	servedCertificate  = certifiedInjector + "-tls"
	servedAuthority    = certifiedInjector + "-ca"
	certifiedSelection = "app.kubernetes.io/instance=certmanager"
)

// certManager has a second release, for its namespace alone, whose certificate is made
// by a real cert-manager; its cainjector writes the bundle, and like that of cert-manager
// before 1.19 it forgets the former authority. Authority and certificate are renewed
// while pods are made all the time: the API server knows the new bundle long before the
// kubelet has replaced the files, and no pod may fail meanwhile.
func certManager(s *stage) {
	s.secret(world.vault, "certmanager/production", map[string]any{"DB_PASS": "s3cret"})
	s.certify()
	s.kubectl("wait", "--for=condition=Ready", "certificate/"+servedCertificate, "--timeout="+patience.String())
	s.eventually("the bundle is that of the Secret", s.bundled)
	s.eventually("the API server trusts the injector", func() error { return s.dryRun(s.Context()) })
	s.play("certmanager/app.yaml")
	s.want("log", s.logged("orders", "app", "DB_PASS"), "DB_PASS='s3cret'")
	s.want("processor of the agent", s.kubectl("get", "pod", "orders", "-o", "jsonpath={.spec.initContainers[0].resources.requests.cpu}"), "7m")
	before := s.certified()
	first := s.served()
	stop := s.makePods()
	s.renew(servedAuthority)
	s.renew(servedCertificate)
	begin := time.Now()
	s.eventually("the bundle is that of the new Secret", s.bundled)
	s.eventually("the new certificate is served", func() error {
		if s.served() == first {
			return errors.New("it is the first one")
		}
		return expect(s.served(), s.stored(servedCertificate))
	})
	s.Logf("the new certificate was served after %.1f s", time.Since(begin).Seconds())
	stop()
	after := s.certified()
	s.want("pod of the injector", after.Metadata.UID, before.Metadata.UID)
	if n := after.restarts(); n != 0 {
		s.Errorf("%d restarts", n)
	}
}

// certify starts cert-manager and installs the release. Both go before the namespace
// does, as other stories look for what is left.
func (s *stage) certify() {
	s.Helper()
	manager, err := lab.StartCertManager(s.Context(), world.cluster.Kubernetes, lab.CertManagerOptions{ReplaceBundles: true})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if s.Failed() {
			s.Logf("cert-manager:\n%s", manager.Log())
		}
		_, err := world.cluster.Command(ctx, lab.TargetHelm, "uninstall", "certmanager", "--namespace", s.namespace, "--ignore-not-found")
		if err := errors.Join(err, manager.Stop()); err != nil {
			s.Error(err)
		}
	})
	_, err = world.cluster.Command(s.Context(), lab.TargetHelm, "install", "certmanager", chart, "--namespace", s.namespace,
		"-f", "stories/certmanager/values.yaml", "--wait", "--timeout="+patience.String())
	if err != nil {
		s.Fatal(err)
	}
}

// certified is the pod of the release.
func (s *stage) certified() pod {
	s.Helper()
	all := s.selected(certifiedSelection)
	if len(all) != 1 {
		s.Fatalf("%d pods of the injector, want 1", len(all))
	}
	return all[0]
}

// bundled says whether the API server is told to trust what cert-manager names as the
// authority of the certificate.
func (s *stage) bundled() error {
	bundle := s.kubectl("get", certifiedWebhook, "-o", certifiedBundle)
	if bundle == "" {
		return errors.New("it is empty")
	}
	return expect(bundle, s.kubectl("get", "secret", servedCertificate, "-o", `jsonpath={.data.ca\.crt}`))
}

// stored is the serial number of a certificate in its Secret.
func (s *stage) stored(secret string) string {
	s.Helper()
	text, err := base64.StdEncoding.DecodeString(s.kubectl("get", "secret", secret, "-o", `jsonpath={.data.tls\.crt}`))
	if err != nil {
		s.Fatal(err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		s.Fatalf("no certificate in the Secret %q", secret)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		s.Fatal(err)
	}
	return c.SerialNumber.String()
}

// served is the serial number of the certificate that the injector shows, which has to
// be one that the API server trusts by now.
func (s *stage) served() string {
	s.Helper()
	bundle, err := base64.StdEncoding.DecodeString(s.kubectl("get", certifiedWebhook, "-o", certifiedBundle))
	if err != nil {
		s.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(bundle) {
		s.Fatal("no certificate in the bundle")
	}
	address := s.kubectl("get", "service", certifiedService, "-o", "jsonpath={.spec.clusterIP}")
	connection, err := world.cluster.Dial(s.Context(), "tcp", address+":443")
	if err != nil {
		s.Fatal(err)
	}
	defer connection.Close()
	secure := tls.Client(connection, &tls.Config{RootCAs: roots, ServerName: certifiedService + "." + s.namespace + ".svc", MinVersion: tls.VersionTLS12})
	if err := secure.HandshakeContext(s.Context()); err != nil {
		s.Fatal(err)
	}
	return secure.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

// makePods makes pods for show until the returned function is called, which waits, and
// fails the story if one of them failed.
func (s *stage) makePods() (stop func()) {
	ctx, cancel := context.WithCancel(s.Context())
	var made, failed int
	var last error
	var maker sync.WaitGroup
	maker.Go(func() {
		// Ten in a second find every gap, and leave the processors to others.
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			err := s.dryRun(ctx)
			if ctx.Err() != nil {
				return
			}
			made++
			if err != nil {
				failed, last = failed+1, err
			}
			<-tick.C
		}
	})
	end := sync.OnceFunc(func() {
		cancel()
		maker.Wait()
	})
	s.Cleanup(end)
	return func() {
		s.Helper()
		end()
		s.Logf("%d pods were made meanwhile", made)
		if failed > 0 || made < 10 {
			s.Errorf("%d of %d pods failed, the last one: %v", failed, made, last)
		}
	}
}

// renew asks for a new certificate as `cmctl renew` does, and waits until it is there.
func (s *stage) renew(certificate string) {
	s.Helper()
	former := s.stored(certificate)
	s.kubectl("patch", "certificate", certificate, "--subresource=status", "--type=json", "--patch", fmt.Sprintf(
		`[{"op":"add","path":"/status/conditions/-","value":{"type":"Issuing","status":"True","reason":"ManuallyTriggered","message":"renewed by hand","lastTransitionTime":%q}}]`,
		time.Now().UTC().Format(time.RFC3339)))
	s.eventually(certificate+" is renewed", func() error {
		if s.stored(certificate) == former {
			return errors.New("the Secret has the former one")
		}
		return nil
	})
}
