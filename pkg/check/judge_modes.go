package check

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/inventory"
)

func injectorReady(f *Facts) []Finding { return ready(f, inventory.Injector) }
func csiReady(f *Facts) []Finding      { return ready(f, inventory.CSI) }
func operatorReady(f *Facts) []Finding { return ready(f, inventory.Operator) }

// webhooks lists those that lead to us, and those that lead nowhere.
func (c *Cluster) webhooks() []Webhook {
	return slices.DeleteFunc(slices.Clone(c.Webhooks), func(w Webhook) bool { return w.Tool != inventory.Ours && w.Tool != "" })
}

// each judges every webhook, where the injector is installed.
func each(f *Facts, judge func(Webhook) []Finding) []Finding {
	var found []Finding
	for _, w := range f.Cluster.webhooks() {
		found = append(found, judge(w)...)
	}
	return found
}

func (w Webhook) title() string { return fmt.Sprintf("webhook %s of %s", w.Name, w.Configuration) }

func webhookPresent(f *Facts) []Finding {
	c := &f.Cluster
	switch {
	case c.WebhooksErr != nil:
		return unknown(c.WebhooksErr, "webhook configurations cannot be read")
	case len(c.ours(inventory.Injector)) > 0 && len(c.webhooks()) == 0:
		return failure("install the chart again, or apply its MutatingWebhookConfiguration", "no webhook configuration leads to the injector: pods are not injected")
	}
	return each(f, func(w Webhook) []Finding {
		if w.Tool == "" {
			return failure("delete the configuration if it was left behind, or install the injector again",
				"%s leads to service %s/%s, behind which there is no injector", w.title(), w.Service.Namespace, w.Service.Name)
		}
		return ok("%s leads to the injector", w.title())
	})
}

func webhookBundle(f *Facts) []Finding {
	return each(f, func(w Webhook) []Finding {
		const hint = "with --tls-auto the injector writes it: look at its log and its rights; else set injector.certs.caBundle"
		if len(bytes.TrimSpace(w.Bundle)) == 0 {
			return failure(hint, "%s has no caBundle: the API server trusts no certificate of it", w.title())
		}
		ends, err := lastEnd(w.Bundle)
		switch {
		case err != nil:
			return failure(hint, "%s: the caBundle %v", w.title(), err)
		case !ends.After(f.Now):
			return failure(hint, "%s: every authority of the caBundle has ended, the last at %s", w.title(), ends.UTC().Format(time.RFC3339))
		case w.Dialed && isUntrusted(w.DialErr):
			return failure(hint, "%s: the caBundle does not fit the certificate that the injector shows", w.title())
		}
		return ok("%s: the caBundle is valid until %s", w.title(), ends.UTC().Format(time.RFC3339))
	})
}

func isUntrusted(err error) bool {
	_, untrusted := errors.AsType[x509.UnknownAuthorityError](err)
	return untrusted
}

// lastEnd returns when the last authority of a bundle ends.
func lastEnd(bundle []byte) (time.Time, error) {
	var last time.Time
	for rest := bundle; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return last, errors.New("holds a certificate that cannot be read")
		}
		if certificate.NotAfter.After(last) {
			last = certificate.NotAfter
		}
	}
	if last.IsZero() {
		return last, errors.New("holds no PEM certificate")
	}
	return last, nil
}

func webhookCertificate(f *Facts) []Finding {
	return each(f, func(w Webhook) []Finding {
		const hint = "the injector or cert-manager renews it: look at the injector's log, and at /readyz"
		switch {
		case !w.Dialed || w.Ends.IsZero() && w.DialErr == nil:
			return nil // it can be reached from within the cluster only; the dry run tells
		case w.Ends.IsZero():
			return failure("look at the injector's log", "%s: no TLS connection: %v", w.title(), w.DialErr)
		}
		if wrong, is := errors.AsType[x509.HostnameError](w.DialErr); is {
			return failure("set --tls-auto-hosts to the name of the Service", "%s: the certificate is made for another name than %s", w.title(), wrong.Host)
		}
		return certificate(f.Now, w.Begins, w.Ends, w.title(), hint)
	})
}

func webhookReachable(f *Facts) []Finding {
	return each(f, func(w Webhook) []Finding {
		switch {
		case w.Tool == "":
			return nil
		case w.TrialErr != nil:
			return failure("the text above is the API server's; it must reach the port of the injector: check network policies and firewalls between them",
				"%s: a trial pod in %s is refused: %v", w.title(), w.TrialNamespace, w.TrialErr)
		case w.TrialNamespace == "":
			return []Finding{{Level: Unknown, Message: w.title() + " was not tried: it selects no namespace, or you may not create pods", Hint: "look at its namespaceSelector"}}
		case !w.Injected:
			return failure("the API server could not call it and went on, because failurePolicy is Ignore: check the caBundle, the port of the Service and network policies",
				"%s: a trial pod in %s gets no agent", w.title(), w.TrialNamespace)
		}
		return ok("%s gives an agent to a trial pod in %s", w.title(), w.TrialNamespace)
	})
}

