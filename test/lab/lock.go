package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// lockRetry is how often a busy lock is tried again. A build takes minutes, so
// half a second of delay after it is lost in the noise.
const lockRetry = 500 * time.Millisecond

// lock takes an exclusive lock that the kernel drops when the process ends, so
// that a killed build never blocks the next one. It waits until ctx ends.
func lock(ctx context.Context, w io.Writer, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the build lock: %w", err)
	}
	for told := false; ; {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			_ = f.Close()
			return nil, fmt.Errorf("lock %q: %w", path, err)
		}
		if !told {
			told = true
			fmt.Fprintf(w, "another build is running, waiting for it (%s)\n", path)
		}
		if err := sleep(ctx, lockRetry); err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("wait for another build that holds %q: %w", path, err)
		}
	}
}

// sleep waits for d, or returns the reason why ctx ended first.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
