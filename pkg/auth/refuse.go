package auth

import (
	"fmt"
	"slices"
	"strings"
)

// served lists the methods that New makes, in the order of the alphabet.
func served() []string {
	return []string{"approle", "aws", "azure", "cert", "gcp", "jwt", "kubernetes", "ldap", "token_file", "userpass"}
}

// unserved lists the methods that the Vault Agent has beyond those.
func unserved() []string { return []string{"alicloud", "cf", "kerberos", "oci", "tpm"} }

// refuse says why there is no method of a name.
func refuse(name string) error {
	list := strings.Join(served(), ", ")
	switch near := nearest(name); {
	case slices.Contains(unserved(), name):
		return fmt.Errorf("auth method %q is one of the Vault Agent that is not supported here; supported are %s", name, list)
	case near != "":
		return fmt.Errorf("auth method %q is not known; did you mean %q? supported are %s", name, near, list)
	}
	return fmt.Errorf("auth method %q is not known; supported are %s", name, list)
}

// nearest returns the served method that a wrong name most likely stands for, ""
// where none begins like it. What is mistyped in a document was judged before,
// with more care.
func nearest(name string) string {
	best, longest := "", 2 // no two methods have their first three letters in common
	for _, known := range served() {
		if n := sharedStart(strings.ToLower(name), known); n > longest {
			best, longest = known, n
		}
	}
	return best
}

// sharedStart counts the letters with which both texts begin.
func sharedStart(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
