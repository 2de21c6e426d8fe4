package trace

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/encoding/gzip" // the server takes what is compressed
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// collector is a stand-in for an OpenTelemetry collector. It reads with the
// types that the OpenTelemetry project generates: a request of the trace service
// has the same fields as their TracesData.
type collector struct {
	mu      sync.Mutex
	got     []*otlp.ResourceSpans
	headers []http.Header
	paths   []string
	refuse  error // of gRPC
}

func (c *collector) take(path string, h http.Header, data *otlp.TracesData) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got, c.headers, c.paths = append(c.got, data.GetResourceSpans()...), append(c.headers, h), append(c.paths, path)
}

// ServeHTTP takes requests of OTLP over HTTP.
func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		plain, err := gzip.NewReader(body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = plain
	}
	content, err := io.ReadAll(body)
	var data otlp.TracesData
	if err == nil {
		err = proto.Unmarshal(content, &data)
	}
	if err != nil || r.Header.Get("Content-Type") != "application/x-protobuf" {
		http.Error(w, fmt.Sprint(err), http.StatusBadRequest)
		return
	}
	c.take(r.URL.Path, r.Header, &data)
}

// traceServer has no methods: the handler of the description does the work.
type traceServer any

// serveGRPC serves with the gRPC library, over TLS where there is a certificate.
func (c *collector) serveGRPC(t *testing.T, secure *tls.Config) (address string) {
	t.Helper()
	var options []grpc.ServerOption
	if secure != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(secure)))
	}
	server := grpc.NewServer(options...)
	export := func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		var data otlp.TracesData
		if err := decode(&data); err != nil {
			return nil, status.Error(codes.InvalidArgument, err.Error())
		}
		if c.refuse != nil {
			return nil, c.refuse
		}
		fields, _ := metadata.FromIncomingContext(ctx)
		method, _ := grpc.Method(ctx)
		c.take(method, http.Header(fields), &data)
		return &otlp.TracesData{}, nil
	}
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "opentelemetry.proto.collector.trace.v1.TraceService", HandlerType: (*traceServer)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "Export", Handler: export}},
	}, nil)
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// serveHTTP serves without encryption.
func (c *collector) serveHTTP(t *testing.T) (url string) {
	t.Helper()
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	return server.URL
}

// tree describes spans as indented lines: name, kind, attributes, status; and
// fails for ids and times that do not fit.
func (c *collector) tree(t *testing.T) string {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	children := map[string][]*otlp.Span{}
	ids := map[string]bool{"": true}
	for _, of := range c.got {
		for _, scoped := range of.GetScopeSpans() {
			for _, s := range scoped.GetSpans() {
				children[string(s.GetParentSpanId())] = append(children[string(s.GetParentSpanId())], s)
				ids[string(s.GetSpanId())] = true
				if len(s.GetTraceId()) != 16 || len(s.GetSpanId()) != 8 || s.GetEndTimeUnixNano() < s.GetStartTimeUnixNano() || s.GetStartTimeUnixNano() == 0 {
					t.Errorf("span with wrong ids or times: %v", s)
				}
			}
		}
	}
	var b strings.Builder
	var write func(parent, indent string)
	write = func(parent, indent string) {
		for _, s := range children[parent] {
			fmt.Fprintf(&b, "%s%s %s %v", indent, s.GetName(), strings.TrimPrefix(s.GetKind().String(), "SPAN_KIND_"), texts(s.GetAttributes()))
			if code := s.GetStatus().GetCode(); code != otlp.Status_STATUS_CODE_UNSET {
				fmt.Fprintf(&b, " %s %q", code, s.GetStatus().GetMessage())
			}
			b.WriteString("\n")
			write(string(s.GetSpanId()), indent+"  ")
		}
	}
	write("", "")
	for parent := range children {
		if !ids[parent] {
			fmt.Fprintf(&b, "below %s:\n", hex.EncodeToString([]byte(parent)))
			write(parent, "  ")
		}
	}
	return b.String()
}

// count tells how many spans came.
func (c *collector) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, of := range c.got {
		for _, scoped := range of.GetScopeSpans() {
			n += len(scoped.GetSpans())
		}
	}
	return n
}

func texts(attrs []*common.KeyValue) []string {
	all := []string{}
	for _, a := range attrs {
		switch v := a.GetValue().GetValue().(type) {
		case *common.AnyValue_StringValue:
			all = append(all, fmt.Sprintf("%s=%s", a.GetKey(), v.StringValue))
		case *common.AnyValue_IntValue:
			all = append(all, fmt.Sprintf("%s=%d", a.GetKey(), v.IntValue))
		case *common.AnyValue_BoolValue:
			all = append(all, fmt.Sprintf("%s=%t", a.GetKey(), v.BoolValue))
		default:
			all = append(all, fmt.Sprintf("%s is a %T", a.GetKey(), v))
		}
	}
	return all
}
