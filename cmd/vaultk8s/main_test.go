package main

import (
	"context"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	program := func() { os.Exit(run(context.Background(), os.Args)) }
	testscript.Main(m, map[string]func(){"vaultk8s": program, "kubectl-vaultk8s": program})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != ""})
}

func TestDoubleDashes(t *testing.T) {
	cases := map[string]struct{ args, want []string }{
		"long flag":        {[]string{"agent", "-config=a", "-exit-after-auth"}, []string{"agent", "--config=a", "--exit-after-auth"}},
		"value apart":      {[]string{"agent", "-config", "a.hcl"}, []string{"agent", "--config", "a.hcl"}},
		"two dashes":       {[]string{"agent", "--config=a"}, []string{"agent", "--config=a"}},
		"short flag":       {[]string{"agent", "-h"}, []string{"agent", "-h"}},
		"after two dashes": {[]string{"agent", "--", "-config"}, []string{"agent", "--", "-config"}},
		"another command":  {[]string{"version", "-ojson"}, []string{"version", "-ojson"}},
		"nothing":          {nil, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, doubleDashes(tc.args)); diff != "" {
				t.Errorf("doubleDashes (-want +got):\n%s", diff)
			}
		})
	}
}
