package stage

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

// textWidth is the width of announcements, for terminals of 80 columns.
const textWidth = 76

// Screen prints for somebody who watches; every line of evidence carries the
// time since the beginning. Several may write at the same time.
type Screen struct {
	mu    sync.Mutex
	w     io.Writer
	begin time.Time
}

// NewScreen begins to count the time.
func NewScreen(w io.Writer) *Screen { return &Screen{w: w, begin: time.Now()} }

// Began is when the screen was made.
func (s *Screen) Began() time.Time { return s.begin }

// Announce opens a step: what it is, and what is about to happen.
func (s *Screen) Announce(number, of int, title, plan string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	head := fmt.Sprintf("── %d/%d  %s ", number, of, title)
	fmt.Fprintf(s.w, "\n%s%s\n", head, strings.Repeat("─", max(textWidth+2-len([]rune(head)), 0)))
	for _, line := range wrap(plan, textWidth) {
		fmt.Fprintf(s.w, "  %s\n", line)
	}
}

// Tell prints one line of evidence.
func (s *Screen) Tell(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.w, "%6.1f s  %s\n", time.Since(s.begin).Seconds(), fmt.Sprintf(format, args...))
}

// Show prints one line of evidence and, below it, a text as it is.
func (s *Screen) Show(title, text string) {
	s.Tell("%s", title)
	s.Quote(text)
}

// Quote prints a text as it is, below the line that was told last.
func (s *Screen) Quote(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for line := range strings.Lines(text) {
		fmt.Fprintf(s.w, "          | %s\n", strings.TrimSuffix(line, "\n"))
	}
}

// Table prints rows below a head, each cell in its column.
func (s *Screen) Table(head string, rows [][]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.w, "\n%s\n", head)
	columns := tabwriter.NewWriter(s.w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintf(columns, "  %s\n", strings.Join(row, "\t"))
	}
	_ = columns.Flush() // a screen that is gone has nobody before it
}

// wrap breaks a text at blanks into lines of at most width runes; a longer word
// has a line of its own.
func wrap(text string, width int) []string {
	var lines []string
	line, length := "", 0
	for _, word := range strings.Fields(text) {
		n := len([]rune(word))
		if length > 0 && length+1+n > width {
			lines, line, length = append(lines, line), "", 0
		}
		if length > 0 {
			line, length = line+" ", length+1
		}
		line, length = line+word, length+n
	}
	if length > 0 {
		lines = append(lines, line)
	}
	return lines
}
