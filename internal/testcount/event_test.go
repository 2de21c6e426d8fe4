package main

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

func TestFollowShowsWhatIsNoEvent(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	input := "go: cannot find main module\n" +
		`{"Action":"output","Package":"p","Output":"` + long + `\n"}` + "\n" +
		`{"Action":"pass","Package":"p"}` + "\n" +
		`{"Time":"later","NoAction":true}` + "\n" +
		"no newline at the end"
	var out bytes.Buffer
	if err := follow(strings.NewReader(input), newTally(&out)); err != nil {
		t.Fatal(err)
	}
	want := "go: cannot find main module\n" + long + "\n" + `{"Time":"later","NoAction":true}` + "\nno newline at the end"
	if got := out.String(); got != want {
		t.Errorf("output of %d bytes, want %d: %.200q", len(got), len(want), got)
	}
}

func TestFollowReportsReadErrors(t *testing.T) {
	broken := errors.New("pipe broke")
	err := follow(iotest.ErrReader(broken), newTally(io.Discard))
	if !errors.Is(err, broken) {
		t.Errorf("error %v, want it to wrap %v", err, broken)
	}
	if got, want := errorText(err), "read test events: pipe broke"; got != want {
		t.Errorf("error %q, want %q", got, want)
	}
}

func TestFollowTellsWhatIsRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, w := io.Pipe()
		var out bytes.Buffer
		done := make(chan error)
		go func() { done <- follow(in, newTally(&out)) }()
		<-time.After(silence + time.Second)
		synctest.Wait()
		io.WriteString(w, `{"Action":"run","Package":"p","Test":"TestA"}`+"\n"+
			`{"Action":"run","Package":"p","Test":"TestA/b"}`+"\n"+
			`{"Action":"run","Package":"q","Test":"TestC"}`+"\n")
		<-time.After(silence)
		synctest.Wait()
		w.Close()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		want := "...\trunning: the build of the tests\n" +
			"...\trunning: p TestA/b (29s), q TestC (29s)\n"
		if got := out.String(); got != want {
			t.Errorf("output:\n%swant:\n%s", got, want)
		}
	})
}

func FuzzLine(f *testing.F) {
	f.Add([]byte(`{"Action":"run","Package":"p","Test":"TestA/b"}`))
	f.Add([]byte(`{"Action":"fail","Package":"p","Test":"TestA","Elapsed":0.5}`))
	f.Add([]byte(`{"Action":"fail","Package":"p","FailedBuild":"p [p.test]"}`))
	f.Add([]byte("{"))
	f.Add([]byte("100%d of anything\n"))
	f.Fuzz(func(t *testing.T, line []byte) {
		var out bytes.Buffer
		tally := newTally(&out)
		tally.line(line)
		tally.line([]byte(`{"Action":"pass","Package":"p","Test":"TestA"}`))
		tally.finish()
		if !strings.HasSuffix(out.String(), " failed\n") {
			t.Errorf("output ends with %q", out.String())
		}
	})
}
