package main

import (
	"slices"
	"time"
)

// median returns the middle of the numbers, of an even count the mean of the two
// in the middle, and 0 of none.
func median(numbers []float64) float64 {
	if len(numbers) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(numbers))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

// medianOf is the median of one property of many readings.
func medianOf[T any](readings []T, property func(T) float64) float64 {
	numbers := make([]float64, 0, len(readings))
	for _, r := range readings {
		numbers = append(numbers, property(r))
	}
	return median(numbers)
}

// ratio is a / b, and 0 where b is 0: nothing was measured.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// mib turns bytes into MiB.
func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }
