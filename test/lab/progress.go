package lab

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// progress shows that a long task is alive: a line that counts in place on a
// terminal, and a new line every ten seconds everywhere else.
type progress struct {
	w        io.Writer
	name     string
	terminal bool
	begin    time.Time
	stop     chan struct{}
	stopped  sync.WaitGroup

	mu        sync.Mutex
	packages  int
	downloads int
}

func startProgress(w io.Writer, name string) *progress {
	p := &progress{w: w, name: name, terminal: isTerminal(w), begin: time.Now(), stop: make(chan struct{})}
	fmt.Fprintf(w, "%s: building\n", name)
	p.stopped.Go(p.tick)
	return p
}

func (p *progress) compiled()   { p.count(&p.packages) }
func (p *progress) downloaded() { p.count(&p.downloads) }

func (p *progress) count(n *int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*n++
}

func (p *progress) tick() {
	every := 10 * time.Second
	if p.terminal {
		every = time.Second
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-ticker.C:
			p.show()
		}
	}
}

func (p *progress) show() {
	if p.terminal {
		// Back to the first column, and clear what was there.
		fmt.Fprintf(p.w, "\r\x1b[K%s", p.status())
		return
	}
	fmt.Fprintln(p.w, p.status())
}

func (p *progress) status() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := fmt.Sprintf("%s: %s", p.name, time.Since(p.begin).Round(time.Second))
	if p.downloads > 0 {
		s += fmt.Sprintf(", %d modules downloaded", p.downloads)
	}
	return s + fmt.Sprintf(", %d packages compiled", p.packages)
}

// finish ends the ticking and writes the last line.
func (p *progress) finish(result string) {
	close(p.stop)
	p.stopped.Wait()
	if p.terminal {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
	fmt.Fprintf(p.w, "%s: %s in %.1f s\n", p.name, result, time.Since(p.begin).Seconds())
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
