package trace

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// sampler decides which traces are told.
type sampler struct {
	follow bool    // a span below another is told if that is
	share  float64 // of the traces that begin here, 0 to 1
}

func newSampler(e environment) (sampler, error) {
	name, argument := e.get("OTEL_TRACES_SAMPLER"), e.get("OTEL_TRACES_SAMPLER_ARG")
	kind, follow := strings.CutPrefix(name, "parentbased_")
	s := sampler{follow: follow}
	switch kind {
	case "":
		return sampler{follow: true, share: 1}, nil
	case "always_on":
		s.share = 1
	case "always_off":
	case "traceidratio":
		s.share = 1
		if argument == "" {
			break
		}
		share, err := strconv.ParseFloat(argument, 64)
		if err != nil || !(share >= 0 && share <= 1) {
			return s, fmt.Errorf("OTEL_TRACES_SAMPLER_ARG: %q is not a number from 0 to 1", argument)
		}
		s.share = share
	default:
		return s, fmt.Errorf("OTEL_TRACES_SAMPLER: %q is none of always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off, parentbased_traceidratio", name)
	}
	return s, nil
}

// sample decides by the id of the trace, so that all programs that see a part of
// it decide alike: 63 bits of the id are compared with the share of their range.
func (s sampler) sample(parent place, below bool, trace [16]byte) bool {
	if below && s.follow {
		return parent.sampled
	}
	return s.share >= 1 || float64(binary.BigEndian.Uint64(trace[8:])>>1) < s.share*(1<<63)
}
