package csi

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// answered makes a response of data in JSON, as Vault's answers are decoded.
func answered(t *testing.T, data string) *secret.Response {
	t.Helper()
	var tree map[string]any
	decoder := json.NewDecoder(strings.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(&tree); err != nil {
		t.Fatal(err)
	}
	return &secret.Response{RequestID: "r-1", Data: sensitive.NewData(tree)}
}

// anObject reads one object of a class.
func anObject(t *testing.T, fields string) *object {
	t.Helper()
	all, err := readObjects("- {objectName: file, secretPath: secret/data/app, " + fields + "}")
	if err != nil {
		t.Fatal(err)
	}
	if problems := all[0].check(0); len(problems) > 0 {
		t.Fatal(problems)
	}
	return &all[0]
}

func TestContents(t *testing.T) {
	const v2 = `{"data":{"a":"text","n":1.50,"big":12345678901234567890,"t":true,"nil":null,"l":[1,"<x>"],"o":{"b":"c"}},"metadata":{"version":3}}`
	cases := map[string]struct {
		fields, data string
		want         map[string]string
		reason       string
	}{
		"text":               {"secretKey: a", v2, map[string]string{"file": "text"}, ""},
		"number as written":  {"secretKey: n", v2, map[string]string{"file": "1.50"}, ""},
		"large number":       {"secretKey: big", v2, map[string]string{"file": "12345678901234567890"}, ""},
		"bool":               {"secretKey: t", v2, map[string]string{"file": "true"}, ""},
		"null":               {"secretKey: nil", v2, map[string]string{"file": "null"}, ""},
		"list":               {"secretKey: l", v2, map[string]string{"file": `[1,"\u003cx\u003e"]`}, "with the escapes of the old provider"},
		"object":             {"secretKey: o", v2, map[string]string{"file": `{"b":"c"}`}, ""},
		"KV version 1":       {"secretKey: a", `{"a":"b"}`, map[string]string{"file": "b"}, ""},
		"data of version 1":  {"secretKey: data", `{"data":"x","a":"b"}`, map[string]string{"file": "x"}, "data that is no object hides nothing"},
		"base64":             {"secretKey: a, encoding: BASE64", `{"a":"aGVsbG8="}`, map[string]string{"file": "hello"}, ""},
		"hex":                {"secretKey: a, encoding: hex", `{"a":"00ff"}`, map[string]string{"file": "\x00\xff"}, ""},
		"utf-8":              {"secretKey: a, encoding: utf-8", `{"a":"x"}`, map[string]string{"file": "x"}, ""},
		"pointer":            {"secretKey: o, jsonPath: /b", v2, map[string]string{"file": "c"}, ""},
		"pointer from above": {"jsonPath: /l/1", v2, map[string]string{"file": "<x>"}, ""},
		"dots":               {"jsonPath: o.b", v2, map[string]string{"file": "c"}, ""},
		"JSON inside a text": {"secretKey: a, jsonPath: x.0.y", `{"a":"{\"x\":[{\"y\":7.0}]}"}`, map[string]string{"file": "7.0"}, ""},
		"escaped pointer":    {"jsonPath: /a~1b/c~0d", `{"a/b":{"c~d":"e"}}`, map[string]string{"file": "e"}, ""},
		"all keys":           {`secretKey: "*"`, `{"data":{"a":"1","b":"2"},"metadata":{"version":1}}`, map[string]string{"file/a": "1", "file/b": "2"}, ""},
		"some keys":          {`secretKey: "*", keys: [b]`, `{"a":"1","b":"2"}`, map[string]string{"file/b": "2"}, ""},
		"json":               {"format: json", `{"data":{"a":"1"},"metadata":{"version":1}}`, map[string]string{"file": "{\"a\":\"1\"}\n"}, "the data alone"},
		"env":                {"format: env", `{"a":"1"}`, map[string]string{"file": "a='1'\n"}, ""},
		"raw":                {"format: raw, keys: [a]", `{"a":"1"}`, map[string]string{"file": "1"}, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			files, err := anObject(t, tc.fields).contents(answered(t, tc.data))
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for _, f := range files {
				got[f.path] = string(f.content)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s %s", tc.reason, diff)
			}
		})
	}
}

