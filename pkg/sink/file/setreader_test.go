package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func testTime() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC) }

// readPair reads both files of one generation. The generation may go while it is
// read; then there is nothing, and a reader starts again.
func readPair(dir string) (cert, key string, err error) {
	root, err := os.OpenRoot(filepath.Join(dir, dataLink))
	if err != nil {
		return "", "", err
	}
	defer func() { _ = root.Close() }()
	c, err := root.ReadFile("tls.crt")
	if err != nil {
		return "", "", err
	}
	k, err := root.ReadFile("tls.key")
	return string(c), string(k), err
}

// checkPair tells what is wrong with what a reader saw.
func checkPair(cert, key string) error {
	c, isCert := strings.CutPrefix(cert, "cert ")
	k, isKey := strings.CutPrefix(key, "key ")
	if !isCert || !isKey || c != k {
		return fmt.Errorf("%.20q stands beside %.20q", cert, key)
	}
	return nil
}

// Readers that work all the time while a set changes never see a mixture.
func TestReadersSeeOneGeneration(t *testing.T) {
	dir := t.TempDir()
	writePair(t, dir, "first")
	done := make(chan struct{})
	var readers sync.WaitGroup
	counts := make([]int, 2)
	for i := range counts {
		readers.Go(func() { counts[i] = keepReading(t, dir, done) })
	}
	for i := range 60 {
		writePair(t, dir, strings.Repeat(fmt.Sprint(i%10), 1+i*37))
	}
	close(done)
	readers.Wait()
	for i, n := range counts {
		if n == 0 {
			t.Errorf("reader %d read nothing: the test proves nothing", i)
		}
	}
}

// keepReading returns how many pairs it read.
func keepReading(t *testing.T, dir string, done chan struct{}) int {
	for read := 0; ; {
		select {
		case <-done:
			return read
		default:
		}
		cert, key, err := readPair(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = checkPair(cert, key)
		}
		if err != nil {
			t.Error(err)
			return read
		}
		read++
	}
}

// alternateSets writes two sets in turn until it is killed.
func alternateSets(dir string) {
	contents := []string{strings.Repeat("a", mebi/4), strings.Repeat("b", mebi/4)}
	for i := 0; ; i++ {
		if _, err := WriteSet(context.Background(), SetSpec{Dir: dir}, pair(contents[i%2])); err != nil {
			panic(err)
		}
	}
}

// A writer is killed at any moment, again and again: what readers see is always
// a whole set, and what the killed runs left goes with the next delivery.
func TestKilledBetweenSets(t *testing.T) {
	dir := t.TempDir()
	writePair(t, dir, strings.Repeat("a", mebi/4))
	left := 0
	for range 25 {
		killBetweenSets(t, dir)
		cert, key, err := readPair(dir)
		must(t, err)
		if err := checkPair(cert, key); err != nil || len(cert) != len("cert ")+mebi/4 {
			t.Fatalf("after a kill: %d bytes, %v", len(cert), err)
		}
		left += len(hidden(t, dir)) - 2
		if _, err := os.ReadFile(filepath.Join(dir, "tls.key")); err != nil {
			t.Fatal(err)
		}
	}
	if left == 0 {
		t.Error("no kill left anything: the test proves nothing")
	}
	writePair(t, dir, "end")
	if got := hidden(t, dir); len(got) != 2 {
		t.Errorf("after the next delivery there is %q", got)
	}
}

// killBetweenSets kills a writer after it was seen to begin some generations.
func killBetweenSets(t *testing.T, dir string) {
	t.Helper()
	cmd := helper(t, "sets", dir)
	must(t, cmd.Start())
	seen := map[string]bool{}
	begin, wanted := len(names(t, dir)), 2+rand.IntN(4)
	// A set takes milliseconds; ten seconds without one is a broken writer.
	late := time.Now().Add(10 * time.Second)
	for len(seen) < begin+wanted && time.Now().Before(late) {
		entries, err := os.ReadDir(dir)
		must(t, err)
		for _, e := range entries {
			seen[e.Name()] = true
		}
	}
	must(t, cmd.Process.Kill())
	_ = cmd.Wait() // reports the kill
	if time.Now().After(late) {
		t.Fatal("no new generation was ever seen")
	}
}
