package fakevault

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// JWT is what a registered token of a ServiceAccount says about itself.
type JWT struct {
	Namespace, ServiceAccount string
	UID                       string // of the ServiceAccount; empty: made from its names
	Audiences                 []string
	Expires                   time.Time // zero: never
}

func (j JWT) subject() string { return "system:serviceaccount:" + j.Namespace + ":" + j.ServiceAccount }

// SetJWT registers a token that the kubernetes and jwt methods accept. The text is
// any text: it is not read, so a test needs no signature.
func (s *Server) SetJWT(token string, j JWT) {
	s.locked(func(time.Time) { s.jwts[token] = j })
}

// checkJWT judges a token's claims. It tells why not in Vault's words.
func (c *call) checkJWT(text string, audiences []string) (JWT, string) {
	j, known := c.s.jwts[text]
	switch {
	case !known:
		return j, "unknown"
	case !j.Expires.IsZero() && !c.now.Before(j.Expires):
		return j, "invalid expiration time (exp) claim: token is expired"
	case len(audiences) > 0 && !overlap(audiences, j.Audiences):
		return j, "invalid audience (aud) claim: audience claim does not match any expected audience"
	}
	return j, ""
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

// kubernetesAuth is the kubernetes auth method, without an API server to ask.
type kubernetesAuth struct {
	config map[string]any // nil: not configured
	roles  roles[kubernetesRole]
}

type kubernetesRole struct {
	tokenRole
	accounts, namespaces []string
	audience             string
}

func newKubernetes() *kubernetesAuth { return &kubernetesAuth{roles: roles[kubernetesRole]{}} }

func (*kubernetesAuth) anonymous(c *call) bool { return c.rest == "login" }

func (e *kubernetesAuth) handle(c *call) *reply {
	first, name, _ := strings.Cut(c.rest, "/")
	switch first {
	case "login":
		return e.login(c)
	case "config":
		return e.configure(c)
	case "role":
		return e.role(c, name)
	}
	return unknownPath()
}

func (e *kubernetesAuth) configure(c *call) *reply {
	switch {
	case c.op == opWrite:
		e.config = c.body
		return empty()
	case e.config == nil:
		return notFound()
	}
	return dataReply(map[string]any{
		"disable_iss_validation": true, "disable_local_ca_jwt": e.config["disable_local_ca_jwt"] == true, "issuer": "",
		"kubernetes_ca_cert": "", "kubernetes_host": e.config["kubernetes_host"], "pem_keys": []string{},
		"token_reviewer_jwt_set": e.config["token_reviewer_jwt"] != nil, "use_annotations_as_alias_metadata": false,
	})
}

func (e *kubernetesAuth) role(c *call, name string) *reply {
	rep := e.roles.serve(c, name, func(r kubernetesRole) map[string]any {
		return r.describe(map[string]any{
			"alias_name_source": "serviceaccount_uid", "audience": r.audience, "bound_service_account_names": r.accounts,
			"bound_service_account_namespace_selector": "", "bound_service_account_namespaces": r.namespaces,
		})
	})
	if rep != nil {
		return rep
	}
	return e.writeRole(c, name)
}

func (e *kubernetesAuth) writeRole(c *call, name string) *reply {
	r := kubernetesRole{
		accounts: c.words("bound_service_account_names"), namespaces: c.words("bound_service_account_namespaces"),
		audience: c.text("audience"),
	}
	switch {
	case len(r.accounts) == 0:
		return badRequest(`"bound_service_account_names" can not be empty`)
	case len(r.namespaces) == 0:
		return badRequest(`"bound_service_account_namespaces" can not be empty if "bound_service_account_namespace_selector" is not set`)
	}
	if rep := r.read(c); rep != nil {
		return rep
	}
	e.roles[name] = r
	if r.audience != "" {
		return empty()
	}
	return &reply{warnings: []string{"Role " + name + " does not have an audience configured. While audiences are not required, " +
		"consider specifying one if your use case would benefit from additional JWT claim verification."}}
}

func (e *kubernetesAuth) login(c *call) *reply {
	roleName, text := c.text("role"), c.text("jwt")
	r, known := e.roles[roleName]
	switch {
	case c.op != opWrite:
		return failure(http.StatusMethodNotAllowed, "unsupported operation")
	case roleName == "":
		return badRequest("missing role")
	case text == "":
		return badRequest("missing jwt")
	case !known:
		return badRequest("invalid role name %q", roleName)
	case e.config == nil:
		return failure(http.StatusInternalServerError, "could not load backend configuration")
	}
	var audiences []string
	if r.audience != "" {
		audiences = []string{r.audience}
	}
	j, problem := c.checkJWT(text, audiences)
	switch {
	case problem == "unknown":
		return noToken()
	case problem != "":
		return failure(http.StatusForbidden, problem)
	case !globAny(r.accounts, j.ServiceAccount):
		return failure(http.StatusForbidden, "service account name not authorized")
	case !globAny(r.namespaces, j.Namespace):
		return failure(http.StatusForbidden, "namespace not authorized")
	}
	return c.login(r.tokenRole, j.Namespace+"-"+j.ServiceAccount, e.metadata(c, roleName, j))
}

func (e *kubernetesAuth) metadata(c *call, role string, j JWT) map[string]string {
	uid := j.UID
	if uid == "" {
		uid = entityOf(c.mount, j.subject())
	}
	return map[string]string{
		"role": role, "service_account_name": j.ServiceAccount, "service_account_namespace": j.Namespace,
		"service_account_secret_name": "", "service_account_uid": uid,
	}
}
