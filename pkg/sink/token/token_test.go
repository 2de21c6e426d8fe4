package token_test

import (
	"bytes"
	"crypto/ecdh"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
	"github.com/vaultk8s/vaultk8s/pkg/sink/token"
)

// wrapped is what testdata/agent/wrapped was made of.
func wrapped(t *testing.T) *token.WrapInfo {
	t.Helper()
	created, err := time.Parse(time.RFC3339Nano, "2026-11-21T14:12:49.787909245Z")
	if err != nil {
		t.Fatal(err)
	}
	return &token.WrapInfo{
		Token:    sensitive.New("hvs.CAESIDJeSuZgvCW8-6jH52FDzxyanR4zH780UlAUfCEN3mr7Gh4KHGh2cy5Pa2U5b2dOeUtuZTdXMldwY1dmQThxcWg"),
		Accessor: "ovbXBea6T3TU3c3LeILZV3Pk", TTL: 5 * time.Minute, CreationTime: created, CreationPath: "sys/wrapping/wrap",
	}
}

func TestEncodeInTheClearHasTheBytesOfTheVaultAgent(t *testing.T) {
	cases := map[string]token.Content{
		"plain":   {Token: sensitive.New("plain-root-token")},
		"wrapped": {Token: sensitive.New("not written"), Wrap: wrapped(t)},
	}
	for name, content := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := token.Encode(token.Spec{DeriveKey: true, AAD: "without effect"}, content)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(recorded(t, name)), string(got)); diff != "" {
				t.Errorf("file (-old agent +got):\n%s", diff)
			}
		})
	}
}

func TestEncodeEncrypts(t *testing.T) {
	reader := readerKey(t)
	inTheClear := map[string][]byte{"plain": recorded(t, "plain"), "wrapped": recorded(t, "wrapped")}
	for name, content := range map[string]token.Content{
		"plain":   {Token: sensitive.New("plain-root-token")},
		"wrapped": {Wrap: wrapped(t)},
	} {
		for _, spec := range []token.Spec{
			{},
			{AAD: "my aad"},
			{DeriveKey: true},
			{DeriveKey: true, AAD: "my aad"},
		} {
			t.Run(fmt.Sprintf("%s/%t/%s", name, spec.DeriveKey, spec.AAD), func(t *testing.T) {
				spec.Reader = reader.PublicKey()
				file, err := token.Encode(spec, content)
				if err != nil {
					t.Fatal(err)
				}
				got, err := open(t, reader, file, spec.DeriveKey, spec.AAD)
				if diff := cmp.Diff(string(inTheClear[name]), string(got)); err != nil || diff != "" {
					t.Errorf("content: %v (-want +got):\n%s", err, diff)
				}
				if bytes.Contains(file, []byte("hvs.")) || bytes.Contains(file, []byte("plain-root-token")) {
					t.Errorf("the file shows the token: %s", file)
				}
				if got, want := fields(t, file), fields(t, recorded(t, "dh")); !cmp.Equal(got, want) {
					t.Errorf("fields %v, want those of the old agent, %v", got, want)
				}
			})
		}
	}
}

// fields lists the keys of a JSON line in their order, and whether it is a line.
func fields(t *testing.T, file []byte) []string {
	t.Helper()
	var names []string
	decoder := json.NewDecoder(bytes.NewReader(file))
	for {
		part, err := decoder.Token()
		if err != nil {
			break
		}
		if text, ok := part.(string); ok && len(names)%2 == 0 {
			names = append(names, text)
		} else if ok {
			names = append(names, "…")
		}
	}
	return append(names, fmt.Sprint(bytes.HasSuffix(file, []byte("}\n"))))
}

func TestEncodeNeverRepeatsItself(t *testing.T) {
	spec := token.Spec{Reader: readerKey(t).PublicKey()}
	seen := map[string]bool{}
	for range 50 {
		file, err := token.Encode(spec, token.Content{Token: sensitive.New("t")})
		if err != nil {
			t.Fatal(err)
		}
		var e map[string]string
		if err := json.Unmarshal(file, &e); err != nil {
			t.Fatal(err)
		}
		for name, value := range e {
			if seen[value] {
				t.Fatalf("%s %s was used before", name, value)
			}
			seen[value] = true
		}
	}
}

func TestAnythingThatIsEncryptedOpens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		private, err := ecdh.X25519().NewPrivateKey(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "reader"))
		if err != nil {
			t.Fatal(err)
		}
		text := rapid.StringN(1, 200, -1).Draw(t, "token")
		spec := token.Spec{Reader: private.PublicKey(), DeriveKey: rapid.Bool().Draw(t, "derive"), AAD: rapid.String().Draw(t, "aad")}
		file, err := token.Encode(spec, token.Content{Token: sensitive.New(text)})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := open(t, private, file, spec.DeriveKey, spec.AAD); err != nil || string(got) != text {
			t.Fatalf("opened %q, %v; want %q", got, err, text)
		}
	})
}

