package trace

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// variables answers look-ups from a list of name=value.
func variables(list ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for _, v := range list {
			if value, ok := strings.CutPrefix(v, name+"="); ok {
				return value, true
			}
		}
		return "", false
	}
}

func start(t *testing.T, list ...string) (*Tracer, func(context.Context) error) {
	t.Helper()
	tracer, end, err := Start(Options{Lookup: variables(list...), Service: "vaultk8s-agent", Version: "v1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	return tracer, end
}

// work makes a few spans: an outer one with a failed and a good one in it.
func work(tracer *Tracer) {
	ctx, end := tracer.Span(context.Background(), "deliver", String("destination", "/vault/secrets/app"), Int("secrets", -2), Bool("changed", true))
	_, endInner := tracer.Span(ctx, "render")
	endInner(errors.New("map has no entry for key \"x\""))
	endInner(nil) // without effect
	_, endInner = tracer.Span(ctx, "write", Int("bytes", 0), Bool("synced", false), String("empty", ""))
	endInner(nil)
	end(nil)
}

const workTree = `deliver INTERNAL [destination=/vault/secrets/app secrets=-2 changed=true]
  render INTERNAL [] STATUS_CODE_ERROR "map has no entry for key \"x\""
  write INTERNAL [bytes=0 synced=false empty=]
`

// authority writes the certificate of a test server to a file.
func authority(t *testing.T, certificate *x509.Certificate) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestSpansReachACollector(t *testing.T) {
	cases := map[string]struct {
		serve func(t *testing.T, c *collector) []string // variables
		path  string
	}{
		"http": {func(t *testing.T, c *collector) []string {
			return []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + c.serveHTTP(t)}
		}, "/v1/traces"},
		"http, below a path": {func(t *testing.T, c *collector) []string {
			return []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + c.serveHTTP(t) + "/otlp/", "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"}
		}, "/otlp/v1/traces"},
		"http, of traces": {func(t *testing.T, c *collector) []string {
			return []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=" + c.serveHTTP(t) + "/mine", "OTEL_EXPORTER_OTLP_ENDPOINT=http://unused.invalid"}
		}, "/mine"},
		"http, compressed": {func(t *testing.T, c *collector) []string {
			return []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + c.serveHTTP(t), "OTEL_EXPORTER_OTLP_COMPRESSION=gzip", "OTEL_TRACES_EXPORTER=otlp"}
		}, "/v1/traces"},
		"https": {func(t *testing.T, c *collector) []string {
			server := httptest.NewTLSServer(c)
			t.Cleanup(server.Close)
			return []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + server.URL, "OTEL_EXPORTER_OTLP_CERTIFICATE=" + authority(t, server.Certificate())}
		}, "/v1/traces"},
		"grpc": {func(t *testing.T, c *collector) []string {
			return []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + c.serveGRPC(t, nil), "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}
		}, grpcMethod},
		"grpc, without a scheme": {func(t *testing.T, c *collector) []string {
			return []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=" + c.serveGRPC(t, nil), "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_INSECURE=true"}
		}, grpcMethod},
		"grpc, compressed": {func(t *testing.T, c *collector) []string {
			return []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + c.serveGRPC(t, nil), "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION=gzip"}
		}, grpcMethod},
		"grpc over TLS": {func(t *testing.T, c *collector) []string {
			pair := httptest.NewUnstartedServer(nil)
			pair.StartTLS() // for its certificate
			defer pair.Close()
			address := c.serveGRPC(t, &tls.Config{Certificates: pair.TLS.Certificates, NextProtos: []string{"h2"}})
			return []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + address, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_CERTIFICATE=" + authority(t, pair.Certificate())}
		}, grpcMethod},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var c collector
			list := append(tc.serve(t, &c), "OTEL_EXPORTER_OTLP_HEADERS=api-key=a%2Cb, x-tenant = t ")
			tracer, end := start(t, list...)
			work(tracer)
			if err := end(t.Context()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(workTree, c.tree(t)); diff != "" {
				t.Errorf("spans (-want +got):\n%s", diff)
			}
			if len(c.paths) != 1 || c.paths[0] != tc.path {
				t.Errorf("requests at %v, want one at %s", c.paths, tc.path)
			}
			header := func(name string) string {
				return c.headers[0].Get(name) + strings.Join(c.headers[0][name], "")
			}
			if got := header("api-key") + " " + header("x-tenant"); got != "a,b t" {
				t.Errorf("headers %q", got)
			}
		})
	}
}

