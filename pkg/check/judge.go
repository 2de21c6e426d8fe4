package check

import (
	"fmt"
	"math"
	"time"
)

// check is one row of the doctor's list.
type check struct {
	group, name string
	judge       func(*Facts) []Finding // none: it does not apply
}

// checks lists all, in the order of the report. A group whose first check fails
// altogether would only repeat that, so each judge looks at what it needs.
func checks() []check {
	const cluster, injector, csi, operator, rights, vault, old = "cluster", "injector", "csi-provider", "operator", "rights", "vault", "old tools"
	return []check{
		{cluster, "cluster-reachable", clusterReachable},
		{cluster, "cluster-version", clusterVersion},
		{cluster, "cluster-clock", clusterClock},
		{cluster, "nothing-installed", nothingInstalled},
		{injector, "injector-ready", injectorReady},
		{injector, "webhook-present", webhookPresent},
		{injector, "webhook-ca-bundle", webhookBundle},
		{injector, "webhook-certificate", webhookCertificate},
		{injector, "webhook-reachable", webhookReachable},
		{injector, "webhook-failure-policy", webhookPolicy},
		{csi, "csi-provider-ready", csiReady},
		{csi, "csi-driver", csiDriver},
		{csi, "csi-rotation", csiRotation},
		{csi, "csi-tokens", csiTokens},
		{operator, "operator-ready", operatorReady},
		{operator, "operator-definitions", operatorDefinitions},
		{operator, "operator-versions", operatorVersions},
		{operator, "operator-objects", operatorObjects},
		{rights, "rights", rightsPresent},
		{vault, "vault-reachable", vaultReachable},
		{vault, "vault-unsealed", vaultUnsealed},
		{vault, "vault-version", vaultVersion},
		{vault, "vault-tls", vaultTLS},
		{vault, "vault-clock", vaultClock},
		{vault, "vault-role", vaultRole},
		{vault, "vault-login", vaultLogin},
		{vault, "vault-issuer", vaultIssuer},
		{vault, "vault-token-ttl", vaultTokenTTL},
		{old, "old-tools", oldTools},
	}
}

// Names lists the names of all checks in their order.
func Names() []string {
	var names []string
	for _, c := range checks() {
		names = append(names, c.name)
	}
	return names
}

// Judge makes a report of facts.
func Judge(f *Facts) *Report {
	r := &Report{Findings: []Finding{}}
	for _, c := range checks() {
		for _, found := range c.judge(f) {
			found.Group, found.Check = c.group, c.name
			r.add(found)
		}
	}
	return r
}

func ok(format string, args ...any) []Finding {
	return []Finding{{Level: OK, Message: fmt.Sprintf(format, args...)}}
}

func warning(hint, format string, args ...any) []Finding {
	return []Finding{{Level: Warning, Message: fmt.Sprintf(format, args...), Hint: hint}}
}

func failure(hint, format string, args ...any) []Finding {
	return []Finding{{Level: Failure, Message: fmt.Sprintf(format, args...), Hint: hint}}
}

func unknown(err error, what string) []Finding {
	return []Finding{{
		Level: Unknown, Message: fmt.Sprintf("%s: %v", what, err),
		Hint: "use a kubeconfig that may read this",
	}}
}

// clock judges a difference of clocks. Tokens and certificates are valid from the
// second on that they are made in, and Vault allows for a minute at most.
func clock(whose string, skew time.Duration) []Finding {
	const bad, odd = time.Minute, 10 * time.Second
	off := time.Duration(math.Abs(float64(skew))).Round(time.Second)
	switch {
	case off >= bad:
		return failure("set the clocks, for example by NTP: tokens and certificates are refused", "the clock of %s differs from ours by %s", whose, off)
	case off >= odd:
		return warning("set the clocks, for example by NTP", "the clock of %s differs from ours by %s", whose, off)
	}
	return ok("the clock of %s agrees with ours", whose)
}

// certificate judges a certificate's end: whoever renews does so earlier than a
// twentieth of its life before that, be it a day or a year.
func certificate(now, begins, ends time.Time, whose, hint string) []Finding {
	left := ends.Sub(now)
	switch {
	case now.Before(begins):
		return failure("look at the clocks", "the certificate of %s is valid only from %s on", whose, begins.UTC().Format(time.RFC3339))
	case left <= 0:
		return failure(hint, "the certificate of %s ended at %s", whose, ends.UTC().Format(time.RFC3339))
	case left < ends.Sub(begins)/20:
		return warning(hint, "the certificate of %s ends in %s", whose, left.Round(time.Minute))
	}
	return ok("the certificate of %s is valid until %s", whose, ends.UTC().Format(time.RFC3339))
}
