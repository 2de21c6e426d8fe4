package session_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/session"
)

// TestRateLimit: the limit of all counts for a connection that names none.
func TestRateLimit(t *testing.T) {
	cases := map[string]struct {
		all  float64
		own  *v1beta1.RateLimit
		want time.Duration // for ten requests
	}{
		"None":   {want: 0},
		"OfAll":  {all: 2, want: 4 * time.Second},                                            // (10-2)/2
		"ItsOwn": {all: 2, own: &v1beta1.RateLimit{QPS: 4, Burst: 2}, want: 2 * time.Second}, // (10-2)/4
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				s, _ := w.start(func(o *session.Options) { o.RateLimit, o.RateBurst = c.all, 2 })
				limited := connection("limited", operatorNamespace, 1, v1beta1.VaultConnectionSpec{Address: "http://vault.test:8200", RateLimit: c.own})
				limited.UID = "limited"
				began := time.Now()
				for range 10 {
					if _, err := s.Connect(t.Context(), limited); err != nil {
						t.Fatal(err)
					}
				}
				if took := time.Since(began); took != c.want {
					t.Errorf("ten requests took %v, want %v", took, c.want)
				}
			})
		})
	}
}
