package vault

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

func TestDecode(t *testing.T) {
	cases := map[string]struct {
		body string
		want *Response
	}{
		"empty":        {want: &Response{}},
		"blank":        {body: " \n", want: &Response{}},
		"null":         {body: "null", want: &Response{}},
		"empty object": {body: "{}", want: &Response{Data: sensitive.NewData(map[string]any{})}},
		"empty answer": {body: `{"request_id":"","data":null,"auth":null}`, want: &Response{}},
		"empty data":   {body: `{"request_id":"r","data":{}}`, want: &Response{RequestID: "r", Data: sensitive.NewData(map[string]any{})}},
		"no data":      {body: `{"request_id":"r","data":null,"lease_duration":0}`, want: &Response{RequestID: "r"}},
		"own object": {
			body: `{"initialized":true,"version":"1.21.2"}`,
			want: &Response{Data: sensitive.NewData(map[string]any{"initialized": true, "version": "1.21.2"})},
		},
		"numbers": {
			body: `{"request_id":"r","data":{"a":1.50,"b":[9007199254740993]}}`,
			want: &Response{RequestID: "r", Data: sensitive.NewData(map[string]any{"a": json.Number("1.50"), "b": []any{json.Number("9007199254740993")}})},
		},
		"batch token": {
			body: `{"auth":{"client_token":"x","token_type":"batch","lease_duration":60}}`,
			want: &Response{Auth: &auth.Token{Value: sensitive.New("x"), TTL: time.Minute, Batch: true}},
		},
		"no token": {body: `{"request_id":"r","auth":{"mfa_requirement":{"mfa_request_id":"m"}}}`, want: &Response{RequestID: "r"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := decode([]byte(tc.body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got.response(time.Time{}), revealed()); diff != "" {
				t.Errorf("response (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, body := range []string{"x", "[]", "1", `"text"`, `{"data":[]}`, `{"data":{}`, `{"data":{}}x`, `{"a":1} {"b":2}`, `{"lease_duration":"long"}`} {
		if got, err := decode([]byte(body)); err == nil {
			t.Errorf("decode(%q) = %v, want an error", body, got)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"", "null", "{}", `{"data":{"data":null,"metadata":{"deletion_time":"x"}}}`, `{"initialized":true}`,
		`{"auth":{"client_token":"x","metadata":null},"wrap_info":{"ttl":1}}`, `{"lease_duration":1e3}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := decode(body)
		if err != nil {
			return
		}
		got.deleted()
		response := got.response(time.Time{})
		if response.Auth != nil && response.Auth.Value.Empty() {
			t.Error("a token without a value")
		}
		if got.secret() == nil {
			t.Error("no secret")
		}
	})
}
