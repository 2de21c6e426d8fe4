// Command image makes a container image of files, without a container engine:
//
//	image -tag vaultk8s/vaultk8s:dev -user vaultk8s -entrypoint /usr/local/bin/vaultk8s \
//	  -file /usr/local/bin/vaultk8s=bin/vaultk8s-{arch} -arch amd64,arm64 -layout bin/image -sbom bin/image-{arch}.spdx.json
//
// What it writes depends on nothing but the files: the same ones give the same bytes.
// It is a module of its own, so that the library that knows the formats is not linked
// into the product. [build] makes an image, [write] stores it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
)

// request is what the command line asks for.
type request struct {
	tag        string
	user       string // name of an unprivileged user to make and run as; "" for root
	entrypoint []string
	arches     []string
	files      []entry
	links      []entry
	labels     map[string]string

	layout  string // folder of an OCI image layout
	archive string // docker-archive, for each architecture
	sbom    string // SPDX document, for each architecture
}

// entry is a file or a link of the image. The name of a file outside, and of every
// output, may hold {arch}.
type entry struct{ at, from string }

func forArch(name, arch string) string { return strings.ReplaceAll(name, "{arch}", arch) }

func main() {
	r, err := parse(os.Args[1:])
	if err == nil {
		err = write(r)
	}
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func parse(args []string) (request, error) {
	r := request{labels: map[string]string{}}
	var entrypoint, arches string
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	flags.StringVar(&r.tag, "tag", "", "name and tag")
	flags.StringVar(&r.user, "user", "", "name of the user that it runs as, with id 65532; root if empty")
	flags.StringVar(&entrypoint, "entrypoint", "", "program and its first arguments, separated by commas")
	flags.StringVar(&arches, "arch", "amd64", "architectures, separated by commas")
	flags.StringVar(&r.layout, "layout", "", "folder to write an OCI image layout to")
	flags.StringVar(&r.archive, "archive", "", "file to write an archive to that container engines load; {arch} is replaced")
	flags.StringVar(&r.sbom, "sbom", "", "file to write the modules of the first file to, as SPDX; {arch} is replaced")
	flags.Func("file", "PATH=FILE: a file of the image; {arch} is replaced", appendTo(&r.files))
	flags.Func("link", "PATH=TARGET: a symbolic link of the image", appendTo(&r.links))
	flags.Func("label", "KEY=VALUE", func(s string) error {
		key, value, ok := strings.Cut(s, "=")
		if !ok {
			return errors.New("expected KEY=VALUE")
		}
		r.labels[key] = value
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return r, err
	}
	r.arches = strings.Split(arches, ",")
	if entrypoint != "" {
		r.entrypoint = strings.Split(entrypoint, ",")
	}
	if r.tag == "" || len(r.files) == 0 || flags.NArg() > 0 {
		return r, errors.New("expected -tag, one -file at least, and no other words")
	}
	return r, nil
}

func appendTo(to *[]entry) func(string) error {
	return func(s string) error {
		at, from, ok := strings.Cut(s, "=")
		if !ok || !strings.HasPrefix(at, "/") || from == "" {
			return errors.New("expected /PATH=NAME")
		}
		*to = append(*to, entry{at: at, from: from})
		return nil
	}
}
