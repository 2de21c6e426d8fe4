package preview

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// FindToken returns the token of a person at a terminal: from VAULT_TOKEN,
// BAO_TOKEN, or the file that a login of Vault's own tool left in the home
// directory. It is empty where there is none.
func FindToken(lookup func(string) (string, bool), home string) (sensitive.String, error) {
	for _, name := range []string{"VAULT_TOKEN", "BAO_TOKEN"} {
		if value, _ := lookup(name); strings.TrimSpace(value) != "" {
			return sensitive.New(strings.TrimSpace(value)), nil
		}
	}
	if home == "" {
		return sensitive.String{}, nil
	}
	content, err := os.ReadFile(TokenFile(home))
	if errors.Is(err, fs.ErrNotExist) {
		return sensitive.String{}, nil
	}
	if err != nil {
		return sensitive.String{}, fmt.Errorf("read the token: %w", err)
	}
	return sensitive.New(strings.TrimSpace(string(content))), nil
}

// TokenFile returns where Vault's own tool keeps the token of a person.
func TokenFile(home string) string { return filepath.Join(home, ".vault-token") }
