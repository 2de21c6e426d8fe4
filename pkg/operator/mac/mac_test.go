package mac_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vaultk8s/vaultk8s/pkg/operator/mac"
)

type data = map[string][]byte

// raw is a key whose texts another implementation computed.
const raw = "0123456789abcdef"

func key(t testing.TB, text string) mac.Key {
	t.Helper()
	k, err := mac.NewKey(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestText compares with values made outside of this program: they decide
// whether a cluster changes over without a write.
func TestText(t *testing.T) {
	cases := map[string]struct {
		data   data
		want   string
		reason string
	}{
		"Nil":    {want: "+R4+nwXMLfZKwcJvitzN/9qNHkp6jFChoI7q2sbd/sU=", reason: "a Secret without data is read as nil, and written as {}"},
		"Empty":  {data: data{}, want: "+R4+nwXMLfZKwcJvitzN/9qNHkp6jFChoI7q2sbd/sU="},
		"Sorted": {data: data{"username": []byte("u"), "password": []byte("p")}, want: "07SR7KR5d5pMF3cFP6QdqmP07MfPv6s3pLjosvqKWvY="},
		"Binary": {data: data{"tls.crt": []byte("\x00\xff<&>")}, want: "ggWgiO5UCO3g2GBvKti6+yuEV4oYZbrnJq6TIysIYtg="},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			k := key(t, raw)
			if got := k.Text(tc.data); got != tc.want {
				t.Errorf("%s: text %s, want %s", tc.reason, got, tc.want)
			}
			if !k.Is(tc.want, tc.data) {
				t.Error("the text is not recognized")
			}
			if k.Is(tc.want, data{"other": nil}) {
				t.Error("the text is recognized for other data")
			}
		})
	}
}

func TestIsMalformed(t *testing.T) {
	k := key(t, raw)
	for _, recorded := range []string{"", "?", "AAAA", strings.TrimRight(k.Text(nil), "=")} {
		if k.Is(recorded, nil) {
			t.Errorf("%q is recognized", recorded)
		}
	}
	if (mac.Key{}).Is((mac.Key{}).Text(nil), nil) {
		t.Error("no key recognizes its own text")
	}
}

func TestCompare(t *testing.T) {
	k, other := key(t, raw), key(t, "another-key-0000")
	was, now := data{"a": []byte("1")}, data{"a": []byte("2")}
	foreign := data{"a": []byte("3")}
	cases := map[string]struct {
		key            mac.Key
		recorded       string
		fresh, current data
		want           mac.Comparison
		reason         string
	}{
		"InSync":       {key: k, recorded: k.Text(was), fresh: was, current: was, want: mac.Comparison{Recorded: true}},
		"Changed":      {key: k, recorded: k.Text(was), fresh: now, current: was, want: mac.Comparison{Recorded: true, Changed: true}},
		"Drifted":      {key: k, recorded: k.Text(was), fresh: was, current: foreign, want: mac.Comparison{Recorded: true, Drifted: true}},
		"Both":         {key: k, recorded: k.Text(was), fresh: now, current: foreign, want: mac.Comparison{Recorded: true, Changed: true, Drifted: true}},
		"Gone":         {key: k, recorded: k.Text(was), fresh: was, want: mac.Comparison{Recorded: true, Drifted: true}},
		"GoneAndEmpty": {key: k, recorded: k.Text(nil), fresh: data{}, want: mac.Comparison{Recorded: true, Drifted: true}, reason: "no Secret is not an empty one"},
		"First":        {key: k, fresh: was, want: mac.Comparison{Changed: true}},
		"FirstForeign": {key: k, fresh: was, current: foreign, want: mac.Comparison{Changed: true}},
		"Adopted":      {key: k, fresh: was, current: was, want: mac.Comparison{}, reason: "the Secret was written by somebody else with the same data"},
		"OtherKey":     {key: k, recorded: other.Text(was), fresh: was, current: was, want: mac.Comparison{Recorded: true}, reason: "equal data needs no write whatever the status says"},
		"OtherKeyNew":  {key: k, recorded: other.Text(was), fresh: now, current: was, want: mac.Comparison{Recorded: true, Changed: true, Drifted: true}},
		"NotBase64":    {key: k, recorded: "%", fresh: now, current: was, want: mac.Comparison{Changed: true}},
		"NoKeySame":    {recorded: k.Text(was), fresh: was, current: was, want: mac.Comparison{}, reason: "the key cannot be read: the data itself is compared"},
		"NoKeyChanged": {recorded: k.Text(was), fresh: now, current: was, want: mac.Comparison{Changed: true}},
		"ByHandAlready": {
			key: k, recorded: k.Text(was), fresh: now, current: now, want: mac.Comparison{Recorded: true},
			reason: "somebody wrote the new data before the operator did",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tc.want.Text = tc.key.Text(tc.fresh)
			got := tc.key.Compare(tc.recorded, tc.fresh, tc.current)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
			if got.InSync() != (!got.Changed && !got.Drifted) {
				t.Error("in sync and yet something to write")
			}
		})
	}
}

