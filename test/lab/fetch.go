package lab

import "context"

// fetch downloads what the targets are compiled from, in their order and ahead of the
// builds, so that the processors do not wait for the network. A failure is not told
// here: the build that needs the module meets it again.
func fetch(ctx context.Context, targets []Target) {
	for _, t := range targets {
		s, err := slotFor(ctx, t)
		if err != nil || s.filled() {
			continue // installed, not compiled, or there already
		}
		_ = s.fetch(ctx)
	}
}

func (s slot) fetch(ctx context.Context) error { return s.command(ctx, "list", "-deps").Run() }
