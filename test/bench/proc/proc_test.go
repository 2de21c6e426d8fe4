package proc

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseFields(t *testing.T) {
	cases := map[string]struct {
		reason string
		in     string
		want   map[string]int64
	}{
		"Status": {
			reason: "names, numbers without a unit and lists are no amounts of memory",
			in:     "Name:\tvaultk8s\nPid:\t17\nVmHWM:\t   18840 kB\nVmRSS:\t   18432 kB\nRssAnon:\t    3564 kB\nCpus_allowed_list:\t0-1\n",
			want:   map[string]int64{"VmHWM": 18840 << 10, "VmRSS": 18432 << 10, "RssAnon": 3564 << 10},
		},
		"Rollup": {
			reason: "the first line has an address range and no colon",
			in:     "55b2eee97000-7fff168b6000 ---p 00000000 00:00 0      [rollup]\nRss:                1712 kB\nPss:                 284 kB\n",
			want:   map[string]int64{"Rss": 1712 << 10, "Pss": 284 << 10},
		},
		"Zero":       {in: "Swap: 0 kB\n", want: map[string]int64{"Swap": 0}},
		"NoNewline":  {in: "Swap: 4 kB", want: map[string]int64{"Swap": 4096}},
		"Empty":      {in: "", want: map[string]int64{}},
		"OtherUnit":  {in: "Swap: 4 MB\n", want: map[string]int64{}},
		"NoColon":    {in: "Swap 4 kB\n", want: map[string]int64{}},
		"Negative":   {in: "Swap: -4 kB\n", want: map[string]int64{}},
		"NoNumber":   {in: "Swap: four kB\n", want: map[string]int64{}},
		"TooLarge":   {reason: "its bytes would not fit", in: "Swap: 18446744073709551615 kB\n", want: map[string]int64{}},
		"ExtraWords": {in: "Swap: 4 kB of\n", want: map[string]int64{}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, parseFields(tc.in)); diff != "" {
				t.Errorf("%s: (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func FuzzParseFields(f *testing.F) {
	f.Add("VmRSS:\t   18432 kB\n")
	f.Add("Swap: 1125899906842623 kB\nSwap: 0 kB")
	f.Add(":  1 kB\n\n\x00 kB")
	f.Fuzz(func(t *testing.T, text string) {
		for name, n := range parseFields(text) {
			if n < 0 || n%1024 != 0 {
				t.Errorf("%q has %d bytes", name, n)
			}
			if !strings.Contains(text, name+":") {
				t.Errorf("%q is not in the text", name)
			}
		}
	})
}

func TestReadSelf(t *testing.T) {
	m, err := Read(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if m.Anon <= 0 || m.File <= 0 || m.PSS <= 0 || m.RSS < m.Anon+m.File || m.Peak < m.RSS {
		t.Errorf("readings contradict each other: %+v", m)
	}
}

// Memory that was really written to must show.
func TestReadSeesGrowth(t *testing.T) {
	before, err := Read(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	const size = 32 << 20
	block := make([]byte, size)
	for i := 0; i < size; i += 4096 {
		block[i] = 1
	}
	after, err := Read(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if grown := after.Anon - before.Anon; grown < size/2 {
		t.Errorf("private memory grew by %d after %d bytes were written", grown, len(block))
	}
}

func TestReadNobody(t *testing.T) {
	_, err := Read(1 << 30)
	want := "read memory of a process: open /proc/1073741824/status: no such file or directory"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestSettled(t *testing.T) {
	failure := errors.New("gone")
	cases := map[string]struct {
		reason   string
		readings []Memory
		fail     bool // after the readings
		want     Memory
		err      error
		took     time.Duration
	}{
		"AtOnce": {
			readings: []Memory{{RSS: 3, Anon: 1}, {RSS: 3, Anon: 1}},
			want:     Memory{RSS: 3, Anon: 1}, took: time.Second,
		},
		"Later": {
			reason:   "either number still changes until the fourth reading",
			readings: []Memory{{RSS: 3, Anon: 1}, {RSS: 4, Anon: 1}, {RSS: 4, Anon: 2}, {RSS: 4, Anon: 2, PSS: 7}},
			want:     Memory{RSS: 4, Anon: 2, PSS: 7}, took: 3 * time.Second,
		},
		"Ended": {readings: []Memory{{RSS: 3}}, fail: true, err: failure, took: time.Second},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin, next := time.Now(), 0
				got, err := settled(t.Context(), func() (Memory, error) {
					if next == len(tc.readings) && tc.fail {
						return Memory{}, failure
					}
					next++
					return tc.readings[next-1], nil
				})
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("%s: (-want +got):\n%s", tc.reason, diff)
				}
				if !errors.Is(err, tc.err) {
					t.Errorf("got error %v, want %v", err, tc.err)
				}
				if took := time.Since(begin); took != tc.took {
					t.Errorf("took %v, want %v", took, tc.took)
				}
			})
		})
	}
}

func TestSettledNever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin, n := time.Now(), int64(0)
		got, err := settled(t.Context(), func() (Memory, error) { n++; return Memory{RSS: n}, nil })
		if err != nil || got.RSS != settleReadings {
			t.Errorf("got %+v, %v, want the newest of %d readings", got, err, settleReadings)
		}
		if took := time.Since(begin); took != settleReadings*settleEvery {
			t.Errorf("took %v", took)
		}
	})
}

func TestSettledCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		n := int64(0)
		_, err := settled(ctx, func() (Memory, error) { n++; return Memory{RSS: n}, nil })
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}
