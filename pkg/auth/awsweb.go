package auth

import (
	"context"
	"errors"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// awsSessionName marks the sessions in CloudTrail. It does not change, because it
// is a part of the ARN by which Vault may name an entity.
const awsSessionName = "vaultk8s"

// webIdentity exchanges a service-account token for credentials of a role: IAM
// roles for service accounts (IRSA). STS takes the request unsigned. The SDK's
// client of STS would do it, but it costs every pod 0.2 ms and 100 KiB at the
// start, used or not.
func (c awsChain) webIdentity() (awsSource, bool) {
	role, path := os.Getenv("AWS_ROLE_ARN"), os.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE")
	return awsSource{
		noun:     "the web identity",
		identity: role,
		take:     func(ctx context.Context) (awsCredentials, error) { return c.assume(ctx, role, path) },
	}, role != "" && path != ""
}

func (c awsChain) assume(ctx context.Context, role, path string) (awsCredentials, error) {
	token, err := (&credential{noun: "web identity token", path: path}).read()
	if err != nil {
		return awsCredentials{}, err
	}
	if err := checkJWT(path, token.Reveal(), time.Now()); err != nil {
		return awsCredentials{}, err
	}
	endpoint, err := c.stsEndpoint()
	if err != nil {
		return awsCredentials{}, err
	}
	session := os.Getenv("AWS_ROLE_SESSION_NAME")
	return exchangeWebIdentity(ctx, endpoint, role, session, token)
}

// exchangeWebIdentity asks STS for the credentials of a role.
func exchangeWebIdentity(ctx context.Context, endpoint, role, session string, token sensitive.String) (awsCredentials, error) {
	if session == "" {
		session = awsSessionName
	}
	answer, err := form(endpoint, url.Values{
		"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"},
		"RoleArn": {role}, "RoleSessionName": {session}, "WebIdentityToken": {token.Reveal()},
	}, token).do(ctx, cloudClient())
	if err != nil {
		return awsCredentials{}, err
	}
	return parseAssumed(answer)
}

// stsEndpoint is where a web identity is exchanged: AWS_ENDPOINT_URL_STS for a
// private endpoint, otherwise the region in which the pod runs.
func (c awsChain) stsEndpoint() (string, error) {
	if v := first("AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"); v != "" {
		return strings.TrimRight(v, "/") + "/", trusted("AWS_ENDPOINT_URL_STS", v)
	}
	region := first("AWS_REGION", "AWS_DEFAULT_REGION")
	if region == "" {
		region = c.region
	}
	return "https://" + stsHost(region) + "/", nil
}

func parseAssumed(answer []byte) (awsCredentials, error) {
	if xmlText(answer, "AccessKeyId") == "" {
		return awsCredentials{}, errors.New("the answer of STS is not the expected XML")
	}
	expires, err := time.Parse(time.RFC3339, xmlText(answer, "Expiration"))
	return awsCredentials{
		AccessKeyID:     xmlText(answer, "AccessKeyId"),
		SecretAccessKey: xmlText(answer, "SecretAccessKey"),
		SessionToken:    xmlText(answer, "SessionToken"),
		CanExpire:       err == nil,
		Expires:         expires,
	}, nil
}