func TestWithout(t *testing.T) {
	in := data{"ttl": []byte("5"), "password": []byte("p"), "_raw": []byte("{}"), "last_vault_rotation": nil, "rotation_period": nil, "rotation_schedule": nil}
	got := mac.Without(in, mac.RotationKeys()...)
	if diff := cmp.Diff(data{"password": []byte("p")}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(in) != 6 {
		t.Error("the data was changed")
	}
	if got := mac.Without(nil, "a"); got == nil || len(got) != 0 {
		t.Errorf("without of nil is %v", got)
	}
}

func TestEqual(t *testing.T) {
	cases := map[string]struct {
		a, b data
		want bool
	}{
		"Nil":      {want: true},
		"NilEmpty": {b: data{}, want: true},
		"Value":    {a: data{"a": []byte("1")}, b: data{"a": []byte("2")}},
		"Key":      {a: data{"a": nil}, b: data{"b": nil}},
		"Same":     {a: data{"a": []byte("1")}, b: data{"a": []byte("1")}, want: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := mac.Equal(tc.a, tc.b); got != tc.want {
				t.Errorf("equal %t, want %t", got, tc.want)
			}
		})
	}
}

func TestParseKey(t *testing.T) {
	object := func(d data) *corev1.Secret {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "ops", Name: mac.KeySecretName}, Data: d}
	}
	cases := map[string]struct {
		secret *corev1.Secret
		want   string
	}{
		"Good":    {secret: object(data{"key": []byte(raw)})},
		"Missing": {secret: object(data{"Key": []byte(raw)}), want: `secret ops/vso-cc-storage-hmac-key: the data has no key "key"`},
		"Short":   {secret: object(data{"key": []byte("canary-7f3a")}), want: `secret ops/vso-cc-storage-hmac-key: "key" has 11 bytes instead of 16`},
		"Empty":   {secret: object(data{"key": nil}), want: `secret ops/vso-cc-storage-hmac-key: "key" has 0 bytes instead of 16`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			k, err := mac.ParseKey(tc.secret)
			if got := text(err); got != tc.want {
				t.Fatalf("error %q, want %q", got, tc.want)
			}
			if err == nil && k.Text(nil) != key(t, raw).Text(nil) {
				t.Error("it is another key")
			}
			if (err != nil) != k.None() {
				t.Error("an error goes with no key")
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestSecret(t *testing.T) {
	s := key(t, raw).Secret("ops")
	immutable := true
	want := &corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "ops", Name: "vso-cc-storage-hmac-key", Labels: map[string]string{
			"app.kubernetes.io/name":       "vault-secrets-operator",
			"app.kubernetes.io/managed-by": "hashicorp-vso",
			"app.kubernetes.io/component":  "client-cache-storage-verification",
		}},
		Immutable: &immutable,
		Data:      data{"key": []byte(raw)},
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	back, err := mac.ParseKey(s)
	if err != nil {
		t.Fatal(err)
	}
	s.Data["key"][0] = 'X'
	if back.Text(nil) != key(t, raw).Text(nil) {
		t.Error("the key shares its bytes with the Secret")
	}
}

func TestNewKeyFails(t *testing.T) {
	_, err := mac.NewKey(strings.NewReader("short"))
	if want := "make a key for the comparison of Secrets: unexpected EOF"; text(err) != want {
		t.Errorf("error %q, want %q", text(err), want)
	}
	if errors.Unwrap(err) == nil {
		t.Error("the cause is lost")
	}
}

func TestVerify(t *testing.T) {
	k := key(t, raw)
	sum := k.Sign([]byte("message"))
	if !k.Verify([]byte("message"), sum) || k.Verify([]byte("massage"), sum) || k.Verify([]byte("message"), nil) {
		t.Error("verify is wrong")
	}
	if (mac.Key{}).Sign([]byte("m")) != nil || (mac.Key{}).Verify([]byte("m"), nil) {
		t.Error("no key signs or verifies")
	}
}

func TestKeyDoesNotPrint(t *testing.T) {
	k := key(t, "canary-7f3a-0000")
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "key", k, "pointer", &k)
	encoded, err := json.Marshal(map[string]any{"key": k})
	if err != nil {
		t.Fatal(err)
	}
	all := log.String() + string(encoded) + fmt.Sprintf("%v %+v %#v %s %x %q %d", k, k, k, k, k, k, k)
	for _, shown := range []string{"canary", fmt.Sprintf("%x", "canary"), base64.StdEncoding.EncodeToString([]byte("canary")), "99 97 110"} {
		if strings.Contains(all, shown) {
			t.Errorf("the key shows: %s", all)
		}
	}
	if n := strings.Count(all, "[redacted]"); n != 10 {
		t.Errorf("redacted %d times in %s", n, all)
	}
}

func FuzzIs(f *testing.F) {
	f.Add("")
	f.Add("+R4+nwXMLfZKwcJvitzN/9qNHkp6jFChoI7q2sbd/sU=")
	k := key(f, raw)
	own := k.Sign([]byte("{}"))
	f.Fuzz(func(t *testing.T, recorded string) {
		sum, err := base64.StdEncoding.DecodeString(recorded)
		if got, want := k.Is(recorded, nil), err == nil && bytes.Equal(sum, own); got != want {
			t.Errorf("%q: recognized is %t, want %t", recorded, got, want)
		}
	})
}
