package agent

import (
	"errors"
	"fmt"
	"log/slog"
)

// unsupported refuses what a document asks for and this agent would silently
// not do. All of it is told at once.
func unsupported(o Options) error {
	doc := o.Document
	var problems []error
	if doc.AutoAuth == nil {
		problems = append(problems, errors.New("an auto_auth block is required: an agent that only passes requests on is not supported"))
	} else {
		for _, s := range doc.AutoAuth.Sinks {
			if s.WrapTTL > 0 || s.DHType != "" {
				problems = append(problems, fmt.Errorf("sink %q: wrap_ttl, dh_type and dh_path are not supported", s.Path))
			}
		}
	}
	if o.Config.Auth.WrapTTL > 0 {
		problems = append(problems, errors.New("auto_auth method: wrap_ttl is not supported"))
	}
	if doc.Exec != nil || len(doc.EnvTemplates) > 0 {
		problems = append(problems, errors.New("exec and env_template are not supported"))
	}
	return errors.Join(problems...)
}

// warnUnserved tells of parts of a document that templates do not need, and
// that this agent leaves out.
func (a *Agent) warnUnserved() {
	doc := a.o.Document
	for i := range doc.Listeners {
		a.log.Warn("a listener is not served", slog.String("listener", doc.Listeners[i].Address))
	}
	if doc.APIProxy != nil {
		a.log.Warn("api_proxy is not served")
	}
}
