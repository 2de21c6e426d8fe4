// Package image_test looks into the images that internal/image makes: what is in them,
// that the same files give the same bytes, and that they say what they are made of.
package image_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

// make runs the program in a folder of its own and returns that folder.
func makeImage(t *testing.T, args ...string) string {
	t.Helper()
	program, err := lab.Binary(t.Context(), lab.TargetImage)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

// ours makes the image of the product, of a program for this machine.
func ours(t *testing.T, program string) string {
	t.Helper()
	authorities := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(authorities, []byte("authorities\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return makeImage(t, "-tag", "vaultk8s/vaultk8s:1.2.3", "-user", "vaultk8s", "-entrypoint", "/usr/local/bin/vaultk8s", "-arch", "amd64,arm64",
		"-file", "/usr/local/bin/vaultk8s="+program, "-file", "/etc/ssl/certs/ca-certificates.crt="+authorities,
		"-label", "org.opencontainers.image.title=vaultk8s",
		"-layout", "layout", "-archive", "image-{arch}.tar", "-sbom", "image-{arch}.spdx.json")
}

// buildOurs makes the binary as it is released.
func buildOurs(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "vaultk8s")
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-trimpath", "-ldflags", "-s -w -X main.version=1.2.3", "-o", program, "../../cmd/vaultk8s")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return program
}

func TestOurs(t *testing.T) {
	dir := ours(t, buildOurs(t))
	files := archive(t, filepath.Join(dir, "image-amd64.tar"))
	t.Run("Config", func(t *testing.T) { config(t, files, "amd64") })
	t.Run("Config of arm64", func(t *testing.T) { config(t, archive(t, filepath.Join(dir, "image-arm64.tar")), "arm64") })
	t.Run("Files", func(t *testing.T) { contents(t, files) })
	t.Run("Layout", func(t *testing.T) { layout(t, filepath.Join(dir, "layout")) })
	t.Run("SBOM", func(t *testing.T) { sbom(t, filepath.Join(dir, "image-amd64.spdx.json")) })
	t.Run("Size", func(t *testing.T) {
		const limit = 70 << 20 // as it is stored, compressed
		if info, err := os.Stat(filepath.Join(dir, "image-amd64.tar")); err != nil || info.Size() > limit {
			t.Errorf("%v, %v; want at most %d bytes", info, err, limit)
		}
	})
}

// TestSameBytes builds everything twice, the second time with another umask and times.
func TestSameBytes(t *testing.T) {
	first, second := buildOurs(t), buildOurs(t)
	if err := os.Chmod(second, 0o700); err != nil {
		t.Fatal(err)
	}
	a, b := tree(t, ours(t, first)), tree(t, ours(t, second))
	if len(a) < 8 {
		t.Errorf("there are only %d files", len(a))
	}
	for name, content := range a {
		if !bytes.Equal(content, b[name]) {
			t.Errorf("%s differs", name)
		}
	}
	if len(a) != len(b) {
		t.Errorf("%d files, then %d", len(a), len(b))
	}
}

func TestBadInput(t *testing.T) {
	program, err := lab.Binary(t.Context(), lab.TargetImage)
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		args []string
		want string
	}{
		"Nothing":         {want: "image: expected -tag, one -file at least, and no other words\n"},
		"A word too much": {args: []string{"-tag", "a:1", "-file", "/a=b", "c"}, want: "image: expected -tag, one -file at least, and no other words\n"},
		"No such file":    {args: []string{"-tag", "a:1", "-file", "/a=none-{arch}"}, want: "image: make the image for amd64: stat none-amd64: no such file or directory\n"},
		"Bad tag":         {args: []string{"-tag", "A B", "-file", "/a=b"}, want: "image: repository can only contain the characters `abcdefghijklmnopqrstuvwxyz0123456789_-./`: A B\n"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			out, err := exec.CommandContext(t.Context(), program, tc.args...).CombinedOutput()
			if err == nil || string(out) != tc.want {
				t.Errorf("got %q, %v; want %q", out, err, tc.want)
			}
		})
	}
}

// archive reads the files of a docker-archive.
func archive(t *testing.T, path string) map[string][]byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	files := map[string][]byte{}
	each(t, f, func(h *tar.Header, content []byte) { files[h.Name] = content })
	return files
}

func each(t *testing.T, from io.Reader, do func(*tar.Header, []byte)) {
	t.Helper()
	for r := tar.NewReader(from); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		do(h, content)
	}
}

type manifest struct {
	Config   string
	RepoTags []string
	Layers   []string
}

