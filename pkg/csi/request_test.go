package csi

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	pb "sigs.k8s.io/secrets-store-csi-driver/provider/v1alpha1"

	"github.com/vaultk8s/vaultk8s/pkg/config"
)

// readerOf is a provider's reader, changed by f.
func readerOf(f ...func(*reader)) reader {
	r := reader{vault: config.Vault{Address: "https://127.0.0.1:8200"}, csi: usual()}
	for _, change := range f {
		change(&r)
	}
	return r
}

// aCall is a call with attributes over those of a class that is right.
func aCall(changes map[string]string) *pb.MountRequest {
	attributes := podAttributes(aPod("orders-sa", 1))
	maps.Copy(attributes, class("orders", "- {objectName: a, secretPath: secret/data/a}"))
	for name, value := range changes {
		if attributes[name] = value; value == "" {
			delete(attributes, name)
		}
	}
	encoded, _ := json.Marshal(attributes)
	return &pb.MountRequest{Attributes: string(encoded), Secrets: "{}", TargetPath: "/t"}
}

func TestReadRefuses(t *testing.T) {
	cases := map[string]struct {
		change map[string]string
		reader func(*reader)
		want   string
		reason string
	}{
		"no role":           {change: map[string]string{"roleName": ""}, want: "missing 'roleName' in SecretProviderClass definition"},
		"no objects":        {change: map[string]string{"objects": ""}, want: "no secrets configured - the provider will not read any secret material"},
		"empty list":        {change: map[string]string{"objects": "[]"}, want: "no secrets configured - the provider will not read any secret material"},
		"two mounts":        {change: map[string]string{"vaultKubernetesMountPath": "a", "vaultAuthMountPath": "b"}, want: "cannot set both vaultKubernetesMountPath and vaultAuthMountPath"},
		"half a key pair":   {change: map[string]string{"vaultTLSClientCertPath": "/c"}, want: "both client cert and client key must be provided"},
		"no pod":            {change: map[string]string{"csi.storage.k8s.io/pod.namespace": ""}, want: "the driver passed no pod: the CSIDriver object needs podInfoOnMount: true"},
		"skip verify":       {change: map[string]string{"vaultSkipTLSVerify": "maybe"}, want: `parameter "vaultSkipTLSVerify": "maybe" is neither true nor false`},
		"tokens":            {change: map[string]string{tokensKey: `{"vault": "` + canary}, want: "failed to unmarshal service account tokens: not a JSON object of audiences with token and expirationTimestamp"},
		"share":             {change: map[string]string{"share": "all"}, want: `parameter "share": "all" is neither service-account nor pod`},
		"refresh":           {change: map[string]string{"refreshInterval": "often"}, want: `parameter "refreshInterval": "often" is not a duration: write seconds (30) or a number with a unit (30s, 5m, 1h30m, 2d)`},
		"method":            {change: map[string]string{"authMethod": "aprole"}, want: `parameter "authMethod": "aprole" is none of kubernetes, jwt, approle, cert, userpass, ldap, aws, gcp, azure; did you mean "approle"?`},
		"strange method":    {change: map[string]string{"authMethod": "oracle-cloud"}, want: `parameter "authMethod": "oracle-cloud" is none of kubernetes, jwt, approle, cert, userpass, ldap, aws, gcp, azure`},
		"everything":        {change: map[string]string{"roleName": "", "objects": "- {objectName: ../a}", "share": "x"}, want: `parameter "share": "x" is neither service-account nor pod; missing 'roleName' in SecretProviderClass definition; object "../a": the path "../a" of the file leaves the volume; object "../a": secretPath is missing: it names the secret`, reason: "all problems at once"},
		"bad template":      {change: map[string]string{"templates": "- {objectName: t, template: '{{ nothing }}'}"}, want: `template "t", line 1, column 4: function "nothing" not defined`},
		"forbidden address": {change: map[string]string{"vaultAddress": "https://evil.example.com"}, reader: func(r *reader) { r.csi.AllowedAddresses = []string{"https://*.corp:8200"} }, want: `the Vault address "https://evil.example.com" is none of those that the administrator allows`},
		"forbidden mount":   {change: map[string]string{"vaultAuthMountPath": "other"}, reader: func(r *reader) { r.csi.AllowedMounts = []string{"k8s-*"} }, want: `the auth mount "other" is none of those that the administrator allows`},
		"forbidden skip":    {change: map[string]string{"vaultSkipTLSVerify": "true"}, reader: func(r *reader) { r.csi.AllowSkipVerify = false }, want: "the administrator does not allow to skip the verification of Vault's certificate"},
		"forbidden text":    {change: map[string]string{"templates": "- {objectName: t, template: x}"}, reader: func(r *reader) { r.csi.Templates = false }, want: "the administrator does not allow templates in classes"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := readerOf()
			if tc.reader != nil {
				tc.reader(&r)
			}
			_, err := r.read(aCall(tc.change))
			if err == nil || err.Error() != tc.want {
				t.Errorf("%s\n got %v\nwant %s", tc.reason, err, tc.want)
			}
		})
	}
}

