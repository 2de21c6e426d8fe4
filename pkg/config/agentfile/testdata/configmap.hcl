auto_auth {
  method "kubernetes" {
    mount_path = "auth/kubernetes"
    config = { role = "orders" }
  }
  sink "file" { config = { path = "/home/vault/.vault-token" } }
}
cache { use_auto_auth_token = true }
listener "tcp" {
  address     = "127.0.0.1:8100"
  tls_disable = true
}
template {
  source      = "/vault/configs/db.ctmpl"
  destination = "/vault/secrets/db"
}
template {
  source      = "/vault/configs/config.ctmpl"
  destination = "/vault/secrets/config"
  command     = "kill -HUP $(pidof nginx) 2>/dev/null || true"
}
