package main

import (
	"slices"
	"testing"
	"testing/quick"
	"time"
)

func TestMedian(t *testing.T) {
	cases := map[string]struct {
		in   []float64
		want float64
	}{
		"None":    {nil, 0},
		"One":     {[]float64{7}, 7},
		"Two":     {[]float64{7, 8}, 7.5},
		"Odd":     {[]float64{9, 1, 5}, 5},
		"Even":    {[]float64{9, 1, 6, 5}, 5.5},
		"Outlier": {[]float64{1, 1, 1, 1, 1e9}, 1},
		"Same":    {[]float64{2, 2, 2, 2}, 2},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			before := slices.Clone(tc.in)
			if got := median(tc.in); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
			if !slices.Equal(before, tc.in) {
				t.Errorf("the numbers were changed to %v", tc.in)
			}
		})
	}
}

// At most half of the numbers lie on either side of a median.
func TestMedianDivides(t *testing.T) {
	divides := func(small []int16) bool {
		numbers := make([]float64, 0, len(small))
		for _, n := range small {
			numbers = append(numbers, float64(n))
		}
		m, below, above := median(numbers), 0, 0
		for _, n := range numbers {
			if n < m {
				below++
			}
			if n > m {
				above++
			}
		}
		return below <= len(numbers)/2 && above <= len(numbers)/2
	}
	if err := quick.Check(divides, nil); err != nil {
		t.Error(err)
	}
}

func TestMedianOf(t *testing.T) {
	readings := []time.Duration{3 * time.Second, time.Millisecond, 20 * time.Millisecond}
	if got := medianOf(readings, milliseconds); got != 20 {
		t.Errorf("got %v, want 20", got)
	}
}

func TestRatio(t *testing.T) {
	if got := ratio(1, 4); got != 0.25 {
		t.Errorf("1 to 4 is %v", got)
	}
	if got := ratio(1, 0); got != 0 {
		t.Errorf("1 to nothing is %v", got)
	}
}

func TestUnits(t *testing.T) {
	if got := mib(3 << 19); got != 1.5 {
		t.Errorf("3 * 2^19 bytes are %v MiB", got)
	}
	if got := milliseconds(1500 * time.Microsecond); got != 1.5 {
		t.Errorf("1500 µs are %v ms", got)
	}
}