func TestReadObjectsRefuses(t *testing.T) {
	const missing = `object "a": `
	cases := map[string]struct{ objects, want string }{
		"a mapping":            {"objectName: a\n", "parameter \"objects\": yaml: unmarshal errors:\n  line 1: cannot unmarshal !!map into []csi.object"},
		"twice":                {"- {objectName: a, secretPath: x}\n- {objectName: b, secretPath: x}\n- {objectName: a, secretPath: y}\n- {objectName: b, secretPath: y}\n", "each `objectName` within a SecretProviderClass must be unique, but the following keys were duplicated: a, b"},
		"no name":              {"- {secretPath: x}", "object number 1: objectName is missing: it names the file"},
		"quoted permission":    {`- {objectName: a, secretPath: x, filePermission: "0644"}`, "parameter \"objects\": yaml: unmarshal errors:\n  line 1: cannot unmarshal !!str `0644` into fs.FileMode"},
		"negative permission":  {"- {objectName: a, secretPath: x, filePermission: -1}", "parameter \"objects\": yaml: unmarshal errors:\n  line 1: cannot unmarshal !!int `-1` into fs.FileMode"},
		"encoding":             {"- {objectName: a, secretPath: x, secretKey: k, encoding: rot13}", missing + "invalid encoding type. Should be utf-8, base64, or hex"},
		"absolute":             {"- {objectName: /a, secretPath: x}", `object "/a": the path "/a" of the file must be relative`},
		"not clean":            {"- {objectName: a//b, secretPath: x}", `object "a//b": the path "a//b" of the file has an empty part or a dot: write "a/b"`},
		"dots at the start":    {"- {objectName: ..data, secretPath: x}", `object "..data": the path "..data" of the file leaves the volume`},
		"long":                 {"- {objectName: " + strings.Repeat("a", 256) + ", secretPath: x}", `object "` + strings.Repeat("a", 256) + `": the path of the file is too long: 4096 bytes at most, 255 between slashes`},
		"only a prefix":        {"- {objectName: a, secretPath: /v1/}", missing + "secretPath is missing: it names the secret"},
		"format and jsonPath":  {"- {objectName: a, secretPath: x, format: env, jsonPath: /b}", missing + "jsonPath selects one value and cannot be combined with a format"},
		"format and secretKey": {"- {objectName: a, secretPath: x, format: env, secretKey: b}", missing + "with a format, name the keys in the list keys instead of secretKey"},
		"keys alone":           {"- {objectName: a, secretPath: x, keys: [b]}", missing + "keys needs a format"},
		"unknown format":       {"- {objectName: a, secretPath: x, format: toml}", missing + `template "a": unknown format "toml"; there are json, yaml, env, properties, raw, files, pem, tls, pkcs12, jks`},
		"wrapTTL":              {"- {objectName: a, secretPath: x, wrapTTL: long}", missing + `wrapTTL: "long" is not a duration: write seconds (30) or a number with a unit (30s, 5m, 1h30m, 2d)`},
		"short wrapTTL":        {"- {objectName: a, secretPath: x, wrapTTL: 1ms}", missing + `wrapTTL: "1ms" is shorter than a second`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := readerOf().read(aCall(map[string]string{"objects": tc.objects}))
			if err == nil || err.Error() != tc.want {
				t.Errorf(" got %v\nwant %s", err, tc.want)
			}
		})
	}
}

