package main

import "math"

// reading is one value at one time.
type reading struct {
	hours, value float64
}

// trend is the straight line that is nearest to some readings.
type trend struct {
	mean  float64
	slope float64 // per hour
	noise float64 // twice the standard error of the slope: in 19 of 20 cases it is not farther off
}

// leastSquares fits a line. Fewer than three readings say nothing about their
// noise, so they have no trend.
func leastSquares(readings []reading) trend {
	n := float64(len(readings))
	if n < 3 {
		return trend{}
	}
	var x, y float64
	for _, r := range readings {
		x, y = x+r.hours/n, y+r.value/n
	}
	var xx, xy float64
	for _, r := range readings {
		xx, xy = xx+(r.hours-x)*(r.hours-x), xy+(r.hours-x)*(r.value-y)
	}
	slope := ratio(xy, xx)
	var rest float64 // squares of what the line leaves over
	for _, r := range readings {
		off := r.value - y - slope*(r.hours-x)
		rest += off * off
	}
	return trend{mean: y, slope: slope, noise: 2 * math.Sqrt(ratio(rest/(n-2), xx))}
}

// percent is a change per hour in parts of the mean.
func (t trend) percent(perHour float64) float64 { return 100 * ratio(perHour, t.mean) }

// steady tells whether the values grow by no more than a limit in percent per
// hour, or by no more than can be told from noise.
func (t trend) steady(limit float64) bool {
	return t.percent(t.slope) <= limit || t.slope <= t.noise
}
