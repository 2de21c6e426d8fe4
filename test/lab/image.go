package lab

import (
	"context"
	"fmt"
	"maps"
	"os/exec"
	"runtime"
	"slices"
	"strings"
)

// Image describes an image for a [Cluster].
type Image struct {
	Name       string            // with a tag other than latest, so that nobody tries to pull it
	Entrypoint []string          // program and first arguments
	User       string            // name of an unprivileged user; root if empty
	Files      map[string]string // path in the image -> file of this machine
	Links      map[string]string // path in the image -> target
}

// write makes the image with the program of [TargetImage] and stores it as an archive
// that container engines load.
func (i Image) write(ctx context.Context, program, archive string) error {
	args := []string{"-tag", i.Name, "-arch", runtime.GOARCH, "-archive", archive}
	if i.User != "" {
		args = append(args, "-user", i.User)
	}
	if len(i.Entrypoint) > 0 {
		args = append(args, "-entrypoint", strings.Join(i.Entrypoint, ","))
	}
	for _, path := range slices.Sorted(maps.Keys(i.Files)) {
		args = append(args, "-file", path+"="+i.Files[path])
	}
	for _, path := range slices.Sorted(maps.Keys(i.Links)) {
		args = append(args, "-link", path+"="+i.Links[path])
	}
	if out, err := exec.CommandContext(ctx, program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("make image %q: %w: %s", i.Name, err, lastLines(out, 5))
	}
	return nil
}

// OurImage is the image of vaultk8s as `make image` makes it, of a static program.
func OurImage(name, program string) Image {
	const authorities = "/etc/ssl/certs/ca-certificates.crt"
	return Image{
		Name: name, Entrypoint: []string{"/usr/local/bin/vaultk8s"}, User: "vaultk8s",
		Files: map[string]string{"/usr/local/bin/vaultk8s": program, authorities: authorities},
	}
}

// Busybox is an image with a shell and the usual small programs.
func Busybox(ctx context.Context, name string) (Image, error) {
	out, err := exec.CommandContext(ctx, busybox, "--list").Output()
	if err != nil {
		return Image{}, fmt.Errorf("list the programs of %q: %w", busybox, err)
	}
	i := Image{Name: name, Files: map[string]string{"/bin/busybox": busybox}, Links: map[string]string{}}
	for _, applet := range strings.Fields(string(out)) {
		if applet != "busybox" {
			i.Links["/bin/"+applet] = "busybox"
		}
	}
	return i, nil
}
