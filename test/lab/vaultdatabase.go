package lab

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"
)

// connectionName is the database connection that ConnectPostgres writes.
const connectionName = "postgres"

// ConnectPostgres mounts the database engine and connects it to p.
func (v *Vault) ConnectPostgres(ctx context.Context, mount string, p *Postgres) error {
	if err := v.Mount(ctx, "database", mount); err != nil {
		return err
	}
	_, err := v.Write(ctx, mount+"/config/"+connectionName, map[string]any{
		"plugin_name":    "postgresql-database-plugin",
		"connection_url": p.ConnectionURL(),
		"username":       p.User(),
		"password":       p.Password(),
		"allowed_roles":  "*",
	})
	return err
}

// DynamicRole makes mount/creds/name create a login that may read everything,
// with a lease of ttl, renewable up to maxTTL.
func (v *Vault) DynamicRole(ctx context.Context, mount, name string, ttl, maxTTL time.Duration) error {
	_, err := v.Write(ctx, mount+"/roles/"+name, map[string]any{
		"db_name": connectionName,
		"creation_statements": []string{
			`CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'`,
			`GRANT pg_read_all_data TO "{{name}}"`,
		},
		"default_ttl": ttl.String(),
		"max_ttl":     maxTTL.String(),
	})
	return err
}

// StaticRole creates a login of the role's name in p, and makes Vault own and
// rotate its password every period, which is at least five seconds. Vault
// rotates for the first time at once.
func (v *Vault) StaticRole(ctx context.Context, mount, name string, p *Postgres, period time.Duration) error {
	if _, err := p.Query(ctx, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'", quoteIdentifier(name), rand.Text())); err != nil {
		return err
	}
	_, err := v.Write(ctx, mount+"/static-roles/"+name, map[string]any{
		"db_name": connectionName, "username": name, "rotation_period": period.String(),
	})
	return err
}
