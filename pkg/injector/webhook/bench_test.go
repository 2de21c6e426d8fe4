package webhook_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/vaultk8s/vaultk8s/pkg/injector/webhook"
)

// BenchmarkAdmission measures whole requests: through the handler alone, and over
// TLS with connections that stay.
func BenchmarkAdmission(b *testing.B) {
	for name, pod := range map[string]string{"annotated": asking, "plain": plain} {
		body := ask("v1", "shop", pod)
		b.Run(name+"/handler", func(b *testing.B) {
			h := webhook.New(options())
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/mutate", strings.NewReader(body))
				r.Header.Set("Content-Type", "application/json")
				h.ServeHTTP(httptest.NewRecorder(), r)
			}
		})
		b.Run(name+"/tls", func(b *testing.B) {
			s := httptest.NewTLSServer(webhook.New(options()))
			defer s.Close()
			client := s.Client()
			client.Transport.(*http.Transport).TLSClientConfig.ClientSessionCache = tls.NewLRUClientSessionCache(8) //nolint:forcetypeassert // as httptest makes it
			client.Transport.(*http.Transport).MaxIdleConnsPerHost = 64                                             //nolint:forcetypeassert // as above
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					post(b, client, s.URL+"/mutate", []byte(body))
				}
			})
		})
	}
}

func post(b *testing.B, client *http.Client, url string, body []byte) {
	r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		b.Error(err)
		return
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(r)
	if err != nil {
		b.Error(err)
		return
	}
	_, err = io.Copy(io.Discard, answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		b.Errorf("%d, %v", answer.StatusCode, err)
	}
	_ = answer.Body.Close()
}
