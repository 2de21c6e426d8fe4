package injector

import "testing"

// BenchmarkInject measures the usual pod: one secret, cache, our agent.
func BenchmarkInject(b *testing.B) {
	s := readSample(b, "testdata/pods/worked-example.in.yaml")
	for b.Loop() {
		if _, report := Inject(s.pod, s.o); report.Err != nil {
			b.Fatal(report.Err)
		}
	}
}

// BenchmarkInjectAndPatch adds what the webhook does with the result.
func BenchmarkInjectAndPatch(b *testing.B) {
	s := readSample(b, "testdata/pods/worked-example.in.yaml")
	for b.Loop() {
		out, _ := Inject(s.pod, s.o)
		if _, err := Patch(s.pod, out); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkNotRequested measures the pods of everybody else.
func BenchmarkNotRequested(b *testing.B) {
	s := readSample(b, "testdata/pods/not-requested.in.yaml")
	for b.Loop() {
		if _, report := Inject(s.pod, s.o); report.Reason != NotRequested {
			b.Fatal(report.Reason)
		}
	}
}
