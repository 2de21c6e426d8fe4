package push

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/mac"
)

const canary = "CANARY-4711"

func testKey(t *testing.T) mac.Key {
	t.Helper()
	key, err := mac.NewKey(bytes.NewReader(make([]byte, mac.KeySize)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestDecide(t *testing.T) {
	key := testKey(t)
	mine, theirs := map[string]string{markKey: "me"}, map[string]string{markKey: "other"}
	wrote := func(version int64, v values) v1beta1.VaultPushSecretStatus {
		return v1beta1.VaultPushSecretStatus{SecretVersion: version, SecretMAC: key.Text(v.bytes())}
	}
	a1 := map[string]any{"a": "1"}
	const foreign = "somebody else's path: there is a secret at the path that this object has not written: set overwrite to take it over"
	const conflict = "somebody else has written to the path since this object has: set conflictPolicy to overwrite, or make both equal"
	merge := v1beta1.VaultPushSecretSpec{MergePolicy: v1beta1.DestinationMerge}
	cases := map[string]struct {
		spec   v1beta1.VaultPushSecretSpec // of kv-v2 unless it says otherwise
		status v1beta1.VaultPushSecretStatus
		held   held
		want   decision
		err    string
		reason string
	}{
		"New":      {want: decision{data: a1, marks: mine}},
		"Same":     {status: wrote(3, values{"a": "1"}), held: held{true, 3, a1, mine}, want: decision{check: 3}},
		"Changed":  {status: wrote(3, values{"a": "0"}), held: held{true, 3, map[string]any{"a": "0"}, mine}, want: decision{data: a1, check: 3}},
		"KeyGone":  {status: wrote(3, values{"a": "1", "b": ""}), held: held{true, 3, map[string]any{"a": "1", "b": ""}, mine}, want: decision{data: a1, check: 3}},
		"Deleted":  {status: wrote(3, values{"a": "1"}), held: held{true, 3, nil, mine}, want: decision{data: a1, check: 3}},
		"Conflict": {status: wrote(3, values{"a": "0"}), held: held{true, 4, map[string]any{"a": "x"}, mine}, err: conflict},
		"ConflictMade": {
			status: wrote(3, values{"a": "0"}), held: held{true, 4, map[string]any{"a": 7}, mine}, err: conflict, reason: "a number is not of this object",
		},
		"ConflictEqual": {status: wrote(3, values{"a": "0"}), held: held{true, 4, a1, mine}, want: decision{check: 4}, reason: "both agree"},
		"ConflictOld":   {status: wrote(3, values{"a": "0"}), held: held{true, 5, map[string]any{"a": "0"}, mine}, want: decision{data: a1, check: 5}, reason: "what was written is there again"},
		"Overwrite": {
			spec:   v1beta1.VaultPushSecretSpec{ConflictPolicy: v1beta1.PushConflictOverwrite},
			status: wrote(3, values{"a": "0"}), held: held{true, 4, map[string]any{"a": "x"}, mine}, want: decision{data: a1, check: 4},
		},
		"Foreign":      {held: held{true, 4, map[string]any{"x": "1"}, nil}, err: foreign},
		"ForeignSame":  {held: held{true, 4, a1, theirs}, err: foreign, reason: "it is not told what the path holds"},
		"TakeOver":     {spec: v1beta1.VaultPushSecretSpec{Overwrite: true}, held: held{true, 4, map[string]any{"x": "1"}, theirs}, want: decision{data: a1, check: 4, marks: mine}},
		"TakeOverSame": {spec: v1beta1.VaultPushSecretSpec{Overwrite: true}, held: held{true, 4, a1, nil}, want: decision{check: 4, marks: mine}},
		"Claimed":      {held: held{true, 0, nil, theirs}, err: foreign},
		"Begun":        {held: held{true, 0, nil, mine}, want: decision{data: a1}, reason: "only the metadata could be written"},
		"NoStatus":     {held: held{true, 4, map[string]any{"a": "0"}, mine}, want: decision{data: a1, check: 4}, reason: "the object was made anew"},
		"Metadata": {
			spec: v1beta1.VaultPushSecretSpec{Metadata: map[string]string{"team": "a", markKey: "loses"}}, status: wrote(3, values{"a": "1"}),
			held: held{true, 3, a1, map[string]string{markKey: "me", "mine": "1"}},
			want: decision{check: 3, marks: map[string]string{markKey: "me", "mine": "1", "team": "a"}},
		},
		"Merge": {
			spec: merge, status: wrote(3, values{"a": "0"}), held: held{true, 4, map[string]any{"a": "0", "x": 7}, mine},
			want: decision{data: map[string]any{"a": "1", "x": 7}, check: 4}, reason: "a write beside ours is no conflict",
		},
		"MergeSame":     {spec: merge, status: wrote(3, values{"a": "1"}), held: held{true, 9, map[string]any{"a": "1", "x": 7}, mine}, want: decision{check: 9}},
		"MergeConflict": {spec: merge, status: wrote(3, values{"a": "0"}), held: held{true, 4, map[string]any{"a": "2", "x": 7}, mine}, err: conflict},
		"V1New":         {spec: v1beta1.VaultPushSecretSpec{Type: v1beta1.KVV1}, want: decision{data: a1}},
		"V1Foreign":     {spec: v1beta1.VaultPushSecretSpec{Type: v1beta1.KVV1}, held: held{exists: true, data: map[string]any{}}, err: foreign},
		"V1Changed":     {spec: v1beta1.VaultPushSecretSpec{Type: v1beta1.KVV1}, status: wrote(0, values{"a": "0"}), held: held{exists: true, data: map[string]any{"a": "0"}}, want: decision{data: a1}},
		"V1Conflict":    {spec: v1beta1.VaultPushSecretSpec{Type: v1beta1.KVV1}, status: wrote(0, values{"a": "0"}), held: held{exists: true, data: map[string]any{"a": "x"}}, err: conflict},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if tc.spec.Type == "" {
				tc.spec.Type = v1beta1.KVV2
			}
			w := wish{spec: &tc.spec, status: &tc.status, mark: "me", data: values{"a": "1"}, key: key}
			got, err := w.decide(tc.held)
			if err != nil && err.Error() != tc.err || err == nil && tc.err != "" {
				t.Fatalf("%s: error %v, want %s", tc.reason, err, tc.err)
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(decision{})); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestGather(t *testing.T) {
	s := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "source"},
		Data:       map[string][]byte{"a": []byte("1"), "bin": {0xff, 0xfe}},
	}
	template := func(key, text string) map[string]v1beta1.Template {
		return map[string]v1beta1.Template{key: {Text: text}}
	}
	cases := map[string]struct {
		source v1beta1.PushSource
		want   values
		err    string
	}{
		"Key":      {source: v1beta1.PushSource{Keys: []v1beta1.KeySelection{{Key: "a"}}}, want: values{"a": "1"}},
		"Renamed":  {source: v1beta1.PushSource{Keys: []v1beta1.KeySelection{{Key: "a", As: "b"}, {Key: "a"}}}, want: values{"a": "1", "b": "1"}},
		"Binary":   {err: `the value of key "bin" is no text: write it by a template that encodes it, as b64enc does`},
		"Encoded":  {source: v1beta1.PushSource{Templates: template("bin", `{{ .Secrets.bin | b64enc }}`)}, want: values{"a": "1", "bin": "//4="}},
		"Template": {source: v1beta1.PushSource{Keys: []v1beta1.KeySelection{{Key: "a"}}, Templates: template("t", `{{ .Secrets.a }}{{ .Labels.l }}{{ .Annotations.n }}`)}, want: values{"a": "1", "t": "1LN"}},
		"Missing": {
			source: v1beta1.PushSource{Keys: []v1beta1.KeySelection{{Key: "x"}, {Key: "a"}, {Key: "bin", As: "a"}}},
			err:    "secret shop/source has no key \"x\"\nsource.keys: two keys become \"a\"",
		},
		"Both": {source: v1beta1.PushSource{Keys: []v1beta1.KeySelection{{Key: "a"}}, Templates: template("a", "x")}, err: `source.templates: the key "a" is one of source.keys as well`},
	}
	for name, tc := range cases {
		p := &v1beta1.VaultPushSecret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "out", Labels: map[string]string{"l": "L"}, Annotations: map[string]string{"n": "N"}}}
		p.Spec.Source = tc.source
		got, err := gather(p, s)
		if err != nil && err.Error() != tc.err || err == nil && tc.err != "" {
			t.Errorf("%s: error %v, want %s", name, err, tc.err)
			continue
		}
		if len(got) != len(tc.want) || !cmp.Equal(map[string]string(got), map[string]string(tc.want)) && err == nil {
			t.Errorf("%s: another result: %d keys", name, len(got))
		}
	}
	bad := &v1beta1.VaultPushSecret{}
	bad.Spec.Source = v1beta1.PushSource{Keys: []v1beta1.KeySelection{{Key: "a"}}, Templates: template("t", "{{")}
	if _, err := gather(bad, s); err == nil {
		t.Error("a bad template is no error")
	}
	if text := fmt.Sprintf("%v%+v", values{"a": canary}, wish{data: values{"a": canary}}.data); text != "[redacted][redacted]" {
		t.Error(text)
	}
}

func TestOutcomes(t *testing.T) {
	for want, err := range map[string]error{
		"VersionConflict": fmt.Errorf("%w: x", errConflict), "SecretPushError": fmt.Errorf("%w: x", errForeign),
	} {
		if o := ofPush(err); o.Reason != want {
			t.Errorf("%v: %s, want %s", err, o.Reason, want)
		}
	}
	if o := ofPush(errors.New("a\nb")); o.Message != "a; b" {
		t.Errorf("message %q", o.Message)
	}
}
