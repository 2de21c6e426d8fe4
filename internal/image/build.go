package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// nonRoot is the id of the user and group that the image runs as.
const nonRoot = 65532

// build makes the image of one architecture. It has no dates: its files and its
// history say 1970, so that they do not tell two builds apart.
func build(r request, arch string) (v1.Image, error) {
	content, err := layer(r, arch)
	if err != nil {
		return nil, err
	}
	files, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	}, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON), files)
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.Architecture, config.OS = arch, "linux"
	config.Config = v1.Config{
		Entrypoint: r.entrypoint, Labels: r.labels, WorkingDir: "/",
		Env: []string{"PATH=/usr/local/bin:/usr/bin:/bin"},
	}
	if r.user != "" {
		config.Config.User = fmt.Sprintf("%d:%d", nonRoot, nonRoot)
	}
	return mutate.ConfigFile(image, config)
}

// layer is the one layer of an image, as a tar.
func layer(r request, arch string) ([]byte, error) {
	items := []item{{Header: tar.Header{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777}}}
	if r.user != "" {
		passwd := fmt.Sprintf("root:x:0:0:root:/:/sbin/nologin\n%[1]s:x:%[2]d:%[2]d:%[1]s:/:/sbin/nologin\n", r.user, nonRoot)
		group := fmt.Sprintf("root:x:0:\n%s:x:%d:\n", r.user, nonRoot)
		items = append(items, file("/etc/passwd", 0o644, []byte(passwd)), file("/etc/group", 0o644, []byte(group)))
	}
	for _, f := range r.files {
		content, mode, err := read(forArch(f.from, arch))
		if err != nil {
			return nil, err
		}
		items = append(items, file(f.at, mode, content))
	}
	for _, l := range r.links {
		items = append(items, item{Header: tar.Header{Name: l.at[1:], Typeflag: tar.TypeSymlink, Linkname: l.from, Mode: 0o777}})
	}
	return pack(withFolders(items))
}

type item struct {
	tar.Header
	content []byte
}

func file(at string, mode int64, content []byte) item {
	return item{Header: tar.Header{Name: at[1:], Typeflag: tar.TypeReg, Mode: mode, Size: int64(len(content))}, content: content}
}

// read makes every file readable by all, and writable by root alone: the umask of who
// builds is nobody's business.
func read(name string) ([]byte, int64, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, 0, err
	}
	mode := int64(0o644)
	if info.Mode()&0o111 != 0 {
		mode = 0o755
	}
	content, err := os.ReadFile(name)
	return content, mode, err
}

// withFolders adds the folders that the items lie in, and sorts.
func withFolders(items []item) []item {
	have := map[string]bool{}
	for _, i := range items {
		have[i.Name] = true
	}
	for _, i := range slices.Clone(items) {
		for dir := path.Dir(strings.TrimSuffix(i.Name, "/")); dir != "."; dir = path.Dir(dir) {
			if !have[dir+"/"] {
				have[dir+"/"] = true
				items = append(items, item{Header: tar.Header{Name: dir + "/", Typeflag: tar.TypeDir, Mode: 0o755}})
			}
		}
	}
	slices.SortFunc(items, func(a, b item) int { return strings.Compare(a.Name, b.Name) })
	return items
}

func pack(items []item) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, i := range items {
		if err := w.WriteHeader(&i.Header); err != nil {
			return nil, fmt.Errorf("pack %q: %w", i.Name, err)
		}
		if _, err := w.Write(i.content); err != nil {
			return nil, fmt.Errorf("pack %q: %w", i.Name, err)
		}
	}
	err := w.Close()
	return out.Bytes(), err
}
