package auth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// callerIdentity asks STS who signs the request.
const callerIdentity = "Action=GetCallerIdentity&Version=2011-06-15"

// sign makes the body of a login: a request to STS that Vault sends in our place.
// Whoever sees it can do the same for 15 minutes, but nothing else.
func (a *awsIAM) sign(ctx context.Context, credentials awsCredentials) (map[string]any, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+stsHost(a.region)+"/", strings.NewReader(callerIdentity))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	if a.serverID != "" {
		request.Header.Set("X-Vault-AWS-IAM-Server-ID", a.serverID)
	}
	hash := sha256.Sum256([]byte(callerIdentity))
	err = v4.NewSigner().SignHTTP(ctx, credentials, request, hex.EncodeToString(hash[:]), "sts", a.region, time.Now())
	if err != nil {
		return nil, err
	}
	headers, err := json.Marshal(request.Header)
	if err != nil {
		return nil, err
	}
	text := base64.StdEncoding.EncodeToString
	return map[string]any{
		"iam_http_request_method": request.Method,
		"iam_request_url":         text([]byte(request.URL.String())),
		"iam_request_body":        text([]byte(callerIdentity)),
		"iam_request_headers":     text(headers),
	}, nil
}

// stsHost is the address of STS in a region. That of the default region is the
// global one, as it is Vault's default, too: what Vault sends a request to has to
// fit the host that was signed.
func stsHost(region string) string {
	if region == awsRegion {
		return "sts.amazonaws.com"
	}
	return "sts." + region + "." + awsSuffix(region)
}

// awsSuffix is the domain of the partition to which a region belongs.
func awsSuffix(region string) string {
	for _, p := range []struct{ prefix, suffix string }{
		{"cn-", "amazonaws.com.cn"},
		{"us-iso-", "c2s.ic.gov"},
		{"us-isob-", "sc2s.sgov.gov"},
		{"us-isof-", "csp.hci.ic.gov"},
		{"eu-isoe-", "cloud.adc-e.uk"},
		{"eusc-", "amazonaws.eu"},
	} {
		if strings.HasPrefix(region, p.prefix) {
			return p.suffix
		}
	}
	return "amazonaws.com"
}
