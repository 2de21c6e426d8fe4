package vault

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestRefusal(t *testing.T) {
	long := `{"errors":["` + strings.Repeat("x", maxRefusal) + `"]}`
	cases := map[string]struct {
		status int
		body   string
		token  string
		want   string // "": no refusal
		kind   Kind
	}{
		"success":         {status: 200, body: `{"errors":["invalid token"]}`, token: "t"},
		"invalid token":   {status: 403, body: invalidTokenText, token: "t", kind: InvalidToken, want: "GET http://vault:8200/v1/secret/app: invalid token (HTTP 403): permission denied; invalid token"},
		"without a token": {status: 403, body: invalidTokenText, kind: Denied, want: "GET http://vault:8200/v1/secret/app: denied (HTTP 403): permission denied; invalid token; hint: check the role, what it is bound to (service accounts, namespaces, audience), and that Vault may review tokens"},
		"denied":          {status: 403, body: `{"errors":["permission denied"]}`, token: "t", kind: Denied, want: "GET http://vault:8200/v1/secret/app: denied (HTTP 403): permission denied; hint: no policy of the token allows this on the path; for KV version 2 both the path and the policy need data/ after the mount"},
		"very long":       {status: 400, body: long, token: "t", kind: Permanent, want: `GET http://vault:8200/v1/secret/app: permanent (HTTP 400): the answer is not what Vault sends (content type "application/json"); hint: the address may be that of a proxy, an ingress or another service instead of Vault`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := inProcess(t, func(r *http.Request) (*http.Response, error) { return reply(r, tc.status, nil, tc.body), nil })
			answer, err := c.Forward(t.Context(), incoming(t, "GET", "/v1/secret/app", "", map[string]string{"X-Vault-Token": tc.token}))
			if err != nil {
				t.Fatal(err)
			}
			said := c.Refusal(answer)
			if tc.want == "" && said != nil || tc.want != "" && (said == nil || said.Error() != tc.want || said.Kind != tc.kind) {
				t.Errorf("refusal\ngot  %v\nwant %s", said, tc.want)
			}
			if got := content(t, answer); got != tc.body {
				t.Errorf("the body changed to %d bytes", len(got))
			}
		})
	}
}

const invalidTokenText = `{"errors":["1 error occurred:\n\t* permission denied\n\n","invalid token"]}`

func TestRefusalThatBreaksOff(t *testing.T) {
	broken := errors.New("connection reset")
	c := inProcess(t, func(r *http.Request) (*http.Response, error) {
		answer := reply(r, 403, nil, "")
		answer.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"errors":`), brokenOff{broken}))
		return answer, nil
	})
	answer, err := c.Forward(t.Context(), incoming(t, "GET", "/v1/a", "", nil))
	if err != nil {
		t.Fatal(err)
	}
	if said := c.Refusal(answer); said == nil || said.Kind != Denied {
		t.Errorf("refusal = %v", said)
	}
	if got, err := io.ReadAll(answer.Body); string(got) != `{"errors":` || !errors.Is(err, broken) {
		t.Errorf("the body reads %q and %v", got, err)
	}
	_ = answer.Body.Close()
}
