package render

import "github.com/davecgh/go-spew/spew"

// debugFunctions show the types and the structure of a value.
func debugFunctions() []function {
	return []function{
		{name: "spew_sdump", arguments: "VALUE...", summary: "the values with their types, in several lines", plain: func(values ...any) string { return dumper().Sdump(values...) }},
		{name: "spew_sprintf", arguments: "FORMAT VALUE...", summary: "the values in a format; %#+v shows types", plain: func(format string, values ...any) string { return dumper().Sprintf(format, values...) }},
		{name: "spew_dump", arguments: "VALUE...", summary: "fails: it would print values to the log; use spew_sdump", plain: refuse(fail("would print values to the log; use spew_sdump"))},
		{name: "spew_printf", arguments: "FORMAT VALUE...", summary: "fails: it would print values to the log; use spew_sprintf", plain: refuse(fail("would print values to the log; use spew_sprintf"))},
	}
}

// dumper gives the same text for the same value each time.
func dumper() *spew.ConfigState {
	return &spew.ConfigState{Indent: " ", SortKeys: true, DisablePointerAddresses: true}
}
