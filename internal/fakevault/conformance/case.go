package conformance

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Target is a server to test.
type Target struct {
	URL    string // without a slash at the end
	Client *http.Client
	Token  string // a root token
	// Seal and Unseal do what needs more than the HTTP API.
	Seal, Unseal func(context.Context) error
	// Vars are texts that cases name in braces: what stands behind the server.
	Vars map[string]string
}

// Vars that every target must give.
const (
	VarKubernetesHost = "kubernetes_host"    // URL that reviews the tokens below
	VarPostgresURL    = "postgres_url"       // connection_url of the database engine
	VarPostgresUser   = "postgres_user"      // superuser
	VarPostgresPass   = "postgres_password"  // of the superuser
	VarStaticUser     = "static_user"        // a database user that Vault may own
	VarJWT            = "jwt"                // apps/app, audience vault
	VarJWTOther       = "jwt_other_account"  // apps/other, audience vault
	VarJWTElsewhere   = "jwt_elsewhere"      // other/app, audience vault
	VarJWTAudience    = "jwt_other_audience" // apps/app, audience api
	VarJWTExpired     = "jwt_expired"        // apps/app, audience vault, expired
	VarJWTKey         = "jwt_key"            // PEM of the public key that they are signed with, as in a JSON string
)

// Case is one story. The answers to Setup must be successes; those to Do are
// compared.
type Case struct {
	Name  string
	Setup []Step
	Do    []Step
	// Sealed seals the server between Setup and Do, and unseals it afterwards.
	Sealed bool
}

// Step is one request. {m} in any text stands for the case's own name for
// mounts, and {NAME} for what an earlier step saved.
type Step struct {
	Method, Path string
	Body         string // JSON
	As           string // the caller's token; empty: root; "-": none
	Header       map[string]string
	Save         map[string]string // name -> dotted path in the answer
	Until        string            // ask again until the answer has this text: Vault does some things in the background
}

// session is one case being played.
type session struct {
	target Target
	vars   map[string]string
}

// answer is what came back.
type answer struct {
	status int
	kind   string // content type
	body   []byte
}

// maxAsks ends Until: each takes a real server about a millisecond, and what is
// waited for takes it a few of them.
const maxAsks = 5000

// do sends one step, again while Until says so, and saves what it asks for.
func (s *session) do(ctx context.Context, step Step) (answer, error) {
	for range maxAsks {
		a, err := s.once(ctx, step)
		if err != nil || bytes.Contains(a.body, []byte(step.Until)) {
			return a, err
		}
	}
	return answer{}, fmt.Errorf("no answer in %d had the text %q", maxAsks, step.Until)
}

func (s *session) once(ctx context.Context, step Step) (answer, error) {
	req, err := s.request(ctx, step)
	if err != nil {
		return answer{}, err
	}
	resp, err := s.target.Client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, err
	}
	for name, path := range step.Save {
		if s.vars[name], err = dig(body, path); err != nil {
			return answer{}, fmt.Errorf("save %s: %w", name, err)
		}
	}
	return answer{status: resp.StatusCode, kind: resp.Header.Get("Content-Type"), body: body}, nil
}

func (s *session) request(ctx context.Context, step Step) (*http.Request, error) {
	body := []byte(s.fill(step.Body))
	req, err := http.NewRequestWithContext(ctx, step.Method, s.target.URL+"/v1/"+s.fill(step.Path), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	for k, v := range step.Header {
		req.Header.Set(k, s.fill(v))
	}
	switch token := s.fill(step.As); token {
	case "-":
	case "":
		req.Header.Set("X-Vault-Token", s.target.Token)
	default:
		req.Header.Set("X-Vault-Token", token)
	}
	return req, nil
}

// fill replaces {NAME} by its value.
func (s *session) fill(text string) string {
	for name, value := range s.vars {
		text = strings.ReplaceAll(text, "{"+name+"}", value)
	}
	return text
}

// hide is fill backwards: it makes texts of different runs equal. Short values
// stay, for they may stand anywhere.
func (s *session) hide(text string) string {
	longestFirst := slices.SortedFunc(maps.Keys(s.vars), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(s.vars[b]), len(s.vars[a])), cmp.Compare(a, b))
	})
	for _, name := range longestFirst {
		if value := s.vars[name]; len(value) >= 8 {
			text = strings.ReplaceAll(text, value, "{"+name+"}")
		}
	}
	return text
}