func TestEncodeErrors(t *testing.T) {
	weak, err := ecdh.X25519().NewPublicKey(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		spec    token.Spec
		content token.Content
		want    string
	}{
		"no token":         {want: "there is no token to write"},
		"no wrapped token": {content: token.Content{Token: sensitive.New("t"), Wrap: &token.WrapInfo{}}, want: "there is no token to write"},
		"nothing to hide":  {spec: token.Spec{Reader: readerKey(t).PublicKey()}, want: "there is no token to write"},
		"weak key": {
			spec: token.Spec{Reader: weak}, content: token.Content{Token: sensitive.New("canary")},
			want: "agree on a key with the reader of the token: crypto/ecdh: bad X25519 remote ECDH input: low order point",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := token.Encode(tc.spec, tc.content)
			if err == nil || err.Error() != tc.want || got != nil {
				t.Errorf("got %q, error %v; want %s", got, err, tc.want)
			}
		})
	}
}

func TestReadKey(t *testing.T) {
	const key = `"EyxEK+AQ+9V+cmAzKKp25x/MwVA6riGTJ9FNnJmT9HI="`
	cases := map[string]struct {
		content string
		want    string // error, with FILE for the path; "" for none
	}{
		"right":        {content: `{"curve25519_public_key": ` + key + "}\n"},
		"more fields":  {content: `{"version": 1, "curve25519_public_key": ` + key + `}`},
		"just created": {want: `dh_path "FILE": want JSON with curve25519_public_key in base64: unexpected end of JSON input`},
		"half written": {content: `{"curve25519_public_key": "EyxE`, want: `dh_path "FILE": want JSON with curve25519_public_key in base64: unexpected end of JSON input`},
		"not JSON":     {content: `EyxEK`, want: `dh_path "FILE": want JSON with curve25519_public_key in base64: invalid character 'E' looking for beginning of value`},
		"not base64":   {content: `{"curve25519_public_key": "%"}`, want: `dh_path "FILE": want JSON with curve25519_public_key in base64: illegal base64 data at input byte 0`},
		"a number":     {content: `{"curve25519_public_key": 7}`, want: `dh_path "FILE": want JSON with curve25519_public_key in base64: json: cannot unmarshal number into Go struct field keyDocument.curve25519_public_key of type []uint8`},
		"no key":       {content: `{"public_key": ` + key + `}`, want: `dh_path "FILE": curve25519_public_key is missing`},
		"short key":    {content: `{"curve25519_public_key": "Eyw="}`, want: `dh_path "FILE": curve25519_public_key has 2 bytes, not 32`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "key.json")
			if err := os.WriteFile(path, []byte(tc.content), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := token.ReadKey(path)
			if tc.want == "" {
				if err != nil || !got.Equal(readerKey(t).PublicKey()) {
					t.Errorf("key %v, %v", got, err)
				}
				return
			}
			if want := strings.ReplaceAll(tc.want, "FILE", path); err == nil || err.Error() != want {
				t.Errorf("error = %v\nwant    %s", err, want)
			}
			if errors.Is(err, token.ErrNoKey) {
				t.Error("a file that is there counts as not written yet")
			}
		})
	}
}

func TestReadKeyThatIsNotThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "later", "key.json")
	_, err := token.ReadKey(path)
	if want := `read dh_path "` + path + `": the reader has not written its public key yet`; err == nil || err.Error() != want || !errors.Is(err, token.ErrNoKey) {
		t.Errorf("error = %v, want %s", err, want)
	}
	_, err = token.ReadKey(t.TempDir())
	var failed *fs.PathError
	if !errors.As(err, &failed) || errors.Is(err, token.ErrNoKey) || !strings.HasPrefix(err.Error(), "read dh_path: ") {
		t.Errorf("error of a directory = %v", err)
	}
}

func TestAAD(t *testing.T) {
	getenv := func(name string) string { return map[string]string{"SINK_AAD": "from the environment"}[name] }
	for name, tc := range map[string]struct{ text, variable, want string }{
		"nothing":        {},
		"text":           {text: "t", want: "t"},
		"variable":       {variable: "SINK_AAD", want: "from the environment"},
		"both":           {text: "t", variable: "SINK_AAD", want: "from the environment"},
		"unset variable": {text: "t", variable: "OTHER"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := token.AAD(tc.text, tc.variable, getenv); got != tc.want {
				t.Errorf("AAD = %q, want %q", got, tc.want)
			}
		})
	}
}

func FuzzReadKey(f *testing.F) {
	for _, seed := range []string{`{"curve25519_public_key":"EyxEK+AQ+9V+cmAzKKp25x/MwVA6riGTJ9FNnJmT9HI="}`, `{"curve25519_public_key":""}`, `[]`, `{`, ``} {
		f.Add([]byte(seed))
	}
	path := filepath.Join(f.TempDir(), "key.json")
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		key, err := token.ReadKey(path)
		if (key == nil) == (err == nil) {
			t.Fatalf("key %v, error %v", key, err)
		}
		if key == nil {
			return
		}
		// Every key that is taken either encrypts or is refused for being weak.
		if _, err := token.Encode(token.Spec{Reader: key}, token.Content{Token: sensitive.New("t")}); err != nil && !strings.Contains(err.Error(), "low order point") {
			t.Fatal(err)
		}
	})
}
