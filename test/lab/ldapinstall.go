package lab

import (
	"os/exec"
	"path/filepath"
)

// ldapPrograms are the server, and the clients that the lab and its tests use.
func ldapPrograms() []string { return []string{"slapd", "ldapadd", "ldappasswd", "ldapwhoami"} }

// findLDAP is the path of slapd, which distributions keep where only root looks,
// provided that the clients are there, too.
func findLDAP() (string, error) {
	for _, name := range ldapPrograms() {
		if ldapProgram(name) == "" {
			return "", &NotBuiltError{Target: TargetLDAP}
		}
	}
	return ldapProgram("slapd"), nil
}

// ldapProgram is the path of a program; "" where there is none.
func ldapProgram(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, dir := range []string{"/usr/sbin", "/usr/lib/openldap", "/usr/libexec"} {
		if hasPrograms(dir, name) {
			return filepath.Join(dir, name)
		}
	}
	return ""
}

// installedLDAP is OpenLDAP. The package would make a directory of the machine's
// own name and serve it.
func installedLDAP() packaged {
	return packaged{
		target: TargetLDAP, name: "OpenLDAP", packages: "slapd ldap-utils", programs: "slapd, ldapadd, ldappasswd and ldapwhoami",
		find:    findLDAP,
		prepare: [][]string{{"/bin/sh", "-c", "echo slapd slapd/no_configuration boolean true | debconf-set-selections"}},
		quiet:   func() (func() error, error) { return noServices(servicePolicy) },
	}
}
