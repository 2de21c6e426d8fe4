package lab

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestProgress(t *testing.T) {
	cases := map[string]struct {
		run  func(p *progress)
		want []string
	}{
		"Quick": {
			run:  func(p *progress) { <-time.After(400 * time.Millisecond) },
			want: []string{"vault: building", "vault: done in 0.4 s"},
		},
		"Long": {
			run: func(p *progress) {
				<-time.After(5 * time.Second)
				p.downloaded()
				p.compiled()
				p.compiled()
				<-time.After(7 * time.Second)
				p.compiled()
				<-time.After(9500 * time.Millisecond)
			},
			want: []string{
				"vault: building",
				"vault: 10s, 1 modules downloaded, 2 packages compiled",
				"vault: 20s, 1 modules downloaded, 3 packages compiled",
				"vault: done in 21.5 s",
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				p := startProgress(&out, "vault")
				tc.run(p)
				p.finish("done")
				got := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// TestProgressOnTerminal sees one line that is written again every second.
func TestProgressOnTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := &progress{w: &out, name: "etcd", terminal: true, begin: time.Now(), stop: make(chan struct{})}
		p.stopped.Go(p.tick)
		<-time.After(2500 * time.Millisecond)
		p.finish("done")
		const want = "\r\x1b[Ketcd: 1s, 0 packages compiled" +
			"\r\x1b[Ketcd: 2s, 0 packages compiled" +
			"\r\x1b[Ketcd: done in 2.5 s\n"
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestIsTerminal(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if isTerminal(file) {
		t.Error("a file counts as a terminal")
	}
	if isTerminal(&bytes.Buffer{}) {
		t.Error("a buffer counts as a terminal")
	}
}
