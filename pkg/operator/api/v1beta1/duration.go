package v1beta1

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Duration is a length of time in one unit: "30s", "1.5m" or "24h".
//
// +kubebuilder:validation:Pattern=`^([0-9]+(\.[0-9]+)?(s|m|h))$`
type Duration string

// Parse returns the length; an empty string is 0. Whatever time.ParseDuration
// takes is accepted, since the API server has applied the stricter pattern.
func (d Duration) Parse() (time.Duration, error) {
	return parse(string(d), "s, m, h")
}

// DayDuration is a [Duration] that may be in days too: "90d".
//
// +kubebuilder:validation:Pattern=`^([0-9]+(\.[0-9]+)?(s|m|h|d))$`
type DayDuration string

// Parse returns the length; an empty string is 0, and a day has 24 hours.
func (d DayDuration) Parse() (time.Duration, error) {
	const units = "s, m, h, d"
	number, ok := strings.CutSuffix(string(d), "d")
	if !ok {
		return parse(string(d), units)
	}
	days, err := strconv.ParseFloat(number, 64)
	// 106,751 days fit into the 2^63 ns of a time.Duration. NaN fails both comparisons.
	if err == nil && days >= 0 && days <= 106_751 {
		return time.Duration(days * float64(24*time.Hour)), nil
	}
	return 0, noDuration(string(d), units)
}

func parse(text, units string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	length, err := time.ParseDuration(text)
	if err != nil {
		return 0, noDuration(text, units)
	}
	return length, nil
}

func noDuration(text, units string) error {
	return fmt.Errorf("parse duration %q: a number and one of %s is expected", text, units)
}
