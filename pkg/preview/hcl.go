package preview

import (
	"fmt"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/config"
)

// writeDocument writes the document in the notation that people edit.
func writeDocument(o GenerateOptions, variables []variable) []byte {
	var b strings.Builder
	writeLogin(&b, o.TokenFile)
	b.WriteString("\ntemplate_config {\n  static_secret_render_interval = \"5m\"\n  exit_on_retry_failure         = true\n}\n")
	writeVault(&b, o.Vault)
	for _, v := range variables {
		fmt.Fprintf(&b, "\nenv_template %s {\n  contents             = %s\n  error_on_missing_key = true\n}\n", quote(v.name), quote(v.contents))
	}
	fmt.Fprintf(&b, "\nexec {\n  command                   = %s\n  restart_on_secret_changes = \"always\"\n  restart_stop_signal       = \"SIGTERM\"\n}\n", command(o.Exec))
	return []byte(b.String())
}

func writeLogin(b *strings.Builder, tokenFile string) {
	fmt.Fprintf(b, `# The method token_file is for trials. In a pod, take kubernetes or another one.
auto_auth {
  method {
    type = "token_file"
    config {
      token_file_path = %s
    }
  }
}
`, quote(tokenFile))
}

// writeVault writes how the secrets were reached, so that the document works here.
func writeVault(b *strings.Builder, c config.Vault) {
	b.WriteString("\nvault {\n")
	for _, key := range []struct{ name, value string }{
		{"address", c.Address},
		{"namespace", c.Namespace},
		{"ca_cert", c.CACert},
		{"ca_path", c.CAPath},
		{"client_cert", c.ClientCert},
		{"client_key", c.ClientKey},
		{"tls_server_name", c.TLSServerName},
	} {
		if key.value != "" {
			fmt.Fprintf(b, "  %s = %s\n", key.name, quote(key.value))
		}
	}
	if c.TLSSkipVerify {
		b.WriteString("  tls_skip_verify = true\n")
	}
	b.WriteString("}\n")
}

// command splits a command line at its blanks; one that needs a shell to be
// understood stays whole.
func command(line string) string {
	words := strings.Fields(line)
	if strings.ContainsAny(line, "'\"\\$`|&;<>()*?") {
		words = []string{line}
	}
	if len(words) == 0 {
		words = []string{"env"}
	}
	for i, word := range words {
		words[i] = quote(word)
	}
	return "[" + strings.Join(words, ", ") + "]"
}

// quote writes a string of HCL version 1, where ${ begins what ends at a brace.
func quote(text string) string {
	return strings.ReplaceAll(fmt.Sprintf("%q", text), "${", `\u0024{`)
}
