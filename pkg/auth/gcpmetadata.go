package auth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// gcpMetadataHost is the metadata server's address, which needs no name service.
const gcpMetadataHost = "169.254.169.254"

// gcpMetadata asks the metadata server about an account of the machine.
func gcpMetadata(account, what string, query url.Values) cloudCall {
	return gcpServer("instance/service-accounts/"+url.PathEscape(account)+"/"+what, query)
}

// gcpServer asks the metadata server.
func gcpServer(path string, query url.Values) cloudCall {
	host := os.Getenv("GCE_METADATA_HOST")
	if host == "" {
		host = gcpMetadataHost
	}
	return cloudCall{
		method: http.MethodGet,
		url:    "http://" + host + "/computeMetadata/v1/" + path,
		query:  query,
		header: map[string]string{"Metadata-Flavor": "Google"},
	}
}

// gcpIdentity returns a token that tells who and where the machine is.
func gcpIdentity(ctx context.Context, account, audience string) (sensitive.String, error) {
	jwt, err := gcpMetadata(account, "identity", url.Values{"audience": {audience}, "format": {"full"}}).do(ctx, metadataClient())
	if err != nil {
		return sensitive.String{}, err
	}
	text := strings.TrimSpace(string(jwt))
	if _, ok := parseJWT(text); !ok {
		return sensitive.String{}, errors.New("the answer is not a JWT")
	}
	return sensitive.New(text), nil
}

// gcpEmail returns the full name of an account of the machine.
func gcpEmail(ctx context.Context, account string) (string, error) {
	email, err := gcpMetadata(account, "email", nil).do(ctx, metadataClient())
	return strings.TrimSpace(string(email)), err
}

// gcpMachineToken returns an access token of the account that the machine runs as.
func gcpMachineToken(ctx context.Context) (sensitive.String, error) {
	return accessToken(ctx, metadataClient(), gcpMetadata(gcpDefaultAccount, "token", nil))
}

// accessToken sends a call that is answered as OAuth says.
func accessToken(ctx context.Context, client *http.Client, c cloudCall) (sensitive.String, error) {
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := c.json(ctx, client, &answer); err != nil {
		return sensitive.String{}, err
	}
	if answer.AccessToken == "" {
		return sensitive.String{}, errors.New(c.String() + ": the answer holds no access token")
	}
	return sensitive.New(answer.AccessToken), nil
}