func TestResource(t *testing.T) {
	cases := map[string]struct {
		variables []string
		want      []string
	}{
		"nothing said": {nil, []string{"service.name=vaultk8s-agent", "service.version=v1.2.3", "telemetry.sdk.name=vaultk8s", "telemetry.sdk.language=go", "telemetry.sdk.version=v1.2.3"}},
		"attributes": {
			[]string{"OTEL_RESOURCE_ATTRIBUTES=k8s.pod.name=app-0,service.version=7,,note=a%2Cb%3D%20c"},
			[]string{"k8s.pod.name=app-0", "service.version=7", "note=a,b= c", "service.name=vaultk8s-agent", "telemetry.sdk.name=vaultk8s", "telemetry.sdk.language=go", "telemetry.sdk.version=v1.2.3"},
		},
		"name among the attributes": {
			[]string{"OTEL_RESOURCE_ATTRIBUTES=service.name=x"},
			[]string{"service.name=x", "service.version=v1.2.3", "telemetry.sdk.name=vaultk8s", "telemetry.sdk.language=go", "telemetry.sdk.version=v1.2.3"},
		},
		"name of its own": {
			[]string{"OTEL_RESOURCE_ATTRIBUTES=service.name=x", "OTEL_SERVICE_NAME=y"},
			[]string{"service.name=y", "service.version=v1.2.3", "telemetry.sdk.name=vaultk8s", "telemetry.sdk.language=go", "telemetry.sdk.version=v1.2.3"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var c collector
			tracer, end := start(t, append(tc.variables, "OTEL_EXPORTER_OTLP_ENDPOINT="+c.serveHTTP(t))...)
			work(tracer)
			if err := end(t.Context()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, texts(c.got[0].GetResource().GetAttributes())); diff != "" {
				t.Errorf("resource (-want +got):\n%s", diff)
			}
			scope := c.got[0].GetScopeSpans()[0].GetScope()
			if scope.GetName() != "github.com/vaultk8s/vaultk8s" || scope.GetVersion() != "v1.2.3" {
				t.Errorf("scope %v", scope)
			}
		})
	}
}