func TestContentsRefuse(t *testing.T) {
	cases := map[string]struct{ fields, data, want string }{
		"no key":        {"secretKey: x", `{"a":"` + canary + `"}`, `{secret/data/app}: {key "x" does not exist at the secret path}`},
		"no path":       {"jsonPath: a.b", `{"a":"` + canary + `"}`, `{secret/data/app}: {jsonPath "a.b" does not exist at the secret path}`},
		"beyond a list": {"jsonPath: /a/2", `{"a":[1,2]}`, `{secret/data/app}: {jsonPath "/a/2" does not exist at the secret path}`},
		"no base64":     {"secretKey: a, encoding: base64", `{"a":"` + canary + `"}`, "the value is no valid base64, as its encoding says"},
		"no hex":        {"secretKey: a, encoding: hex", `{"a":"` + canary + `"}`, "the value is no valid hex, as its encoding says"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := anObject(t, tc.fields).contents(answered(t, tc.data)); textOf(err) != tc.want {
				t.Errorf(" got %v\nwant %s", err, tc.want)
			}
		})
	}
}

func TestEntireResponse(t *testing.T) {
	r := answered(t, `{"data":{"a":1}}`)
	r.LeaseID, r.LeaseDuration, r.Renewable, r.MountType = "l-1", time.Hour, true, "kv"
	cases := map[string]struct {
		change func(*secret.Response)
		want   string
	}{
		"usual": {func(*secret.Response) {}, `{"request_id":"r-1","lease_id":"l-1","lease_duration":3600,"renewable":true,"data":{"data":{"a":1}},"warnings":null,"mount_type":"kv"}`},
		"nothing but a warning": {func(r *secret.Response) {
			*r = secret.Response{RequestID: "r-2", Warnings: []string{"w"}}
		}, `{"request_id":"r-2","lease_id":"","lease_duration":0,"renewable":false,"data":null,"warnings":["w"]}`},
		"a token": {
			func(r *secret.Response) {
				*r = secret.Response{RequestID: "r-3", Auth: &auth.Token{Value: sensitive.New("t"), Accessor: "acc", TTL: time.Minute, Policies: []string{"p"}, Renewable: true}}
			},
			`{"request_id":"r-3","lease_id":"","lease_duration":0,"renewable":false,"data":null,"warnings":null,"auth":{"client_token":"t","accessor":"acc","policies":["p"],"metadata":null,"lease_duration":60,"renewable":true}}`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := *r
			tc.change(&r)
			files, err := anObject(t, "filePermission: 0600").contents(&r)
			if err != nil || string(files[0].content) != tc.want {
				t.Errorf("%v\n got %s\nwant %s", err, files[0].content, tc.want)
			}
			if strings.Contains(string(files[0].versioned), r.RequestID) {
				t.Error("the version depends on the request id")
			}
		})
	}
}

// TestVersionIsTheOldOne compares with a hash that was computed apart from this
// program: HMAC-SHA256 over the object as JSON, with its content behind it.
func TestVersionIsTheOldOne(t *testing.T) {
	key := sensitive.New("0123456789abcdef0123456789abcdef")
	cases := map[string]struct{ fields, content, want string }{
		"usual":     {"secretKey: password", "s3cr3t", "6jokd4cMblamZDwSZqWw_ZUZEjl28imZ7lpC43OJDP4="},
		"arguments": {"secretKey: password, method: PUT, secretArgs: {ttl: 5m, n: 3, list: [a, <]}, filePermission: 0600, encoding: hex", "s3cr3t", "fmTzf5TqyrXOZrJZeoaCD5isVh6nfbYGoKRVVgagYc4="},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := versionOf(key, anObject(t, tc.fields), []byte(tc.content))
			if err != nil || got != tc.want {
				t.Errorf("%v\n got %s\nwant %s", err, got, tc.want)
			}
		})
	}
	if v, err := versionOf(sensitive.String{}, anObject(t, "secretKey: a"), []byte("x")); v != "" || err != nil {
		t.Errorf("without a key: %q, %v", v, err)
	}
	if v, _ := versionOf(key, anObject(t, "secretKey: a, format: ''"), nil); v == "" {
		t.Error("no version of an empty file")
	}
}

func TestNewFieldsAreInTheVersion(t *testing.T) {
	key := sensitive.New("k")
	plain, _ := versionOf(key, anObject(t, "secretKey: a"), []byte("x"))
	for _, fields := range []string{"secretKey: a, jsonPath: b", "secretKey: a, namespace: n", "secretKey: a, roleName: r"} {
		if v, _ := versionOf(key, anObject(t, fields), []byte("x")); v == plain {
			t.Errorf("%s has the version of an object without", fields)
		}
	}
	for _, fields := range []string{"secretKey: a, refreshInterval: 5m", "secretKey: a, shared: true"} {
		if v, _ := versionOf(key, anObject(t, fields), []byte("x")); v != plain {
			t.Errorf("%s changes the version, and not what is in the file", fields)
		}
	}
}

