# The method token_file is for trials. In a pod, take kubernetes or another one.
auto_auth {
  method {
    type = "token_file"
    config {
      token_file_path = "/home/me/.vault-token"
    }
  }
}

template_config {
  static_secret_render_interval = "5m"
  exit_on_retry_failure         = true
}

vault {
  address = "http://vault.test:8200"
  ca_cert = "/ca.crt"
  tls_skip_verify = true
}

env_template "DB_EMPTY" {
  contents             = "{{ with secret \"secret/data/app/db\" }}{{ .Data.data.empty }}{{ end }}"
  error_on_missing_key = true
}

env_template "DB_PASSWORD" {
  contents             = "{{ with secret \"secret/data/app/db\" }}{{ .Data.data.password }}{{ end }}"
  error_on_missing_key = true
}

env_template "DB_PORT" {
  contents             = "{{ with secret \"secret/data/app/db\" }}{{ .Data.data.port }}{{ end }}"
  error_on_missing_key = true
}

env_template "DB_TLS" {
  contents             = "{{ with secret \"secret/data/app/db\" }}{{ .Data.data.tls }}{{ end }}"
  error_on_missing_key = true
}

env_template "DB_USER" {
  contents             = "{{ with secret \"secret/data/app/db\" }}{{ .Data.data.user }}{{ end }}"
  error_on_missing_key = true
}

env_template "API_API_KEY" {
  contents             = "{{ with secret \"secret/data/app/deep/api\" }}{{ index .Data.data \"api-key\" }}{{ end }}"
  error_on_missing_key = true
}

env_template "QUO_TE_A_B_C" {
  contents             = "{{ with secret \"secret/data/app/quo\\\"te\" }}{{ index .Data.data \"a \\\"b\\\" \u0024{c}\" }}{{ end }}"
  error_on_missing_key = true
}

env_template "QUO_TE_NÄME" {
  contents             = "{{ with secret \"secret/data/app/quo\\\"te\" }}{{ .Data.data.näme }}{{ end }}"
  error_on_missing_key = true
}

env_template "ONE_PASSWORD" {
  contents             = "{{ with secret \"kv/one\" }}{{ .Data.password }}{{ end }}"
  error_on_missing_key = true
}

exec {
  command                   = ["./app", "serve"]
  restart_on_secret_changes = "always"
  restart_stop_signal       = "SIGTERM"
}