func TestReadAccepts(t *testing.T) {
	cases := map[string]struct {
		change map[string]string
		get    func(*request) any
		want   any
		reason string
	}{
		"prefixes of OpenBao": {
			change: map[string]string{"vaultAddress": "https://v", "openbaoAddress": "https://o", "baoAddress": "https://b"},
			get:    func(q *request) any { return q.vault.Address }, want: "https://b",
		},
		"second prefix":      {change: map[string]string{"vaultNamespace": "v", "openbaoNamespace": "o"}, get: func(q *request) any { return q.vault.Namespace }, want: "o"},
		"prefixed role":      {change: map[string]string{"vaultRoleName": "strong"}, get: func(q *request) any { return q.auth.Role }, want: "strong"},
		"plain role":         {get: func(q *request) any { return q.auth.Role }, want: "orders"},
		"usual mount":        {get: func(q *request) any { return q.auth.Mount }, want: "kubernetes"},
		"alias of the mount": {change: map[string]string{"vaultAuthMountPath": "jwt/prod"}, get: func(q *request) any { return q.auth.Mount }, want: "jwt/prod"},
		"false undoes nothing": {
			change: map[string]string{"vaultSkipTLSVerify": "false"}, get: func(q *request) any { return q.vault.TLSSkipVerify }, want: false,
		},
		"unknown keys":     {change: map[string]string{"vaultCAPem": "x", "kubernetesServiceAccountPath": "y"}, get: func(q *request) any { return q.class }, want: "class"},
		"empty is not set": {change: map[string]string{"vaultAddress": ""}, get: func(q *request) any { return q.vault.Address }, want: "https://127.0.0.1:8200"},
		"octal":            {change: map[string]string{"objects": "- {objectName: a, secretPath: x, filePermission: 0624}"}, get: mode, want: 0o624},
		"new octal":        {change: map[string]string{"objects": "- {objectName: a, secretPath: x, filePermission: 0o644}"}, get: mode, want: 0o644},
		"decimal":          {change: map[string]string{"objects": "- {objectName: a, secretPath: x, filePermission: 644}"}, get: mode, want: 644, reason: "a trap, but the old one"},
		"odd encoding without a key": {
			change: map[string]string{"objects": "- {objectName: a, secretPath: x, encoding: rot13}"},
			get:    func(q *request) any { return q.objects[0].Encoding }, want: "rot13", reason: "it has no effect there",
		},
		"unknown field": {change: map[string]string{"objects": "- {objectName: a, secretPath: x, objectVersion: 1}"}, get: func(q *request) any { return q.objects[0].ObjectName }, want: "a"},
		"a class cannot widen the share": {
			change: map[string]string{"share": "service-account"}, get: func(q *request) any { return q.share }, want: "service-account",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			q, err := readerOf().read(aCall(tc.change))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, tc.get(q)); diff != "" {
				t.Errorf("%s: %s", tc.reason, diff)
			}
		})
	}
}

func mode(q *request) any { return int(q.objects[0].FilePermission) }

func TestShareIsNarrowedOnly(t *testing.T) {
	r := readerOf(func(r *reader) { r.csi.Share = sharePod })
	q, err := r.read(aCall(map[string]string{"share": "service-account"}))
	if err != nil || q.share != sharePod {
		t.Errorf("%v, share %q", err, q.share)
	}
}

