package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// awsEC2 logs in with the identity document of the instance, in the signed form
// that AWS calls pkcs7. Vault lets an instance in again only with the nonce of
// its first login: without the option it is made up for this process, so that a
// role that remembers nonces refuses the next one.
type awsEC2 struct {
	login string
	role  string

	mu    sync.Mutex
	nonce sensitive.String
}

// Login implements Method.
func (a *awsEC2) Login(ctx context.Context, vault Exchanger) (*Token, error) {
	document, err := identityDocument(ctx)
	if err != nil {
		return nil, fmt.Errorf("get the signed identity document from the instance metadata service: %w", err)
	}
	return login(ctx, vault, a.login, map[string]any{"role": a.role, "pkcs7": document, "nonce": a.remembered().Reveal()})
}

func identityDocument(ctx context.Context) (string, error) {
	metadata, seen := instanceMetadata()
	answer, err := metadata.GetDynamicData(ctx, &imds.GetDynamicDataInput{Path: "instance-identity/pkcs7"})
	if err != nil {
		return "", seen.explain(err)
	}
	defer answer.Content.Close()
	content, err := io.ReadAll(io.LimitReader(answer.Content, cloudAnswerLimit))
	if err != nil {
		return "", err
	}
	document := strings.NewReplacer("\n", "", "\r", "").Replace(string(content))
	if document == "" {
		return "", errors.New("the document is empty")
	}
	return document, nil
}

// remembered returns the nonce, which is made at the first login.
func (a *awsEC2) remembered() sensitive.String {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.nonce.Empty() {
		a.nonce = sensitive.New(rand.Text())
	}
	return a.nonce
}
