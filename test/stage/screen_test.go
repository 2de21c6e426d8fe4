package stage

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestScreen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		s := NewScreen(&out)
		s.Announce(3, 9, "A title", "First something happens, and somebody who watches this\nlearns of it before; then something else.")
		<-time.After(1234 * time.Millisecond)
		s.Tell("the file has user %s", "a%b")
		<-time.After(100 * time.Second)
		s.Show("the file:", "first %s\n\nthird without end")
		s.Show("nothing:", "")
		s.Table("Seen:", [][]string{{"STEP", "TOOK"}, {"A title", "101.2 s"}})
		want := "\n── 3/9  A title " + strings.Repeat("─", 62) + `
  First something happens, and somebody who watches this learns of it before;
  then something else.
   1.2 s  the file has user a%b
 101.2 s  the file:
          | first %s
          | 
          | third without end
 101.2 s  nothing:

Seen:
  STEP     TOOK
  A title  101.2 s
`
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("the screen differs (-want +got):\n%s", diff)
		}
	})
}

// TestScreenLongTitle shows that a title beyond the width is no failure.
func TestScreenLongTitle(t *testing.T) {
	var out bytes.Buffer
	title := strings.Repeat("long ", 30)
	NewScreen(&out).Announce(1, 1, title, "")
	if want := "\n── 1/1  " + title + " \n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestWrap(t *testing.T) {
	tests := map[string]struct {
		text string
		want []string
	}{
		"nothing":        {"", nil},
		"blanks":         {" \n\t ", nil},
		"one line":       {"one two", []string{"one two"}},
		"exactly":        {"one two 10", []string{"one two 10"}},
		"one more":       {"one two 100", []string{"one two", "100"}},
		"line feeds":     {"one\ntwo\n three", []string{"one two", "three"}},
		"a longer word":  {"a 0123456789ab c", []string{"a", "0123456789ab", "c"}},
		"letters, bytes": {"äää ööö üü", []string{"äää ööö üü"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, wrap(tt.text, 10)); diff != "" {
				t.Errorf("lines differ (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzWrap(f *testing.F) {
	f.Add("one two three", 5)
	f.Add("", 0)
	f.Fuzz(func(t *testing.T, text string, width int) {
		lines := wrap(text, width)
		if diff := cmp.Diff(strings.Fields(text), strings.Fields(strings.Join(lines, " "))); diff != "" {
			t.Errorf("words differ (-want +got):\n%s", diff)
		}
		for _, line := range lines {
			if len([]rune(line)) > width && strings.Contains(line, " ") {
				t.Errorf("line %q is longer than %d", line, width)
			}
		}
	})
}
