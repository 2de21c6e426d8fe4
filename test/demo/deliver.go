package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/vaultk8s/vaultk8s/test/stage"
)

const planAgent = `A token of service account shop/orders (TokenRequest, one hour) and an agent document
are written to a directory in memory, as the kubelet and the injector would do in a pod.
Then the agent starts beside them. It is to log in with that token and to render three files:
a value, a database login, and a certificate with its key.`

// document is the agent's document: %[1]s is the address of Vault, %[2]s the
// token's file, %[3]s the directory for the hand-over, the rest are the three
// files and the one that the command writes.
const document = `vault {
  address = "%[1]s"
}

auto_auth {
  method "kubernetes" {
    mount_path = "auth/kubernetes"
    config = {
      role       = "orders"
      token_path = "%[2]s"
    }
  }
}

cache {
  persist "kubernetes" {
    path = "%[3]s"
  }
}

template_config {
  static_secret_render_interval = "2s"
}

template {
  destination = "%[4]s"
  contents    = <<-EOT
  {{- with secret "secret/data/shop/orders" -}}
  API_KEY={{ .Data.data.api_key }}
  VERSION={{ .Data.metadata.version }}
  {{ end -}}
  EOT
  command = "echo reloaded with $(cat %[4]s) >> %[7]s"
}

template {
  destination = "%[5]s"
  contents    = <<-EOT
  {{- with secret "database/creds/orders" -}}
  {"username": "{{ .Data.username }}", "password": "{{ .Data.password }}", "lease": "{{ .LeaseID }}"}
  {{ end -}}
  EOT
}

template {
  destination = "%[6]s"
  perms       = "0600"
  contents    = <<-EOT
  {{- with pkiCert "pki/issue/orders" "common_name=orders.shop.svc" -}}
  {{ .Key }}{{ .Cert }}{{ .CA }}
  {{- end -}}
  EOT
}
`

// deliver starts the agent and shows what it renders.
func (d *demo) deliver(ctx context.Context) (string, error) {
	if err := d.writeInputs(ctx); err != nil {
		return "", err
	}
	if err := d.audit.Begin(); err != nil {
		return "", err
	}
	if err := d.startAgent(); err != nil {
		return "", err
	}
	if _, err := d.awaitLog(ctx, 0, "logged in"); err != nil {
		return "", err
	}
	if err := d.awaitReady(ctx); err != nil {
		return "", err
	}
	if err := d.showRendered(ctx); err != nil {
		return "", err
	}
	return "three files rendered from a real Vault, under kubernetes auth", nil
}

// writeInputs writes what a pod would have.
func (d *demo) writeInputs(ctx context.Context) error {
	jwt, err := d.kubernetes.Token(ctx, "shop", "orders", "vault", serviceToken)
	if err != nil {
		return err
	}
	f, text := d.files, d.documentFor(d.vault.Address())
	err = errors.Join(os.WriteFile(f.token(), []byte(jwt), 0o600), os.WriteFile(f.document(), []byte(text), 0o600))
	if err != nil {
		return fmt.Errorf("write what the agent reads: %w", err)
	}
	d.screen.Tell("in %s:", f.dir)
	d.screen.Tell("%s, a token of shop/orders: %s", f.short(f.token()), stage.Mask(jwt))
	d.screen.Show(f.short(f.document())+":", text)
	return nil
}

func (d *demo) documentFor(address string) string {
	f := d.files
	return fmt.Sprintf(document, address, f.token(), f.handover(), f.settings(), f.login(), f.certificate(), f.reloads())
}

// showRendered shows the files, without what nobody else should read, and that
// what they say is true.
func (d *demo) showRendered(ctx context.Context) error {
	if err := d.showSettings("demo-key-1"); err != nil {
		return err
	}
	l, err := read(d.files.login(), parseLogin)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(d.files.login())
	if err != nil {
		return err
	}
	d.screen.Show(d.files.short(d.files.login())+":", stage.MaskIn(string(content), l.Password.Reveal()))
	if err := d.tryLogin(ctx, l); err != nil {
		return err
	}
	d.screen.Tell("PostgreSQL lets %s in", l.User)
	c, err := read(d.files.certificate(), parseCertificate)
	if err != nil {
		return err
	}
	d.screen.Tell("%s: a private key (not shown) that fits its certificate, %s", d.files.short(d.files.certificate()), c)
	return nil
}

// showSettings shows the file of the value, which must be the given one.
func (d *demo) showSettings(key string) error {
	content, err := os.ReadFile(d.files.settings())
	if err != nil {
		return err
	}
	values, err := parseSettings(content)
	if err != nil {
		return err
	}
	if values["API_KEY"] != key {
		return fmt.Errorf("the file has API_KEY %q, and Vault has %q", values["API_KEY"], key)
	}
	d.screen.Show(d.files.short(d.files.settings())+":", string(content))
	return nil
}