func TestOffUnlessAskedFor(t *testing.T) {
	const endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318"
	cases := map[string]struct {
		variables []string
		on        bool
	}{
		"nothing":             {nil, false},
		"empty endpoint":      {[]string{"OTEL_EXPORTER_OTLP_ENDPOINT=", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT= "}, false},
		"other signal":        {[]string{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://127.0.0.1:4318"}, false},
		"exporter none":       {[]string{endpoint, "OTEL_TRACES_EXPORTER=none"}, false},
		"SDK off":             {[]string{endpoint, "OTEL_SDK_DISABLED=True"}, false},
		"off, and wrong":      {[]string{endpoint, "OTEL_SDK_DISABLED=true", "OTEL_TRACES_SAMPLER=x"}, false},
		"SDK not off":         {[]string{endpoint, "OTEL_SDK_DISABLED=false"}, true},
		"endpoint":            {[]string{endpoint}, true},
		"endpoint of traces":  {[]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://127.0.0.1:4318"}, true},
		"exporter":            {[]string{"OTEL_TRACES_EXPORTER=otlp"}, true},
		"exporter over gRPC":  {[]string{"OTEL_TRACES_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}, true},
		"everything that is,": {[]string{endpoint, "OTEL_EXPORTER_OTLP_TIMEOUT=500", "OTEL_TRACES_SAMPLER=traceidratio"}, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tracer, end := start(t, tc.variables...)
			if (tracer != nil) != tc.on {
				t.Errorf("tracer %v, want on = %t", tracer, tc.on)
			}
			if err := end(t.Context()); err != nil {
				t.Error(err)
			}
			if err := end(t.Context()); err != nil {
				t.Errorf("second end: %v", err)
			}
		})
	}
}

func TestNoTracerCostsNothing(t *testing.T) {
	var tracer *Tracer
	ctx, next := t.Context(), http.RoundTripper(&http.Transport{})
	path := strings.Repeat("x", 3)
	allocations := testing.AllocsPerRun(100, func() {
		inner, end := tracer.Span(ctx, "read", String("path", path), Int("n", len(path)))
		if inner != ctx || tracer.Transport(next) != next || tracer.Continue(ctx, path) != ctx {
			t.Error("a nil tracer did something")
		}
		end(nil)
	})
	if allocations != 0 {
		t.Errorf("%v allocations", allocations)
	}
}

func TestWrongVariables(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		variables []string
		want      string
	}{
		"exporter":       {[]string{"OTEL_TRACES_EXPORTER=zipkin"}, `OTEL_TRACES_EXPORTER: "zipkin" is none of otlp, none`},
		"protocol":       {[]string{"OTEL_EXPORTER_OTLP_PROTOCOL=http/json"}, `OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" is none of http/protobuf, grpc`},
		"no scheme":      {[]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=collector:4318"}, `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: want a URL that begins with http:// or https://`},
		"a password":     {[]string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://u:canary@%zz"}, `OTEL_EXPORTER_OTLP_ENDPOINT: want a URL that begins with http:// or https://`},
		"other scheme":   {[]string{"OTEL_EXPORTER_OTLP_ENDPOINT=unix:///run/x", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}, `OTEL_EXPORTER_OTLP_ENDPOINT: want a URL that begins with http:// or https://`},
		"headers":        {[]string{"OTEL_EXPORTER_OTLP_HEADERS=a=b,canary"}, `OTEL_EXPORTER_OTLP_HEADERS: entry 2 is not of the form name=value`},
		"nameless":       {[]string{"OTEL_EXPORTER_OTLP_HEADERS= =canary"}, `OTEL_EXPORTER_OTLP_HEADERS: entry 1 is not of the form name=value`},
		"header escape":  {[]string{"OTEL_EXPORTER_OTLP_HEADERS=a=canary%z"}, `OTEL_EXPORTER_OTLP_HEADERS: the value of entry 1 has a wrong %-escape`},
		"timeout":        {[]string{"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT=10s"}, `OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: "10s" is not a number of milliseconds`},
		"no time":        {[]string{"OTEL_EXPORTER_OTLP_TIMEOUT=0"}, `OTEL_EXPORTER_OTLP_TIMEOUT: "0" is not a number of milliseconds`},
		"compression":    {[]string{"OTEL_EXPORTER_OTLP_COMPRESSION=zstd"}, `OTEL_EXPORTER_OTLP_COMPRESSION: "zstd" is none of gzip, none`},
		"no file":        {[]string{"OTEL_EXPORTER_OTLP_CERTIFICATE=/none.pem"}, `OTEL_EXPORTER_OTLP_CERTIFICATE: open /none.pem: no such file or directory`},
		"no certificate": {[]string{"OTEL_EXPORTER_OTLP_CERTIFICATE=" + empty}, `OTEL_EXPORTER_OTLP_CERTIFICATE: "` + empty + `" holds no certificate in PEM form`},
		"no key":         {[]string{"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=/none.pem"}, `OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and its key: open /none.pem: no such file or directory`},
		"sampler":        {[]string{"OTEL_TRACES_SAMPLER=jaeger_remote"}, `OTEL_TRACES_SAMPLER: "jaeger_remote" is none of always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off, parentbased_traceidratio`},
		"share":          {[]string{"OTEL_TRACES_SAMPLER=traceidratio", "OTEL_TRACES_SAMPLER_ARG=1.5"}, `OTEL_TRACES_SAMPLER_ARG: "1.5" is not a number from 0 to 1`},
		"no number":      {[]string{"OTEL_TRACES_SAMPLER=traceidratio", "OTEL_TRACES_SAMPLER_ARG=NaN"}, `OTEL_TRACES_SAMPLER_ARG: "NaN" is not a number from 0 to 1`},
		"attributes":     {[]string{"OTEL_RESOURCE_ATTRIBUTES=x"}, `OTEL_RESOURCE_ATTRIBUTES: entry 1 is not of the form name=value`},
		"several": {
			[]string{"OTEL_EXPORTER_OTLP_PROTOCOL=x", "OTEL_EXPORTER_OTLP_TIMEOUT=x", "OTEL_TRACES_SAMPLER=x"},
			"OTEL_EXPORTER_OTLP_PROTOCOL: \"x\" is none of http/protobuf, grpc\nOTEL_EXPORTER_OTLP_TIMEOUT: \"x\" is not a number of milliseconds\n" +
				`OTEL_TRACES_SAMPLER: "x" is none of always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off, parentbased_traceidratio`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			list := slices.Concat(tc.variables, []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318"})
			tracer, end, err := Start(Options{Lookup: variables(list...)})
			if tracer != nil || err == nil || err.Error() != tc.want {
				t.Errorf("error %v\nwant  %s", err, tc.want)
			}
			if err := end(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestCollectorThatRefuses(t *testing.T) {
	cases := map[string]struct {
		serve func(t *testing.T) []string
		want  string
	}{
		"http": {func(t *testing.T) []string {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
			t.Cleanup(server.Close)
			return []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + server.URL}
		}, "send traces: the collector answered 403 Forbidden"},
		"redirect": {func(t *testing.T) []string {
			server := httptest.NewServer(http.RedirectHandler("http://elsewhere.invalid/", http.StatusTemporaryRedirect))
			t.Cleanup(server.Close)
			return []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + server.URL}
		}, "send traces: the collector answered 307 Temporary Redirect"},
		"grpc": {func(t *testing.T) []string {
			c := &collector{refuse: status.Error(codes.PermissionDenied, "no; 100 % no")}
			return []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + c.serveGRPC(t, nil), "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}
		}, "send traces: the collector answered with code 7 of gRPC: no; 100 % no"},
		"grpc, later": {func(t *testing.T) []string {
			c := &collector{refuse: status.Error(codes.Unavailable, "later")}
			return []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + c.serveGRPC(t, nil), "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}
		}, "send traces: the collector answered with code 14 of gRPC: later"},
		"no gRPC": {func(t *testing.T) []string {
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			server.EnableHTTP2 = true
			server.StartTLS()
			t.Cleanup(server.Close)
			return []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + server.URL, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_CERTIFICATE=" + authority(t, server.Certificate())}
		}, "send traces: the collector does not speak gRPC at this address"},
		"nobody there": {func(*testing.T) []string {
			return []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://user:canary@127.0.0.1:1"}
		}, "send traces: dial tcp 127.0.0.1:1: connect: connection refused"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var told []string
			tracer, end, err := Start(Options{Lookup: variables(tc.serve(t)...), Failed: func(err error) { told = append(told, err.Error()) }})
			if err != nil {
				t.Fatal(err)
			}
			work(tracer)
			err = end(t.Context())
			if want := fmt.Sprintf("3 spans were not sent; the newest error: %s", strings.TrimPrefix(tc.want, "send traces: ")); err == nil || err.Error() != want {
				t.Errorf("end: %v\nwant %s", err, want)
			}
			if diff := cmp.Diff([]string{tc.want}, told); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
		})
	}
}
