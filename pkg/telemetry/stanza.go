package telemetry

import (
	"maps"
	"slices"
	"time"
)

// Stanza is what the telemetry block of an agent document comes to.
type Stanza struct {
	Prometheus    bool     // serve the metrics in the form of Prometheus
	WithoutEffect []string // keys that ask for what is not done, sorted
}

// ReadStanza judges a telemetry block, whose values are bool, int64, string (also
// durations) or []string.
//
// The Vault Agent pushes to statsd, Circonus or Stackdriver, and puts the host
// into the names of gauges unless disable_hostname is true. Here metrics are
// pulled, and their names have no host. A key that asks for what is done anyway
// is none without effect.
func ReadStanza(block map[string]any) Stanza {
	s := Stanza{Prometheus: true}
	for _, key := range slices.Sorted(maps.Keys(block)) {
		switch value := block[key]; {
		case key == "prometheus_retention_time":
			s.Prometheus = !zeroDuration(value)
		case !fulfilled(key, value):
			s.WithoutEffect = append(s.WithoutEffect, key)
		}
	}
	return s
}

// zeroDuration tells whether a text is a duration of nothing. Series are never
// forgotten for their age, so no other duration makes a difference.
func zeroDuration(value any) bool {
	text, _ := value.(string)
	d, err := time.ParseDuration(text)
	return err == nil && d == 0
}

// fulfilled tells whether a key asks for what is the case anyway.
func fulfilled(key string, value any) bool {
	switch value := value.(type) {
	case bool:
		return value == (key == "disable_hostname" || key == "filter_default")
	case string:
		return value == ""
	case []string:
		return len(value) == 0
	default:
		return false
	}
}
