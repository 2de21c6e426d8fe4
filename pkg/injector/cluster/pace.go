package cluster

import (
	"bytes"
	"time"
)

// When somebody undoes what is written, as some controllers do, writing at once
// again would go on for ever, many times a second. Each time the pause doubles,
// from a second to ten minutes; what has stood for ten minutes is settled.
const (
	firstPause = time.Second
	lastPause  = 10 * time.Minute
)

// pace says when a bundle may be written again.
type pace struct {
	bundle []byte    // that was written last
	at     time.Time // when
	pause  time.Duration
	lost   bool // somebody undid it
	undone uint64
}

// patched notes that a bundle was written.
func (p *pace) patched(bundle []byte, now time.Time) {
	p.bundle, p.at, p.lost = bytes.Clone(bundle), now, false
}

// next returns how long to wait before the bundle is written; it need not be if it
// is not wrong.
func (p *pace) next(want []byte, wrong bool, now time.Time) time.Duration {
	if !bytes.Equal(want, p.bundle) {
		p.pause, p.lost = 0, false // another bundle cannot have been undone
		return 0
	}
	if !wrong {
		return 0
	}
	if !p.lost {
		p.lost = true
		p.undone++
		p.pause = min(max(firstPause, 2*p.pause), lastPause)
		if now.Sub(p.at) > lastPause {
			p.pause = firstPause
		}
	}
	return p.at.Add(p.pause).Sub(now)
}
