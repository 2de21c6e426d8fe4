auto_auth {
  method "kubernetes" { config = { role = "orders" } }
}
env_template "DB_PASSWORD" {
  contents             = "{{ with secret \"kv/data/db\" }}{{ .Data.data.password }}{{ end }}"
  error_on_missing_key = true
}
env_template "DB_USER" {
  source             = "/user.ctmpl"
  left_delimiter     = "[["
  right_delimiter    = "]]"
  error_fatal        = false
  function_blacklist = ["env"]
}
exec {
  command                   = ["/bin/app", "serve"]
  restart_on_secret_changes = "never"
  restart_stop_signal       = "SIGINT"
  child_process_stdout      = "/out"
  child_process_stderr      = "/err"
}
