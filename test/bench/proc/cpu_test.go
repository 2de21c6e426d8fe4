package proc

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestParseCPU(t *testing.T) {
	const rest = " S 1 2 3 4 5 6 7 8 9 10 250 31 14 15"
	cases := map[string]struct {
		stat string
		want time.Duration
		err  string
	}{
		"plain":       {stat: "7 (vault)" + rest, want: 2810 * time.Millisecond},
		"parentheses": {stat: "7 (a ) b)" + rest, want: 2810 * time.Millisecond},
		"short":       {stat: "7 (vault) S 1", err: "read processor time of a process: 2 fields in \"7 (vault) S 1\""},
		"no number":   {stat: "7 (vault)" + strings.Replace(rest, "250", "x", 1), err: `read processor time of a process: strconv.ParseInt: parsing "x": invalid syntax`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := parseCPU(c.stat)
			said := ""
			if err != nil {
				said = err.Error()
			}
			if got != c.want || said != c.err {
				t.Errorf("%v %q, want %v %q", got, said, c.want, c.err)
			}
		})
	}
}

func TestCPU(t *testing.T) {
	for begun := time.Now(); ; {
		spent, err := CPU(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if spent > 0 {
			return
		}
		if time.Since(begun) > time.Minute {
			t.Fatal("a busy process has spent no time")
		}
	}
}