func TestSkipVerifyOfTheProgramStays(t *testing.T) {
	r := readerOf(func(r *reader) { r.vault.TLSSkipVerify, r.csi.AllowSkipVerify = true, false })
	q, err := r.read(aCall(map[string]string{"vaultSkipTLSVerify": "false"}))
	if err != nil || !q.vault.TLSSkipVerify {
		t.Errorf("%v, %+v", err, q)
	}
}

// TestBothGenerationsOfTheDriver: null and {} are no secrets, tokens come in either place.
func TestBothGenerationsOfTheDriver(t *testing.T) {
	tokens := `{"vault":{"token":"old","expirationTimestamp":"2026-01-01T00:00:00Z"}}`
	newer := `{"vault":{"token":"new","expirationTimestamp":"2026-01-01T01:00:00Z"},"x":{"token":"x"}}`
	cases := map[string]struct {
		attributes, secrets string
		want                map[string]string
	}{
		"null":          {tokens, "null", map[string]string{"vault": "old"}},
		"empty object":  {tokens, "{}", map[string]string{"vault": "old"}},
		"nothing":       {tokens, "", map[string]string{"vault": "old"}},
		"secrets alone": {"", quoted(map[string]string{tokensKey: tokens}), map[string]string{"vault": "old"}},
		"newer secrets": {tokens, quoted(map[string]string{tokensKey: newer}), map[string]string{"vault": "new", "x": "x"}},
		"older secrets": {newer, quoted(map[string]string{tokensKey: tokens}), map[string]string{"vault": "new", "x": "x"}},
		"none":          {"", "null", map[string]string{}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			m := aCall(map[string]string{tokensKey: tc.attributes})
			m.Secrets = tc.secrets
			q, err := readerOf().read(m)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for audience, token := range q.tokens {
				got[audience] = token.value.Reveal()
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
			if len(q.secrets) != 0 {
				t.Errorf("%d secrets", len(q.secrets))
			}
		})
	}
}

func quoted(m map[string]string) string {
	encoded, _ := json.Marshal(m)
	return string(encoded)
}

