# Every key that the agent knows, with a value that is not its default.
pid_file                 = "/run/agent.pid"
exit_after_auth          = "true"
revoke_on_shutdown       = true
reload_on_change         = false
disable_idle_connections = ["auto-auth", "templating"]
disable_keep_alives      = ["caching"]
disable_mlock            = true
enable_response_header_hostname = true
log_level                = "debug"
log_format               = "json"
log_file                 = "/var/log/agent"
log_rotate_bytes         = "1024"
log_rotate_duration      = 3600
log_rotate_max_files     = -1

vault {
  address         = "https://vault:8200"
  ca_cert         = "ca.pem"
  ca_path         = "/ca"
  client_cert     = "tls.crt"
  client_key      = "tls.key"
  tls_skip_verify = "1"
  tls_server_name = "vault"
  namespace       = "team"
  retry { num_retries = "-1" }
}

auto_auth {
  enable_reauth_on_new_credentials = true
  method {
    type        = "approle"
    mount_path  = "/auth/orders/"
    namespace   = "login"
    min_backoff = "2s"
    max_backoff = 600
    exit_on_err = true
    config {
      role_id_file_path                   = "/etc/role"
      remove_secret_id_file_after_reading = false
      credential_poll_interval            = 60
    }
  }
  sink "file" {
    wrap_ttl    = "5m"
    dh_type     = "curve25519"
    dh_path     = "/dh"
    derive_key  = true
    aad         = "data"
    aad_env_var = "AAD"
    config = {
      path = "/token"
      mode = 0600
      uid  = 100
      gid  = 0
    }
  }
  sink {
    type = "file"
    config { path = "/plain" }
  }
}

identity "partner" {
  vault {
    address   = "https://partner:8200"
    namespace = "partner"
    retry { num_retries = 3 }
  }
  method "jwt" {
    mount_path = "auth/partner"
    config { path = "/partner/jwt" role = "orders" }
  }
}
identity "admin" {
  method {
    type = "kubernetes"
    config { role = "admin" }
  }
}

api_proxy {
  use_auto_auth_token          = "force"
  enforce_consistency          = "always"
  when_inconsistent            = "forward"
  prepend_configured_namespace = true
}

cache {
  persist "kubernetes" {
    path                       = "/cache"
    keep_after_import          = true
    exit_on_err                = true
    service_account_token_file = "/sa"
  }
}

listener "tcp" {
  tls_cert_file                      = "l.crt"
  tls_key_file                       = "l.key"
  tls_min_version                    = "tls12"
  tls_max_version                    = "tls13"
  tls_cipher_suites                  = "A,B"
  tls_client_ca_file                 = "ca.crt"
  tls_require_and_verify_client_cert = true
  require_request_header             = true
  role                               = "metrics_only"
  agent_api { enable_quit = true }
}
listener "unix" {
  address                  = "/run/agent.sock"
  tls_disable              = true
  tls_disable_client_certs = true
  socket_mode              = "0600"
  socket_user              = "1000"
  socket_group             = "1001"
}

template_config {
  exit_on_retry_failure         = true
  static_secret_render_interval = "10m"
  max_connections_per_host      = 20
  lease_renewal_threshold       = 0.75
}

template {
  contents             = <<-EOT
    {{ with secret "kv/data/a" }}
      {{ .Data.data.x }}
    {{ end }}
    EOT
  destination          = "/secrets/a"
  create_dest_dirs     = false
  command              = "sh -c 'echo a,b'"
  command_timeout      = 60
  error_on_missing_key = true
  error_fatal          = false
  perms                = "0400"
  user                 = "app"
  gid                  = 1000
  backup               = true
  left_delimiter       = "<<"
  right_delimiter      = ">>"
  sandbox_path         = "/sandbox"
  function_denylist    = ["plugin", "exec*"]
  wait { min = "2s" }
}
template {
  source             = "/b.ctmpl"
  destination        = "/secrets/b"
  perms              = 0444
  uid                = -1
  function_blacklist = ["env"]
  wait               = "1s:3s"
  exec {
    command       = ["reload", "a b"]
    timeout       = "5s"
    enabled       = true
    kill_signal   = "SIGTERM"
    kill_timeout  = "6s"
    reload_signal = "SIGHUP"
    splay         = "7s"
    env {
      pristine  = true
      custom    = ["A=b"]
      allowlist = ["PATH"]
      denylist  = ["VAULT_*", "HOME"]
    }
  }
}

telemetry {
  prometheus_retention_time = "24h"
  disable_hostname          = true
  maximum_gauge_cardinality = 500
  prefix_filter             = ["+vault.agent", "-vault.runtime"]
  statsd_address            = "127.0.0.1:8125"
}
