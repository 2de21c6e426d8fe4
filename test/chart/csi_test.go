package chart

import (
	"slices"
	"strings"
	"testing"
)

// notes returns what helm prints after an installation, without one.
func (c *cluster) notes(t *testing.T, args ...string) string {
	t.Helper()
	out := c.helm(t, append([]string{"install", "vault", chartFolder, "--namespace", "vault", "--dry-run=client"}, args...)...)
	_, text, ok := strings.Cut(out, "\nNOTES:\n")
	if !ok {
		t.Fatalf("no notes in\n%s", out)
	}
	return text
}

// TestD13KubeletFolderIsNotIgnoredInSilence: the value of the older chart has never
// had an effect, and whoever sets it reads where it belongs.
func TestD13KubeletFolderIsNotIgnoredInSilence(t *testing.T) {
	const (
		folder  = "/var/snap/microk8s/common/var/lib/kubelet"
		warning = "- csi.daemonSet.kubeletRootDir has no effect here, because the driver writes the files: set linux.kubeletRootDir=" + folder +
			" in the chart of the Secrets Store CSI Driver, and remove it here"
	)
	c := useCluster(t)
	cases := map[string]struct {
		args []string
		want bool
	}{
		"another folder": {args: []string{"--set", "csi.enabled=true", "--set", "csi.daemonSet.kubeletRootDir=" + folder}, want: true},
		"old values":     {args: []string{"-f", "testdata/old/csi-with-agent.yaml"}, want: true},
		"the usual one":  {args: []string{"--set", "csi.enabled=true", "--set", "csi.daemonSet.kubeletRootDir=/var/lib/kubelet"}},
		"no provider":    {args: []string{"--set", "csi.daemonSet.kubeletRootDir=" + folder}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			text := c.notes(t, tc.args...)
			if got := slices.Contains(strings.Split(text, "\n"), warning); got != tc.want || strings.Contains(text, "kubeletRootDir") != tc.want {
				t.Errorf("told: %v, want %v:\n%s", got, tc.want, text)
			}
		})
	}
}

// TestKubeletFolderChangesNothing: what the notes say is true, object by object.
func TestKubeletFolderChangesNothing(t *testing.T) {
	plain, err := template(t, "--set", "csi.enabled=true")
	if err != nil {
		t.Fatal(err)
	}
	other, err := template(t, "--set", "csi.enabled=true", "--set", "csi.daemonSet.kubeletRootDir=/other")
	if err != nil {
		t.Fatal(err)
	}
	if plain != other {
		t.Error("the value changes the manifest, and the notes say that it does not")
	}
}