func TestReadFrame(t *testing.T) {
	cases := map[string]struct {
		m    *pb.MountRequest
		want string
	}{
		"no target":      {&pb.MountRequest{Attributes: "{}"}, "missing target path field"},
		"bad attributes": {&pb.MountRequest{TargetPath: "/t", Attributes: `{"a": ["` + canary}, "failed to unmarshal attributes: not a JSON object of texts"},
		"bad secrets":    {&pb.MountRequest{TargetPath: "/t", Attributes: "null", Secrets: canary}, "failed to unmarshal secrets: not a JSON object of texts"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := readerOf().read(tc.m); err == nil || err.Error() != tc.want {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

func TestFingerprintIgnoresTokensAlone(t *testing.T) {
	sum := func(changes map[string]string) [32]byte {
		q, err := readerOf().read(aCall(changes))
		if err != nil {
			t.Fatal(err)
		}
		return q.print
	}
	usual := sum(nil)
	if sum(map[string]string{tokensKey: `{"vault":{"token":"t"}}`}) != usual {
		t.Error("a token is a change")
	}
	for _, change := range []map[string]string{{"roleName": "x"}, {"csi.storage.k8s.io/pod.uid": "x"}, {"anything": "x"}} {
		if sum(change) == usual {
			t.Errorf("%v is no change", change)
		}
	}
}

func TestMatches(t *testing.T) {
	cases := []struct {
		glob, text string
		want       bool
	}{
		{"https://v", "https://v", true},
		{"https://v", "https://v2", false},
		{"*", "anything/at all", true},
		{"https://*.corp:8200", "https://a.b.corp:8200", true},
		{"https://*.corp:8200", "https://evil/?.corp:8201", false},
		{"a*b*c", "aXbYc", true},
		{"a*b*c", "acb", false},
		{"ab*bc", "abc", false},
		{"", "x", false},
	}
	for _, tc := range cases {
		if got := matches(tc.glob, tc.text); got != tc.want {
			t.Errorf("matches(%q, %q) = %v", tc.glob, tc.text, got)
		}
	}
	if !matchesAny(nil, "x") || matchesAny([]string{"a", "b"}, "c") || !matchesAny([]string{"a", "c"}, "c") {
		t.Error("matchesAny")
	}
}

func TestCheckBound(t *testing.T) {
	p := aPod("orders-sa", 1)
	jwt := func(claims string) string { return "e30." + b64(claims) + ".e30" }
	cases := map[string]struct{ token, want string }{
		"own":            {jwt(`{"sub":"system:serviceaccount:shop:orders-sa","kubernetes.io":{"pod":{"uid":"uid-orders-sa-1"}}}`), ""},
		"not bound":      {jwt(`{"sub":"system:serviceaccount:shop:orders-sa"}`), ""},
		"other account":  {jwt(`{"sub":"system:serviceaccount:shop:admin"}`), `the service-account token that came with the request belongs to "system:serviceaccount:shop:admin", not to "system:serviceaccount:shop:orders-sa"`},
		"other pod":      {jwt(`{"sub":"system:serviceaccount:shop:orders-sa","kubernetes.io":{"pod":{"uid":"x"}}}`), `the service-account token that came with the request is bound to the pod with UID "x", not to "uid-orders-sa-1"`},
		"no token":       {"text", ""},
		"no base64":      {"a.%.c", ""},
		"no JSON":        {jwt("nothing"), ""},
		"without a name": {jwt("{}"), ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := checkBound(newToken(tc.token), p)
			if got := textOf(err); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// FuzzRead throws anything at the reader: it may refuse, and must not panic, nor
// show what came as tokens or secrets.
func FuzzRead(f *testing.F) {
	f.Add(aCall(nil).GetAttributes(), "null")
	f.Add(aCall(map[string]string{"objects": "- {objectName: a, secretPath: x, secretArgs: {a: [1, {b: c}]}}", "templates": "- {objectName: t, template: '{{ . }}'}"}).GetAttributes(), "{}")
	f.Add(`{"objects":"- &a [*a]","roleName":"x"}`, `{"a":"b"}`)
	f.Add("null", "[]")
	f.Add(`{"csi.storage.k8s.io/serviceAccount.tokens":"{}"}`, "")
	f.Fuzz(func(t *testing.T, attributes, secrets string) {
		tellsNothing(t, attributes, secrets)
		q, err := readerOf().read(&pb.MountRequest{TargetPath: "/t", Attributes: attributes, Secrets: secrets})
		if err != nil {
			return
		}
		for i := range q.objects {
			_ = q.objects[i].query().String()
			if _, err := versionOf(newToken("key"), &q.objects[i], nil); err != nil {
				t.Logf("no version: %v", err)
			}
		}
		if _, err := q.spec(nil, false); err != nil {
			t.Logf("no login: %v", err)
		}
	})
}

// tellsNothing plants a text where tokens and secrets are, whole and broken, and looks
// for it in what comes out.
func tellsNothing(t *testing.T, attributes, secrets string) {
	t.Helper()
	planted := map[string]string{}
	if json.Unmarshal([]byte(attributes), &planted) != nil || planted == nil {
		planted = map[string]string{}
	}
	for _, token := range []string{`{"vault":{"token":"` + canary + `"}}`, `{"vault":{"token":["` + canary, canary} {
		planted[tokensKey] = token
		for _, secret := range []string{quoted(map[string]string{"password": canary, tokensKey: token}), `{"password":"` + canary, secrets} {
			q, err := readerOf().read(&pb.MountRequest{TargetPath: "/t", Attributes: quoted(planted), Secrets: secret})
			if err == nil {
				_, err = q.spec(nil, false)
			}
			if strings.Contains(textOf(err), canary) && !strings.Contains(attributes+secrets, canary) {
				t.Errorf("the error shows a secret: %v", err)
			}
		}
	}
}