func manifestOf(t *testing.T, files map[string][]byte) manifest {
	t.Helper()
	var all []manifest
	decode(t, files["manifest.json"], &all)
	if len(all) != 1 || len(all[0].Layers) != 1 {
		t.Fatalf("want one image with one layer, got %+v", all)
	}
	return all[0]
}

func decode(t *testing.T, content []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(content, into); err != nil {
		t.Fatal(err)
	}
}

func config(t *testing.T, files map[string][]byte, arch string) {
	m := manifestOf(t, files)
	type settings struct {
		User, WorkingDir string
		Entrypoint, Env  []string
		Labels           map[string]string
	}
	type document struct {
		Architecture, OS, Created string
		Config                    settings
	}
	var got document
	decode(t, files[m.Config], &got)
	want := document{
		Architecture: arch, OS: "linux", Created: "0001-01-01T00:00:00Z",
		Config: settings{
			User: "65532:65532", WorkingDir: "/", Entrypoint: []string{"/usr/local/bin/vaultk8s"},
			Env: []string{"PATH=/usr/local/bin:/usr/bin:/bin"}, Labels: map[string]string{"org.opencontainers.image.title": "vaultk8s"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"vaultk8s/vaultk8s:1.2.3"}, m.RepoTags); diff != "" {
		t.Error(diff)
	}
}

func contents(t *testing.T, files map[string][]byte) {
	m := manifestOf(t, files)
	unpacked, err := gzip.NewReader(bytes.NewReader(files[m.Layers[0]]))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	each(t, unpacked, func(h *tar.Header, content []byte) {
		if h.Uid != 0 || h.Gid != 0 || !h.ModTime.IsZero() && h.ModTime.Unix() != 0 {
			t.Errorf("%s belongs to %d:%d and is of %v", h.Name, h.Uid, h.Gid, h.ModTime)
		}
		got = append(got, fmt.Sprintf("%04o %s", h.Mode, h.Name))
		if h.Name == "etc/passwd" && !strings.Contains(string(content), "\nvaultk8s:x:65532:65532:") {
			t.Errorf("passwd is %q", content)
		}
	})
	want := []string{
		"0755 etc/", "0644 etc/group", "0644 etc/passwd", "0755 etc/ssl/", "0755 etc/ssl/certs/", "0644 etc/ssl/certs/ca-certificates.crt",
		"1777 tmp/", "0755 usr/", "0755 usr/local/", "0755 usr/local/bin/", "0755 usr/local/bin/vaultk8s",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// layout follows an OCI layout from its index to the images of both architectures.
func layout(t *testing.T, dir string) {
	type descriptor struct {
		MediaType, Digest string
		Platform          struct{ Architecture, OS string }
		Annotations       map[string]string
	}
	var top, index struct{ Manifests []descriptor }
	read := func(name string) []byte {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	decode(t, read("index.json"), &top)
	if len(top.Manifests) != 1 || top.Manifests[0].Annotations["org.opencontainers.image.ref.name"] != "vaultk8s/vaultk8s:1.2.3" {
		t.Fatalf("the layout holds %+v", top)
	}
	decode(t, read("blobs/"+strings.Replace(top.Manifests[0].Digest, ":", "/", 1)), &index)
	var platforms []string
	for _, m := range index.Manifests {
		platforms = append(platforms, m.Platform.OS+"/"+m.Platform.Architecture)
		if m.MediaType != "application/vnd.oci.image.manifest.v1+json" {
			t.Errorf("media type %q", m.MediaType)
		}
		read("blobs/" + strings.Replace(m.Digest, ":", "/", 1))
	}
	if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64"}, platforms); diff != "" {
		t.Error(diff)
	}
}

// sbom compares the modules of the document with what the go command says of the
// product's packages.
func sbom(t *testing.T, path string) {
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		SPDXVersion   string
		Packages      []struct{ SPDXID, Name, VersionInfo string }
		Relationships []struct{ RelationshipType string }
	}
	decode(t, content, &document)
	if document.SPDXVersion != "SPDX-2.3" {
		t.Errorf("version %q", document.SPDXVersion)
	}
	var got []string
	for _, p := range document.Packages[2:] { // after the program and the standard library
		got = append(got, p.Name+" "+p.VersionInfo)
	}
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{end}}{{end}}", "../../cmd/vaultk8s")
	list.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Fields(strings.ReplaceAll(string(out), " ", "@"))
	for i := range want {
		want[i] = strings.Replace(want[i], "@", " ", 1)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(slices.Compact(want), got); diff != "" {
		t.Error(diff)
	}
	if n := len(document.Relationships); n != len(document.Packages) {
		t.Errorf("%d relationships of %d packages", n, len(document.Packages))
	}
}

// tree reads all files below a folder.
func tree(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		files[name], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
