package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
)

type (
	spdx struct {
		Version       string         `json:"spdxVersion"`
		License       string         `json:"dataLicense"`
		ID            string         `json:"SPDXID"`
		Name          string         `json:"name"`
		Namespace     string         `json:"documentNamespace"`
		Creation      spdxCreation   `json:"creationInfo"`
		Packages      []spdxPackage  `json:"packages"`
		Relationships []spdxRelation `json:"relationships"`
	}
	spdxCreation struct {
		Created  string   `json:"created"`
		Creators []string `json:"creators"`
	}
	spdxPackage struct {
		ID            string          `json:"SPDXID"`
		Name          string          `json:"name"`
		Version       string          `json:"versionInfo"`
		Location      string          `json:"downloadLocation"`
		Analyzed      bool            `json:"filesAnalyzed"`
		License       string          `json:"licenseConcluded"`
		Copyright     string          `json:"copyrightText"`
		Checksums     []spdxChecksum  `json:"checksums,omitempty"`
		ExternalNames []spdxReference `json:"externalRefs,omitempty"`
	}
	spdxChecksum struct {
		Algorithm string `json:"algorithm"`
		Value     string `json:"checksumValue"`
	}
	spdxReference struct {
		Category string `json:"referenceCategory"`
		Type     string `json:"referenceType"`
		Locator  string `json:"referenceLocator"`
	}
	spdxRelation struct {
		From string `json:"spdxElementId"`
		Type string `json:"relationshipType"`
		To   string `json:"relatedSpdxElement"`
	}
)

const noAssertion = "NOASSERTION"

// sbom lists the modules that a program is made of, as it says itself. It has no date
// of its own, for the same program gives the same list.
func sbom(tag, program string) ([]byte, error) {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return nil, fmt.Errorf("read the modules of %q: %w", program, err)
	}
	content, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(content)
	document := spdx{
		Version: "SPDX-2.3", License: "CC0-1.0", ID: "SPDXRef-DOCUMENT", Name: tag,
		Namespace: fmt.Sprintf("https://%s/sbom/%x", info.Main.Path, sum),
		Creation:  spdxCreation{Created: "1970-01-01T00:00:00Z", Creators: []string{"Tool: " + info.Main.Path + "/internal/image"}},
	}
	main := pkg("SPDXRef-program", &info.Main)
	main.Checksums = []spdxChecksum{{"SHA256", hex.EncodeToString(sum[:])}}
	document.add(main, spdxRelation{document.ID, "DESCRIBES", main.ID})
	toolchain := &debug.Module{Path: "stdlib", Version: strings.TrimPrefix(info.GoVersion, "go")}
	for i, m := range append([]*debug.Module{toolchain}, info.Deps...) {
		if m.Replace != nil {
			m = m.Replace
		}
		p := pkg(fmt.Sprintf("SPDXRef-module-%d", i), m)
		document.add(p, spdxRelation{main.ID, "DEPENDS_ON", p.ID})
	}
	return json.MarshalIndent(document, "", " ")
}

func (d *spdx) add(p spdxPackage, r spdxRelation) {
	d.Packages = append(d.Packages, p)
	d.Relationships = append(d.Relationships, r)
}

func pkg(id string, m *debug.Module) spdxPackage {
	p := spdxPackage{
		ID: id, Name: m.Path, Version: m.Version, Location: noAssertion, License: noAssertion, Copyright: noAssertion,
		ExternalNames: []spdxReference{{"PACKAGE-MANAGER", "purl", "pkg:golang/" + m.Path + "@" + m.Version}},
	}
	// A go.sum has the hash of the module's list of files, in base64.
	if sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.Sum, "h1:")); err == nil && len(sum) == sha256.Size {
		p.Checksums = []spdxChecksum{{"SHA256", hex.EncodeToString(sum)}}
	}
	return p
}
