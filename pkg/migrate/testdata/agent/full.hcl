pid_file = "/tmp/pid"
vault {
  address   = "https://vault:8200"
  ca_cert   = "/vault/tls/ca.crt"
  namespace = "team"
}
auto_auth {
  method "approle" {
    mount_path = "auth/approle"
    config = {
      role_id_file_path   = "/role"
      secret_id_file_path = "/secret"
    }
  }
  sink "file" { config = { path = "/home/vault/.vault-token" } }
  sink "file" { config = { path = "/tmp/token" } }
}
api_proxy { use_auto_auth_token = true }
cache { persist "kubernetes" { path = "/vault/agent-cache" } }
listener "tcp" {
  address     = "127.0.0.1:8100"
  tls_disable = true
}
template {
  destination     = "/etc/app/db.env"
  contents        = <<EOT
{{ with secret "database/creds/app" }}
URL="${HOME} {{ .Data.username }}"
{{ end }}
EOT
  command         = "kill -HUP $(pidof app)"
  perms           = "0600"
  left_delimiter  = "{{"
}
template {
  destination          = "/vault/secrets/db.env"
  contents             = "[[ .Env ]]"
  left_delimiter       = "[["
  right_delimiter      = "]]"
  error_on_missing_key = true
  exec { command = ["app", "reload"] }
}
template {
  destination = "/vault/secrets/file"
  source      = "/templates/a.ctmpl"
}
telemetry { prometheus_retention_time = "1m" }
