package render_test

import (
	"runtime"
	"testing"

	"github.com/vaultk8s/vaultk8s/pkg/render"
)

var benchTexts = map[string]string{
	"plain": `{{ with secret "secret/app" }}{{ range $k, $v := .Data.data }}{{ $k }}={{ $v }}
{{ end }}{{ end }}`,
	"sprig": `{{ with secret "secret/app" }}{{ range $k, $v := .Data.data }}{{ $k | sprig_upper }}={{ $v | toJSON }}
{{ end }}{{ end }}`,
}

func BenchmarkParse(b *testing.B) {
	for name, text := range benchTexts {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				parse(b, text, render.Options{})
			}
		})
	}
}

func BenchmarkExecute(b *testing.B) {
	for name, text := range benchTexts {
		b.Run(name, func(b *testing.B) {
			template, have := parse(b, text, render.Options{}), held()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := template.Execute(have); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRetained reports what a parsed template keeps.
func BenchmarkRetained(b *testing.B) {
	for name, text := range benchTexts {
		b.Run(name, func(b *testing.B) {
			var bytes float64
			for b.Loop() {
				bytes = retained(b, text, 1000)
			}
			b.ReportMetric(bytes, "bytes/template")
		})
	}
}

// retained parses a text n times and returns how many bytes each template keeps.
func retained(tb testing.TB, text string, n int) float64 {
	tb.Helper()
	parse(tb, text, render.Options{}) // what is made once for all
	templates := make([]*render.Template, n)
	before := heap()
	for i := range templates {
		templates[i] = parse(tb, text, render.Options{})
	}
	after := heap()
	runtime.KeepAlive(templates)
	return float64(after-before) / float64(n)
}

func heap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// A catalog of functions in each template would cost some 20 KB.
func TestTemplatesAreSmall(t *testing.T) {
	for name, text := range benchTexts {
		few, many := retained(t, text, 1000), retained(t, text, 10000)
		if many > 6000 {
			t.Errorf("%s: a parsed template keeps %.0f bytes", name, many)
		}
		if many > 1.5*few+200 {
			t.Errorf("%s: a template keeps %.0f bytes among 1,000 and %.0f among 10,000", name, few, many)
		}
	}
}
