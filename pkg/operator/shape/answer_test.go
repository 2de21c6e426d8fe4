package shape_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/shape"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

func TestAnswers(t *testing.T) {
	cases := map[string]struct {
		make   func(sensitive.Data) (shape.Answer, error)
		data   string // "": none at all
		want   map[string]string
		err    string
		reason string
	}{
		"KV1":        {make: shape.FromKV1, data: `{"data":{"a":1},"b":"x"}`, want: map[string]string{"data": `{"a":1}`, "b": "x"}},
		"KV1None":    {make: shape.FromKV1, err: "there is no data at the path in Vault"},
		"KV1Empty":   {make: shape.FromKV1, data: `{}`, want: map[string]string{}},
		"KV2":        {make: shape.FromKV2, data: `{"data":{"a":"1"},"metadata":{}}`, want: map[string]string{"a": "1"}},
		"KV2Empty":   {make: shape.FromKV2, data: `{"data":{},"metadata":{}}`, want: map[string]string{}},
		"KV2None":    {make: shape.FromKV2, err: "there is no data at the path in Vault"},
		"KV2Deleted": {make: shape.FromKV2, data: `{"data":null,"metadata":{"deletion_time":"2026-01-02T03:04:05Z"}}`, err: "there is no data at the path in Vault"},
		"KV2Other":   {make: shape.FromKV2, data: `{"data":"` + canary + `"}`, err: "the answer of Vault is not that of a KV engine of version 2: its data is not an object"},
		"KV2Mount1":  {make: shape.FromKV2, data: `{"password":"x"}`, err: "there is no data at the path in Vault"},
		"PKI": {
			make: shape.FromPKI, data: `{"serial_number":"1","ca_chain":["A","B"],"expiration":7}`,
			want: map[string]string{"serial_number": "1", "ca_chain": "A\nB", "expiration": "7"},
		},
		"PKIText":     {make: shape.FromPKI, data: `{"serial_number":"1","ca_chain":"A"}`, want: map[string]string{"serial_number": "1", "ca_chain": "A"}},
		"PKIOdd":      {make: shape.FromPKI, data: `{"serial_number":"1","ca_chain":5}`, want: map[string]string{"serial_number": "1", "ca_chain": ""}},
		"PKINoSerial": {make: shape.FromPKI, data: `{"certificate":"` + canary + `"}`, err: "the answer of Vault is not that of a PKI engine: it has no serial_number"},
		"Chain":       {make: shape.FromEngine, data: `{"ca_chain":["A","B"]}`, want: map[string]string{"ca_chain": `["A","B"]`}, reason: "only certificates join their chain"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var data sensitive.Data
			if tc.data != "" {
				data = tree(t, tc.data)
			}
			a, err := tc.make(data)
			if text(err) != tc.err {
				t.Fatalf("error %q, want %q", text(err), tc.err)
			}
			if err != nil {
				if missing := strings.Contains(tc.err, "no data at the path"); errors.Is(err, shape.ErrMissing) != missing {
					t.Error("the error is of another kind")
				}
				return
			}
			out, err := plan(t, shape.Options{ExcludeRaw: true}).Build(a, shape.Object{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, shown(out.Data)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestAnswerDoesNotPrint(t *testing.T) {
	a := kv2(t, `{"a":"`+canary+`"}`).WithWrap(canary)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d"} {
		if shown := fmt.Sprintf(verb, a); shown != "[redacted]" {
			t.Errorf("%s prints %s", verb, shown)
		}
	}
}

func TestWrap(t *testing.T) {
	p := plan(t, shape.Options{ExcludeRaw: true, Transformation: v1beta1.Transformation{Excludes: []string{"."}, Templates: templates("w", "{{ .WrapData.Token }}")}})
	out, err := p.Build(kv2(t, `{}`).WithWrap(map[string]string{"Token": "t"}), shape.Object{})
	if err != nil || string(out.Data["w"]) != "t" {
		t.Errorf("%v, error %v", out, err)
	}
}

func TestAddTLS(t *testing.T) {
	const (
		chained = `{"serial_number":"1","certificate":"CERT","private_key":"KEY","issuing_ca":"CA","ca_chain":["I1","I2"]}`
		single  = `{"serial_number":"1","certificate":"CERT","private_key":"KEY","issuing_ca":"CA"}`
		bare    = `{"serial_number":"1","certificate":"CERT","private_key":"KEY"}`
		tls     = "kubernetes.io/tls"
	)
	cases := map[string]struct {
		data   string
		tls    shape.TLS
		before map[string][]byte
		want   map[string]string
	}{
		"Chain":        {data: chained, tls: shape.TLS{Type: tls}, want: map[string]string{"tls.crt": "CERT\nI1\nI2", "tls.key": "KEY"}},
		"ChainAlways":  {data: chained, tls: shape.TLS{Type: tls, CA: true}, want: map[string]string{"tls.crt": "CERT\nI1\nI2", "tls.key": "KEY", "ca.crt": "CA"}},
		"NoChain":      {data: single, tls: shape.TLS{Type: tls}, want: map[string]string{"tls.crt": "CERT\nCA", "tls.key": "KEY", "ca.crt": "CA"}},
		"Bare":         {data: bare, tls: shape.TLS{Type: tls, CA: true}, want: map[string]string{"tls.crt": "CERT", "tls.key": "KEY"}},
		"Opaque":       {data: single, tls: shape.TLS{Type: "Opaque"}, want: map[string]string{}},
		"OpaqueAlways": {data: chained, tls: shape.TLS{CA: true}, want: map[string]string{"ca.crt": "CA"}},
		"Keyed":        {data: single, tls: shape.TLS{Type: tls, Keyed: true}, want: map[string]string{}},
		"KeyedAlways":  {data: single, tls: shape.TLS{Type: tls, Keyed: true, CA: true}, want: map[string]string{"ca.crt": "CA"}},
		"Taken":        {data: single, tls: shape.TLS{Type: tls}, before: map[string][]byte{"ca.crt": []byte("mine")}, want: map[string]string{"tls.crt": "CERT\nCA", "tls.key": "KEY", "ca.crt": "mine"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			a, err := shape.FromPKI(tree(t, tc.data))
			if err != nil {
				t.Fatal(err)
			}
			data := tc.before
			if data == nil {
				data = map[string][]byte{}
			}
			shape.AddTLS(data, a, tc.tls)
			if diff := cmp.Diff(tc.want, shown(data)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFunctions(t *testing.T) {
	for _, doc := range shape.Functions() {
		if doc.Name == "b64enc" {
			return
		}
	}
	t.Error("b64enc is missing")
}
