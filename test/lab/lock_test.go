package lab

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

func TestLockExcludes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	synctest.Test(t, func(t *testing.T) {
		unlock, err := lock(t.Context(), io.Discard, path)
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		time.AfterFunc(time.Minute, unlock)
		var out bytes.Buffer
		again, err := lock(t.Context(), &out, path)
		if err != nil {
			t.Fatal(err)
		}
		again()
		if waited := time.Since(begin); waited < time.Minute || waited > time.Minute+lockRetry {
			t.Errorf("waited %s, want a minute", waited)
		}
		if want := "another build is running, waiting for it (" + path + ")\n"; out.String() != want {
			t.Errorf("wrote %q, want %q", out.String(), want)
		}
	})
}

func TestLockGivesUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	synctest.Test(t, func(t *testing.T) {
		unlock, err := lock(t.Context(), io.Discard, path)
		if err != nil {
			t.Fatal(err)
		}
		defer unlock()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_, err = lock(ctx, io.Discard, path)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the deadline", err)
		}
	})
}

func TestLockErrors(t *testing.T) {
	_, err := lock(t.Context(), io.Discard, "/nonexistent/lock")
	const want = "open the build lock: open /nonexistent/lock: no such file or directory"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
