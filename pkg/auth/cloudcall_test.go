package auth

import (
	"bytes"
	"context"
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// answering is a service that always says the same.
func answering(status int, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status == http.StatusFound {
			w.Header().Set("Location", "http://"+r.Host+"/elsewhere")
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})
}

func TestCloudCallErrors(t *testing.T) {
	cases := map[string]struct {
		status     int
		body, want string
	}{
		"OAuth":           {status: 400, body: `{"error":"invalid_client","error_description":"no\r\nsuch  client"}`, want: "HTTP 400: invalid_client: no such client"},
		"OAuth, short":    {status: 400, body: `{"error":"invalid_grant"}`, want: "HTTP 400: invalid_grant"},
		"Google":          {status: 403, body: `{"error":{"code":403,"message":"denied"}}`, want: "HTTP 403: denied"},
		"AWS":             {status: 403, body: `<ErrorResponse><Error><Code>AccessDenied</Code><Message>not you</Message></Error></ErrorResponse>`, want: "HTTP 403: AccessDenied: not you"},
		"a plain message": {status: 500, body: `{"message":"broken"}`, want: "HTTP 500: broken"},
		"throttled":       {status: 429, body: `slow down`, want: "HTTP 429"},
		"a page":          {status: 502, body: `<html>` + canary + `</html>`, want: "HTTP 502"},
		"nothing":         {status: 503, want: "HTTP 503"},
		"redirect":        {status: 302, want: "HTTP 302"},
		"the proof again": {status: 401, body: `{"error":"invalid_client","error_description":"got ` + canary + `"}`, want: "HTTP 401: invalid_client: got [redacted]"},
		"not JSON":        {status: 200, body: canary, want: "the answer is not the expected JSON"},
		"a long story":    {status: 400, body: `{"message":"` + strings.Repeat("é", 200) + `"}`, want: "HTTP 400: " + strings.Repeat("é", 150) + "..."},
		"cut in a letter": {status: 400, body: `{"message":"x` + strings.Repeat("é", 200) + `"}`, want: "HTTP 400: x" + strings.Repeat("é", 149) + "..."},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			server := serve(t, answering(tc.status, tc.body))
			call := form(server.URL+"/token", url.Values{"proof": {canary}}, sensitive.New(canary), sensitive.New(""))
			call.query = url.Values{"q": {canary}}
			err := call.json(t.Context(), cloudClient(), &struct{}{})
			wantErrorAt(t, err, server.URL, "POST SERVER/token: "+tc.want)
		})
	}
}

func TestCloudCallUnreachable(t *testing.T) {
	address := closed(t)
	err := form(address+"/token", url.Values{}).json(t.Context(), cloudClient(), nil)
	wantErrorAt(t, err, address, "POST SERVER/token: dial tcp ADDRESS: connect: connection refused")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = form(address+"/token", url.Values{}).json(ctx, cloudClient(), nil)
	wantErrorAt(t, err, address, "POST SERVER/token: context canceled")

	err = cloudCall{method: "GET", url: "http://a b/", query: url.Values{"q": {canary}}}.json(t.Context(), cloudClient(), nil)
	wantErrorAt(t, err, "-", `GET (an address that is no URL): invalid character " " in host name`)
}

// TestCloudCallGoesStraight: a proxy would show what a machine's metadata service
// says to somebody else.
func TestCloudCallGoesStraight(t *testing.T) {
	if metadataClient().Transport.(*http.Transport).Proxy != nil {
		t.Error("the client for metadata services asks a proxy")
	}
	if cloudClient().Transport.(*http.Transport).Proxy == nil {
		t.Error("the client for public endpoints asks no proxy")
	}
}

func TestXMLText(t *testing.T) {
	cases := map[string]struct{ content, want string }{
		"text":       {content: "<?xml version='1.0'?><A xmlns='x'><Key>a+/=</Key></A>", want: "a+/="},
		"the first":  {content: "<A><Key>1</Key><Key>2</Key></A>", want: "1"},
		"escaped":    {content: "<Key>&lt;a&gt; &amp;amp; &quot;b&#34; &apos;c&#39;</Key>", want: `<a> &amp; "b" 'c'`},
		"longer":     {content: "<KeyId>1</KeyId>"},
		"elements":   {content: "<Key><A>1</A></Key>"},
		"not closed": {content: "<Key>1"},
		"empty":      {content: "<Key></Key>"},
		"nothing":    {},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := xmlText([]byte(tc.content), "Key"); got != tc.want {
				t.Errorf("xmlText() = %q, want %q", got, tc.want)
			}
		})
	}
}

// FuzzXMLText writes texts with the standard library and reads them here.
func FuzzXMLText(f *testing.F) {
	f.Add("a+/=")
	f.Add(`<a href="x">&amp;</a>'`)
	f.Fuzz(func(t *testing.T, text string) {
		var b bytes.Buffer
		if err := xml.EscapeText(&b, []byte(text)); err != nil {
			t.Fatal(err)
		}
		for _, odd := range []string{"\t", "\n", "\r", "\ufffd"} { // are written as numbers, or lost
			if strings.Contains(text, odd) {
				return
			}
		}
		if !utf8.ValidString(text) || strings.Contains(b.String(), "\ufffd") {
			return
		}
		if got := xmlText([]byte("<A><Key>"+b.String()+"</Key></A>"), "Key"); got != text {
			t.Errorf("xmlText() = %q, want %q", got, text)
		}
	})
}

func FuzzCloudReason(f *testing.F) {
	f.Add([]byte(`{"error":"a","error_description":"b ` + canary + `"}`))
	f.Add([]byte(`{"error":{"message":"m"}}`))
	f.Add([]byte(`<E><Error><Code>c</Code><Message>` + canary + `</Message></Error></E>`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, content []byte) {
		reason := cloudCall{secret: []sensitive.String{sensitive.New(canary)}}.reason(content)
		if strings.Contains(reason, canary) {
			t.Errorf("reason shows the secret: %q", reason)
		}
		if strings.ContainsAny(reason, "\r\n") || !utf8.ValidString(reason) || len(reason) > reasonLimit+3 {
			t.Errorf("reason is no line for a log: %q", reason)
		}
	})
}
