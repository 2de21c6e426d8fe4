package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestOldLoggerFlags takes what the chart of the old operator gives.
func TestOldLoggerFlags(t *testing.T) {
	cases := map[string]struct {
		args          []string
		level, format string
	}{
		"nothing":        {nil, "info", "text"},
		"of the chart":   {[]string{"--zap-log-level=info", "--zap-time-encoding=rfc3339", "--zap-stacktrace-level=panic"}, "info", "text"},
		"debug-extended": {[]string{"--zap-log-level=debug-extended", "--zap-encoder=json"}, "debug", "json"},
		"trace":          {[]string{"--zap-log-level=trace", "--zap-encoder=console"}, "trace", "text"},
		"a number":       {[]string{"--zap-log-level=5"}, "trace", "text"},
		"a low number":   {[]string{"--zap-log-level=2"}, "debug", "text"},
		"zero":           {[]string{"--zap-log-level=0"}, "info", "text"},
		"panic":          {[]string{"--zap-log-level=panic"}, "error", "text"},
		"ours wins":      {[]string{"--zap-log-level=debug", "--log-level=warn", "--zap-encoder=json", "--log-format=text"}, "warn", "text"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			command := newOperatorCommand()
			if err := command.ParseFlags(c.args); err != nil {
				t.Fatal(err)
			}
			own := operatorFlags{}
			own.level, _ = command.Flags().GetString("zap-log-level")
			own.encoder, _ = command.Flags().GetString("zap-encoder")
			if err := own.apply(command.Flags()); err != nil {
				t.Fatal(err)
			}
			level, format := command.Flag("log-level").Value.String(), command.Flag("log-format").Value.String()
			if level != c.level || format != c.format {
				t.Errorf("level %s and format %s, want %s and %s", level, format, c.level, c.format)
			}
		})
	}
}

func TestOperatorRefusesBadSettings(t *testing.T) {
	cases := map[string]struct {
		args []string
		want string
	}{
		"level":     {[]string{"--zap-log-level=loud"}, `"loud" is none of trace, debug, info, warn, error`},
		"model":     {[]string{"--client-cache-persistence-model=disk"}, `"disk" is none of none, direct-unencrypted, direct-encrypted`},
		"shards":    {[]string{"--shards=0"}, "0 is below 1"},
		"arguments": {[]string{"now"}, `unknown command "now"`},
		"cluster":   {[]string{"--kubeconfig=/does/not/exist"}, "find the API server: "},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			root := newRootCommand()
			root.SetErr(&bytes.Buffer{})
			root.SetArgs(append([]string{"operator"}, c.args...))
			if err := root.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
}

func TestOperatorVersion(t *testing.T) {
	var out bytes.Buffer
	root := newRootCommand()
	root.SetOut(&out)
	root.SetArgs([]string{"operator", "--version", "--output=json"})
	if err := root.Execute(); err != nil || !strings.Contains(out.String(), `"goVersion"`) {
		t.Errorf("%v %s", err, &out)
	}
}
