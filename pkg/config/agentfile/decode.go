package agentfile

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/config/problem"
)

// Warnings are findings that do not keep a document from being used.
type Warnings []problem.Problem

// Problems is the error of a document: all that is wrong, in order.
type Problems = problem.List

// Decode reads a document in HCL or JSON; the name stands in messages. The error
// is a [Problems]. The document is not judged as a whole: see [Document.Validate].
func Decode(name string, src []byte) (*Document, Warnings, error) {
	doc := New()
	d := &decoder{}
	d.decode(doc, name, src)
	return d.result(doc)
}

// DecodeBase64 reads a document that is encoded in base64, as the injector
// hands it over in the variable VAULT_CONFIG.
func DecodeBase64(name, text string) (*Document, Warnings, error) {
	src, err := plain(name, text)
	if err != nil {
		return nil, nil, err
	}
	return Decode(name, src)
}

// plain decodes base64. Line breaks are no part of the data; the shell tool
// base64 puts them in.
func plain(name, text string) ([]byte, error) {
	src, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	var at base64.CorruptInputError
	if errors.As(err, &at) {
		return nil, Problems{{File: name, Text: fmt.Sprintf("not valid base64 at byte %d", int64(at))}}
	}
	return src, nil
}

func (d *decoder) result(doc *Document) (*Document, Warnings, error) {
	if err := d.problems.Err(); err != nil {
		return nil, d.warnings, err
	}
	return doc, d.warnings, nil
}

// decode lays what a file says over the document: lists grow, blocks and single
// values replace what is there.
func (d *decoder) decode(doc *Document, name string, src []byte) {
	d.file = name
	root, err := parse(src)
	if err != nil {
		var at *syntaxError
		if errors.As(err, &at) {
			d.problem(at.line, "%s", at.text)
		}
		return
	}
	root.fields = slices.DeleteFunc(root.fields, isSilent)
	d.object("", root, lenient, topLevel(doc))
}

func topLevel(doc *Document) readers {
	return readers{
		"vault":           single(func(d *decoder, path string, n *node) { doc.Vault = d.vault(path, n) }),
		"auto_auth":       single(func(d *decoder, path string, n *node) { doc.AutoAuth = d.autoAuth(path, n) }),
		"api_proxy":       single(func(d *decoder, path string, n *node) { doc.APIProxy = d.apiProxy(path, n) }),
		"cache":           single(func(d *decoder, path string, n *node) { doc.Cache = d.cache(path, n) }),
		"exec":            single(func(d *decoder, path string, n *node) { doc.Exec = d.exec(path, n) }),
		"template_config": single(func(d *decoder, path string, n *node) { doc.TemplateConfig = d.templateConfig(path, n) }),
		"telemetry":       single(func(d *decoder, path string, n *node) { doc.Telemetry = d.telemetry(path, n) }),
		"identity": func(d *decoder, path string, f field) {
			doc.Identities = append(doc.Identities, d.identities(path, f)...)
		},
		"listener": func(d *decoder, path string, f field) { doc.Listeners = append(doc.Listeners, d.listeners(path, f)...) },
		"template": func(d *decoder, path string, f field) { doc.Templates = append(doc.Templates, d.templates(path, f)...) },
		"env_template": func(d *decoder, path string, f field) {
			doc.EnvTemplates = append(doc.EnvTemplates, d.envTemplates(path, f)...)
		},
		"pid_file":                 str(&doc.PIDFile),
		"exit_after_auth":          truth(&doc.ExitAfterAuth),
		"revoke_on_shutdown":       truth(&doc.RevokeOnShutdown),
		"reload_on_change":         flag(&doc.ReloadOnChange),
		"disable_idle_connections": texts(&doc.DisableIdleConnections),
		"disable_keep_alives":      texts(&doc.DisableKeepAlives),
		"log_level":                str(&doc.Log.Level),
		"log_format":               str(&doc.Log.Format),
		"log_file":                 str(&doc.Log.File),
		"log_rotate_bytes":         countFrom(0, &doc.Log.RotateBytes),
		"log_rotate_duration":      span(&doc.Log.RotateDuration),
		"log_rotate_max_files":     countFrom(-1, &doc.Log.RotateMaxFiles),
	}
}

func (d *decoder) vault(path string, n *node) *Vault {
	v := &Vault{}
	d.object(path, n, lenient, readers{
		"address":         str(&v.Address),
		"ca_cert":         str(&v.CACert),
		"ca_path":         str(&v.CAPath),
		"client_cert":     str(&v.ClientCert),
		"client_key":      str(&v.ClientKey),
		"tls_skip_verify": truth(&v.TLSSkipVerify),
		"tls_server_name": str(&v.TLSServerName),
		"namespace":       str(&v.Namespace),
		"retry": single(func(d *decoder, path string, n *node) {
			d.object(path, n, lenient, readers{"num_retries": count(&v.NumRetries)})
		}),
	})
	return v
}
