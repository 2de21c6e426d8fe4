package injector

import (
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
)

// who is what the annotations of a file or of a variable say differently about
// who reads it; a word that is empty is as for the whole pod.
type who struct{ role, namespace, address, authPath, authType string }

// differing leaves of who reads only what is not as for the whole pod anyway: an
// agent refuses two identities that log in alike.
func (p *plan) differing(w who) who {
	same := func(word *string, usual string) {
		if *word == usual {
			*word = ""
		}
	}
	w.authPath = strings.Trim(w.authPath, "/")
	same(&w.role, p.auth.config["role"])
	same(&w.namespace, p.vault.namespace)
	same(&w.address, p.vault.address)
	same(&w.authPath, strings.Trim(p.auth.path, "/"))
	same(&w.authType, p.auth.kind)
	return w
}

// conclusionOfReaders names each second way to log in after the first file, or
// the first variable, that has it: the two are in documents of their own.
func (p *parser) conclusionOfReaders() {
	files, variables := map[who]string{}, map[who]string{}
	for _, s := range p.plan.secrets {
		s.who = p.plan.differing(s.who)
		s.identity = s.who.among(files, s.name)
	}
	for i := range p.plan.env {
		v := &p.plan.env[i]
		v.who = p.plan.differing(v.who)
		v.identity = v.who.among(variables, v.name)
	}
}

// among returns the name of who reads, which is the given one where it is new;
// "" is the login of the whole pod.
func (w who) among(names map[who]string, name string) string {
	if w == (who{}) {
		return ""
	}
	if _, known := names[w]; !known {
		names[w] = name
	}
	return names[w]
}

// fileIdentities are the second ways to log in of the agent's containers.
func (p *plan) fileIdentities() []agentfile.Identity {
	var all []agentfile.Identity
	for _, s := range p.secrets {
		if s.identity == s.name {
			all = append(all, p.identity(s.name, s.who))
		}
	}
	return all
}

// variableIdentities are those of the wrapped commands.
func (p *plan) variableIdentities() []agentfile.Identity {
	var all []agentfile.Identity
	for _, v := range p.env {
		if v.identity == v.name {
			all = append(all, p.identity(v.name, v.who))
		}
	}
	return all
}

// identity says only what is different from the pod's own way to log in.
func (p *plan) identity(name string, w who) agentfile.Identity {
	one := agentfile.Identity{Name: name, Method: p.method(w)}
	if w.address != "" {
		one.Vault = &agentfile.Vault{Address: w.address}
	}
	return one
}
