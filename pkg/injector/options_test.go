package injector

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOptionsValidate(t *testing.T) {
	cases := map[string]struct {
		change func(*Options)
		want   string
	}{
		"as they are":   {change: func(*Options) {}},
		"same user":     {change: func(o *Options) { o.RunAsSameUser = true }},
		"nothing more":  {change: func(o *Options) { o.CPULimit, o.MemoryLimit, o.SeccompProfile, o.Sidecar = "", "", "", "" }},
		"no address":    {change: func(o *Options) { o.VaultAddress = "" }, want: "error adding default annotations: address for Vault required: set vault.hashicorp.com/service"},
		"bad quantity":  {change: func(o *Options) { o.CPULimit = "much" }, want: `error creating patch for agent: vault.hashicorp.com/agent-limits-cpu: "much" is not a quantity: write 100m, 0.5 or 64Mi`},
		"bad template":  {change: func(o *Options) { o.DefaultTemplate = "xml" }, want: "error creating new agent sidecar: invalid default template type: xml: vault.hashicorp.com/agent-inject-default-template must be map or json"},
		"bad sidecar":   {change: func(o *Options) { o.Sidecar = "both" }, want: `error creating new agent sidecar: vaultk8s.io/agent-sidecar: "both" is not one of auto, classic, native`},
		"bad type":      {change: func(o *Options) { o.AuthType = "kube" }, want: `error creating new agent sidecar: vault.hashicorp.com/auth-type: "kube" is not a way to log in: write one of ` + strings.Join(methods(), ", ")},
		"two at a time": {change: func(o *Options) { o.Image, o.AuthPath = "", "" }, want: "error adding default annotations: Vault Auth Path required: set vault.hashicorp.com/auth-path\nerror validating agent configuration: no Vault image found: set vault.hashicorp.com/agent-image"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			o := testOptions()
			tc.change(&o)
			err, want := o.Validate(), tc.want
			got := ""
			if err != nil {
				got, want = err.Error(), "defaults of the injector: "+want
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A document that Linux would not let a program start with is refused.
func TestDocumentsThatAreTooLarge(t *testing.T) {
	for name, tc := range map[string]struct {
		size int
		want string
	}{
		"large":     {size: 90_000},
		"too large": {size: 100_000, want: "error creating patch for agent: the templates of vault.hashicorp.com/agent-inject-template-NAME are too large: the agent's document has "},
	} {
		t.Run(name, func(t *testing.T) {
			pod := podWith(map[string]string{Prefix + "agent-inject-template-a": strings.Repeat("x", tc.size)})
			_, report := Inject(pod, testOptions())
			switch {
			case tc.want == "" && report.Err != nil:
				t.Error(report.Err)
			case tc.want != "" && (report.Err == nil || !strings.HasPrefix(report.Err.Error(), tc.want) || report.Reason != BadAnnotation):
				t.Errorf("got %s, %v", report.Reason, report.Err)
			}
		})
	}
}