func TestTemplatesOfAClass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.PutKV("secret", "where", map[string]any{"path": "secret/data/orders/production"})
		p := aPod("orders-sa", 1)
		templates := map[string]string{"roleName": "orders", "templates": `
- objectName: config.ini
  filePermission: 0600
  template: |
    {{ with secret "secret/data/where" }}{{ with secret .Data.data.path }}password={{ .Data.data.db_pass }}{{ end }}{{ end }}
`}
		m := w.call(p, templates)
		response, err := w.provider.Mount(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]string{"config.ini": "password=" + canary + "-db\n"}, filesOf(response)); diff != "" {
			t.Error(diff)
		}
		if got := response.GetFiles()[0].GetMode(); got != 0o600 {
			t.Errorf("mode %o", got)
		}
		w.vault.PutKV("secret", "orders/production", map[string]any{"db_pass": "new"})
		pass(61 * time.Second)
		if got := w.send(m)["config.ini"]; got != "password=new\n" {
			t.Errorf("after a change %q", got)
		}
	})
}

func TestTemplatesDoNotReachTheProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for _, text := range []string{`{{ file "/etc/passwd" }}`, `{{ env "HOME" }}`, `{{ loop 10 }}`, `{{ sprig_until 1000000000 }}`, `{{ writeToFile "/x" "" "" "0644" "x" }}`} {
			err := w.refuse(w.call(aPod("orders-sa", 1), map[string]string{"roleName": "orders", "templates": oneTemplate(text)}))
			if !strings.Contains(err.Error(), "disabled") {
				t.Errorf("%s: %v", text, err)
			}
		}
	})
}

func oneTemplate(text string) string {
	encoded, _ := json.Marshal([]map[string]string{{"objectName": "t", "template": text}})
	return string(encoded)
}

func TestWrappedAnswersAreForOnePod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		objects := "- {objectName: t, secretPath: secret/data/orders/production, wrapTTL: 30m, secretKey: token}"
		a := w.mount(aPod("orders-sa", 1), class("orders", objects))["t"]
		b := w.mount(aPod("orders-sa", 2), class("orders", objects))["t"]
		if a == b || a == "" {
			t.Errorf("two pods got the tokens %q and %q", a, b)
		}
	})
}

func TestOwnCredentialsForEachPod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.database()
		user := func(number int, change map[string]string, fields string) string {
			parameters := class("orders", "- {objectName: u, secretPath: database/creds/app, secretKey: username"+fields+"}")
			for name, value := range change {
				parameters[name] = value
			}
			return w.mount(aPod("orders-sa", number), parameters)["u"]
		}
		all := []string{user(1, nil, ""), user(2, nil, ""), user(3, nil, ", shared: false"), user(4, nil, ", shared: false"), user(5, map[string]string{"share": "pod"}, "")}
		if all[0] != all[1] {
			t.Error("two pods of a service-account do not share")
		}
		slices.Sort(all)
		if n := len(slices.Compact(all)); n != 4 {
			t.Errorf("%d users, want 4", n)
		}
	})
}

func TestKeystoresAreStable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.pki()
		m := w.call(aPod("orders-sa", 1), class("orders", `
- {objectName: bundle.pem, secretPath: pki/issue/web, method: PUT, secretArgs: {common_name: a}, format: pem}
- {objectName: tls, secretPath: pki/issue/web, method: PUT, secretArgs: {common_name: a}, format: tls}
- {objectName: key.b64, secretPath: secret/data/orders/production, secretKey: db_pass}
`))
		first := w.send(m)
		pem := first["bundle.pem"]
		if !strings.Contains(pem, "PRIVATE KEY") || !strings.Contains(pem, strings.TrimSpace(first["tls/tls.crt"])) || !strings.Contains(pem, strings.TrimSpace(first["tls/tls.key"])) {
			t.Errorf("certificate and key of two files are not of one answer: %v", first)
		}
		if diff := cmp.Diff(first, w.send(m)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestTooLargeASet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.PutKV("secret", "large", map[string]any{"x": base64.StdEncoding.EncodeToString(make([]byte, 3<<20+100))})
		err := w.refuse(w.call(aPod("orders-sa", 1), class("orders", "- {objectName: l, secretPath: secret/data/large, secretKey: x}")))
		if codeName(err) != "FailedPrecondition" || !strings.Contains(err.Error(), "bytes, more than the 4128768 that the driver takes") {
			t.Error(err)
		}
	})
}

func TestTwoFilesOfOneName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		err := w.refuse(w.call(aPod("orders-sa", 1), class("orders", `
- {objectName: d, secretPath: secret/data/orders/production, secretKey: "*"}
- {objectName: d/db_pass, secretPath: secret/data/orders/production, secretKey: db_pass}
`)))
		if !strings.Contains(err.Error(), `two objects write the same file: ["d/db_pass"]`) {
			t.Error(err)
		}
	})
}