func webhookPolicy(f *Facts) []Finding {
	return each(f, func(w Webhook) []Finding {
		switch {
		case w.Tool == "":
			return nil
		case w.FailurePolicy == "Fail" && w.Replicas < 2:
			return warning("set injector.replicas to 2", "%s has failurePolicy Fail and %d replica: no pod that it selects can start while that restarts", w.title(), w.Replicas)
		case w.FailurePolicy == "Ignore" && w.Replicas < 2:
			return warning("set injector.replicas to 2, or failurePolicy to Fail", "%s has failurePolicy Ignore and %d replica: pods that start while that restarts have no secrets", w.title(), w.Replicas)
		}
		return ok("%s has failurePolicy %s and %d replicas", w.title(), w.FailurePolicy, w.Replicas)
	})
}

// csi tells whether our provider is installed.
func (c *Cluster) csi() bool { return len(c.ours(inventory.CSI)) > 0 }

func csiDriver(f *Facts) []Finding {
	c := &f.Cluster
	switch {
	case !c.csi():
		return nil
	case c.DriverErr != nil:
		return unknown(c.DriverErr, "the CSIDriver object cannot be read")
	case c.Driver == nil:
		return failure("install the Secrets Store CSI Driver: its provider alone mounts nothing", "there is no CSIDriver secrets-store.csi.k8s.io")
	}
	return ok("the Secrets Store CSI Driver is installed; classes for it: %d", c.Classes)
}

func csiRotation(f *Facts) []Finding {
	switch {
	case !f.Cluster.csi() || f.Cluster.Driver == nil:
		return nil
	case !f.Cluster.Driver.Spec.RequiresRepublish:
		return warning("install the driver with enableSecretRotation=true", "rotation is off: files change only when a pod starts")
	}
	return ok("rotation is on")
}

func csiTokens(f *Facts) []Finding {
	if !f.Cluster.csi() || f.Cluster.Driver == nil {
		return nil
	}
	var all []string
	for _, r := range f.Cluster.Driver.Spec.TokenRequests {
		all = append(all, fmt.Sprintf("%q", r.Audience))
	}
	if len(all) == 0 {
		return warning("install the driver with tokenRequests[0].audience=vault, and bind roles to that audience",
			"the driver passes no tokens: the provider makes them, which costs a request for each mount and a right on all service accounts")
	}
	return ok("the driver passes tokens for the audiences %s", strings.Join(all, ", "))
}

// kinds are those that the operator cannot do without.
func kinds() []string {
	return []string{
		"CSISecrets", "ClusterVaultSecret", "SecretTransformation", "VaultAuth", "VaultAuthGlobal", "VaultConnection",
		"VaultDynamicSecret", "VaultPKISecret", "VaultPushSecret", "VaultStaticSecret",
	}
}

func operatorDefinitions(f *Facts) []Finding {
	c := &f.Cluster
	if len(c.ours(inventory.Operator)) == 0 {
		return nil
	}
	if c.DefinitionsErr != nil {
		return unknown(c.DefinitionsErr, "definitions cannot be read")
	}
	var missing []string
	for _, kind := range kinds() {
		at := slices.IndexFunc(c.Definitions, func(d inventory.Definition) bool { return d.Kind == kind })
		if at < 0 || !c.Definitions[at].Established || !slices.Contains(c.Definitions[at].Served, inventory.Current) {
			missing = append(missing, kind)
		}
	}
	if len(missing) > 0 {
		return failure("apply the definitions of the chart (crds.enabled=true)", "the API server does not serve %s in %s", strings.Join(missing, ", "), inventory.Current)
	}
	return ok("all %d kinds are served", len(kinds()))
}

func operatorVersions(f *Facts) []Finding {
	var found []Finding
	for _, d := range f.Cluster.Definitions {
		for _, v := range d.Stored {
			if v != inventory.Current {
				found = append(found, warning("write each object anew, then take the version out of status.storedVersions",
					"%s: objects may be stored as %s, which is not served for ever", d.Kind, v)...)
			}
		}
	}
	if len(found) == 0 && len(f.Cluster.Definitions) > 0 {
		return ok("all objects are stored as %s", inventory.Current)
	}
	return found
}

// shownObjects bounds the lines of objects that are not well.
const shownObjects = 10

func operatorObjects(f *Facts) []Finding {
	c := &f.Cluster
	if len(c.ours(inventory.Operator)) == 0 || len(c.Objects) == 0 && c.ObjectsErr == nil {
		return nil
	}
	if c.ObjectsErr != nil {
		return unknown(c.ObjectsErr, "objects of the operator cannot be read")
	}
	var found []Finding
	bad := 0
	for _, o := range c.Objects {
		why, ill := complaint(o)
		if !ill {
			continue
		}
		if bad++; bad <= shownObjects {
			found = append(found, warning("kubectl describe shows its events", "%s: %s", o, why)...)
		}
	}
	if bad > shownObjects {
		found = append(found, warning("kubectl get vault -A lists all", "%d more objects are not well", bad-shownObjects)...)
	}
	if bad == 0 {
		return ok("%d objects are well", len(c.Objects))
	}
	return found
}

// complaint tells what an object says is wrong with it.
func complaint(o inventory.Object) (string, bool) {
	for _, kind := range []string{"Ready", "Healthy", "SecretSynced", "Synced"} {
		for _, c := range o.Status.Conditions {
			if c.Type == kind && c.Status == "False" {
				return c.Type + " is False: " + c.Reason + ": " + c.Message, true
			}
		}
	}
	if o.Status.Valid != nil && !*o.Status.Valid {
		return "it is not valid: " + o.Status.Error, true
	}
	return "", false
}
