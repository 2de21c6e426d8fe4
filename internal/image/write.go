package main

import (
	"fmt"
	"os"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// write makes the image for every architecture and stores it in the forms that are
// asked for.
func write(r request) error {
	tag, err := name.NewTag(r.tag)
	if err != nil {
		return err
	}
	var all []mutate.IndexAddendum
	for _, arch := range r.arches {
		image, err := build(r, arch)
		if err != nil {
			return fmt.Errorf("make the image for %s: %w", arch, err)
		}
		all = append(all, mutate.IndexAddendum{
			Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
		if err := writeFor(r, arch, tag, image); err != nil {
			return err
		}
	}
	if r.layout == "" {
		return nil
	}
	return writeLayout(r.layout, tag, mutate.AppendManifests(empty.Index, all...))
}

func writeFor(r request, arch string, tag name.Tag, image v1.Image) error {
	if r.archive != "" {
		if err := tarball.WriteToFile(forArch(r.archive, arch), tag, image); err != nil {
			return fmt.Errorf("write the archive: %w", err)
		}
	}
	if r.sbom == "" {
		return nil
	}
	document, err := sbom(r.tag, forArch(r.files[0].from, arch))
	if err != nil {
		return err
	}
	return os.WriteFile(forArch(r.sbom, arch), document, 0o644)
}

// writeLayout replaces what lies in the folder.
func writeLayout(dir string, tag name.Tag, index v1.ImageIndex) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	named := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{
		Add: index, Descriptor: v1.Descriptor{Annotations: map[string]string{"org.opencontainers.image.ref.name": tag.String()}},
	})
	if _, err := layout.Write(dir, named); err != nil {
		return fmt.Errorf("write the layout %q: %w", dir, err)
	}
	return nil
}
