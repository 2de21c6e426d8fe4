package fakecloud

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestSignatureOfAWS computes a signature that AWS itself has published: the case
// get-vanilla of its test suite for Signature Version 4.
func TestSignatureOfAWS(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "http://example.amazonaws.com/", http.NoBody)
	r.Header.Set("X-Amz-Date", "20150830T123600Z")
	a, ok := parseAuthorization("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, " +
		"SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31")
	if !ok {
		t.Fatal("the header cannot be read")
	}
	if got := a.sign("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", r, nil); got != a.signature {
		t.Errorf("signature = %s, want %s", got, a.signature)
	}
}

// signed makes a request for GetCallerIdentity with a valid signature.
func signed(k Key, host, region string, at time.Time) *http.Request {
	const body = "Action=GetCallerIdentity&Version=2011-06-15"
	r := httptest.NewRequest(http.MethodPost, "http://"+host+"/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Amz-Date", at.UTC().Format(timeFormat))
	a := authorization{key: k.ID, date: at.UTC().Format("20060102"), region: region, service: "sts", signed: []string{"host", "x-amz-date"}}
	if k.Session != "" {
		r.Header.Set("X-Amz-Security-Token", k.Session)
		a.signed = []string{"host", "x-amz-date", "x-amz-security-token"}
	}
	r.Header.Set("Authorization", algorithm+" Credential="+k.ID+"/"+a.date+"/"+region+"/sts/aws4_request, SignedHeaders="+
		strings.Join(a.signed, ";")+", Signature="+a.sign(k.Secret, r, []byte(body)))
	return r
}

func TestSTSVerifies(t *testing.T) {
	key := Key{ID: "AKID", Secret: "s", ARN: "arn:aws:iam::1:user/u"}
	temporary := Key{ID: "ASIA", Secret: "s", Session: "t", ARN: "arn:aws:iam::1:user/v", Expires: time.Now().Add(time.Hour)}
	old := Key{ID: "ASIAOLD", Secret: "s", ARN: "arn", Expires: time.Now().Add(-time.Hour)}
	const global = "sts.amazonaws.com"
	cases := map[string]struct {
		request func() *http.Request
		want    string
	}{
		"a user":       {request: func() *http.Request { return signed(key, global, "us-east-1", time.Now()) }, want: "<Arn>arn:aws:iam::1:user/u</Arn>"},
		"a session":    {request: func() *http.Request { return signed(temporary, global, "us-east-1", time.Now()) }, want: "<Arn>arn:aws:iam::1:user/v</Arn>"},
		"a region":     {request: func() *http.Request { return signed(key, "sts.eu-west-1.amazonaws.com", "eu-west-1", time.Now()) }, want: "user/u</Arn>"},
		"nearly late":  {request: func() *http.Request { return signed(key, global, "us-east-1", time.Now().Add(-4*time.Minute)) }, want: "user/u</Arn>"},
		"late":         {request: func() *http.Request { return signed(key, global, "us-east-1", time.Now().Add(-6*time.Minute)) }, want: "Signature expired"},
		"early":        {request: func() *http.Request { return signed(key, global, "us-east-1", time.Now().Add(6*time.Minute)) }, want: "Signature expired"},
		"other region": {request: func() *http.Request { return signed(key, "sts.eu-west-1.amazonaws.com", "us-east-1", time.Now()) }, want: "valid region: eu-west-1"},
		"expired":      {request: func() *http.Request { return signed(old, global, "us-east-1", time.Now()) }, want: "ExpiredToken"},
		"unknown":      {request: func() *http.Request { return signed(Key{ID: "X", Secret: "s"}, global, "us-east-1", time.Now()) }, want: "InvalidClientTokenId"},
		"wrong secret": {
			request: func() *http.Request {
				return signed(Key{ID: "AKID", Secret: "other"}, global, "us-east-1", time.Now())
			},
			want: "SignatureDoesNotMatch",
		},
		"without its session": {
			request: func() *http.Request {
				k := temporary
				k.Session = ""
				return signed(k, global, "us-east-1", time.Now())
			},
			want: "InvalidClientTokenId",
		},
		"a header that is not signed": {
			request: func() *http.Request {
				r := signed(key, global, "us-east-1", time.Now())
				r.Header.Set("X-Amz-Target", "x")
				return r
			},
			want: "the header x-amz-target must be signed",
		},
		"changed on its way": {
			request: func() *http.Request {
				r := signed(key, global, "us-east-1", time.Now())
				r.Host = "sts.example"
				return r
			},
			want: "SignatureDoesNotMatch",
		},
		"not signed": {
			request: func() *http.Request {
				r := signed(key, global, "us-east-1", time.Now())
				r.Header.Del("Authorization")
				return r
			},
			want: "MissingAuthenticationToken",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cloud := NewAWS()
			for _, k := range []Key{key, temporary, old} {
				cloud.AddKey(k)
			}
			if got := ask(cloud, tc.request()); !strings.Contains(got, tc.want) {
				t.Errorf("answer = %s, want %q in it", got, tc.want)
			}
		})
	}
}

