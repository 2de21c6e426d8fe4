package trace

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"
)

// environment reads variables; an empty one counts as not set.
type environment func(name string) (string, bool)

func (e environment) get(name string) string {
	value, _ := e(name)
	return strings.TrimSpace(value)
}

// otlp reads a variable of the exporter: that of traces wins over the one for
// all signals. The name that had the value comes along, for errors.
func (e environment) otlp(name string) (value, variable string) {
	variable = "OTEL_EXPORTER_OTLP_TRACES_" + name
	if value = e.get(variable); value == "" {
		variable = "OTEL_EXPORTER_OTLP_" + name
		value = e.get(variable)
	}
	return value, variable
}

// wanted tells whether the environment asks for traces. The specification takes
// a collector on this machine for granted; in a pod there is none unless
// somebody says so.
func (e environment) wanted() (bool, error) {
	if strings.EqualFold(e.get("OTEL_SDK_DISABLED"), "true") {
		return false, nil
	}
	switch exporter := e.get("OTEL_TRACES_EXPORTER"); exporter {
	case "none":
		return false, nil
	case "otlp":
		return true, nil
	case "":
		endpoint, _ := e.otlp("ENDPOINT")
		return endpoint != "", nil
	default:
		return false, fmt.Errorf("OTEL_TRACES_EXPORTER: %q is none of otlp, none", exporter)
	}
}

// resource describes the process. Names of variables win over what the program
// says of itself, and OTEL_SERVICE_NAME over service.name among the attributes.
func (e environment) resource(service, version string) ([]Attr, error) {
	pairs, err := pairs(e.get("OTEL_RESOURCE_ATTRIBUTES"))
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	given := map[string]string{}
	var attrs []Attr
	for _, p := range pairs {
		given[p.name] = p.value
		if p.name != "service.name" {
			attrs = append(attrs, String(p.name, p.value))
		}
	}
	attrs = append(attrs, String("service.name", cmp.Or(e.get("OTEL_SERVICE_NAME"), given["service.name"], service)))
	for _, own := range []Attr{
		String("service.version", version), String("telemetry.sdk.name", "vaultk8s"),
		String("telemetry.sdk.language", "go"), String("telemetry.sdk.version", version),
	} {
		if _, ok := given[own.key]; !ok {
			attrs = append(attrs, own)
		}
	}
	return attrs, nil
}

type pair struct{ name, value string }

// pairs reads "name=value,name=value", with characters like %2C in the values.
// Errors count the entries and do not show them: headers hold tokens.
func pairs(list string) ([]pair, error) {
	var all []pair
	for i, entry := range strings.Split(list, ",") {
		if strings.TrimSpace(entry) == "" {
			continue
		}
		name, value, ok := strings.Cut(entry, "=")
		name = strings.TrimSpace(name)
		if !ok || name == "" {
			return nil, fmt.Errorf("entry %d is not of the form name=value", i+1)
		}
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if err != nil {
			return nil, fmt.Errorf("the value of entry %d has a wrong %%-escape", i+1)
		}
		all = append(all, pair{name, value})
	}
	return all, nil
}