// ask returns the body of an answer.
func ask(cloud http.Handler, r *http.Request) string {
	w := httptest.NewRecorder()
	cloud.ServeHTTP(w, r)
	return w.Body.String()
}

// status returns the status of an answer to a request with headers.
func status(cloud http.Handler, method, target string, headers ...string) int {
	r := httptest.NewRequest(method, target, http.NoBody)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	cloud.ServeHTTP(w, r)
	return w.Code
}

func TestInstanceMetadataNeedsAToken(t *testing.T) {
	const (
		tokens = "/latest/api/token"
		roles  = "/latest/meta-data/iam/security-credentials/"
		ttl    = "X-aws-ec2-metadata-token-ttl-seconds"
		token  = "X-aws-ec2-metadata-token"
	)
	cloud := NewAWS()
	cloud.SetInstanceRole(Key{ID: "ASIA", Secret: "s", ARN: "arn:aws:sts::1:assumed-role/x/node"})
	steps := []struct {
		reason, method, path string
		headers              []string
		want                 int
	}{
		{"no token", http.MethodGet, roles, nil, http.StatusUnauthorized},
		{"made up", http.MethodGet, roles, []string{token, "metadata-token-1"}, http.StatusUnauthorized},
		{"no lifetime", http.MethodPut, tokens, nil, http.StatusBadRequest},
		{"too long a lifetime", http.MethodPut, tokens, []string{ttl, "21601"}, http.StatusBadRequest},
		{"the wrong verb", http.MethodGet, tokens, []string{ttl, "60"}, http.StatusMethodNotAllowed},
		{"relayed", http.MethodPut, tokens, []string{ttl, "60", "X-Forwarded-For", "10.0.0.1"}, http.StatusForbidden},
		{"good", http.MethodPut, tokens, []string{ttl, "60"}, http.StatusOK},
		{"with it", http.MethodGet, roles, []string{token, "metadata-token-1"}, http.StatusOK},
		{"the role", http.MethodGet, roles + "node", []string{token, "metadata-token-1"}, http.StatusOK},
		{"another role", http.MethodGet, roles + "x", []string{token, "metadata-token-1"}, http.StatusNotFound},
	}
	for _, step := range steps {
		if got := status(cloud, step.method, step.path, step.headers...); got != step.want {
			t.Errorf("%s: HTTP %d, want %d", step.reason, got, step.want)
		}
	}
}

func TestJournal(t *testing.T) {
	cloud := NewAWS()
	cloud.Fail("/v1/", http.StatusTeapot, "broken")
	if got := status(cloud, http.MethodGet, "/v1/credentials"); got != http.StatusTeapot {
		t.Errorf("HTTP %d, want the fault", got)
	}
	cloud.Heal()
	if got := status(cloud, http.MethodGet, "/v1/credentials"); got != http.StatusForbidden {
		t.Errorf("HTTP %d, want an answer of its own", got)
	}
	want := []string{"GET /v1/credentials", "GET /v1/credentials"}
	if diff := cmp.Diff(want, cloud.Calls()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	cloud.Reset()
	if got := cloud.Calls(); len(got) != 0 {
		t.Errorf("calls after a reset: %v", got)
	}
}

func FuzzParseAuthorization(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=A/20150830/r/s/aws4_request, SignedHeaders=host, Signature=0")
	f.Add("AWS4-HMAC-SHA256 Credential=A/b, Signature=")
	f.Fuzz(func(t *testing.T, text string) {
		if a, ok := parseAuthorization(text); ok && (a.key == "" || a.signature == "" || len(a.signed) == 0) {
			t.Errorf("accepted without its parts: %+v", a)
		}
	})
}
