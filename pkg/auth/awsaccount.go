package auth

import (
	"context"
	"strings"
)

// awsAccount is the role that a service account may assume: IAM roles for service
// accounts, for one that is not this pod's.
type awsAccount struct {
	tokens   AccountTokens
	role     string // its ARN
	audience string
	session  string
	endpoint string // of STS; "": that of the region
}

// newAWSAccount returns nil where it is the pod itself that logs in.
func newAWSAccount(o *options) *awsAccount {
	if o.account == nil {
		return nil
	}
	a := &awsAccount{
		tokens: o.account, role: o.given("role_arn"), audience: o.given("audience"),
		session: o.given("session_name"), endpoint: o.given("sts_endpoint"),
	}
	if a.endpoint != "" {
		if err := trusted("sts_endpoint", a.endpoint); err != nil {
			o.problems = append(o.problems, err)
		}
	}
	return a
}

// ofAccount is the source of a service account. Without a role it fails: to go on
// with what the pod itself is would be the wrong identity.
func (c awsChain) ofAccount() (awsSource, bool) {
	if c.account == nil {
		return awsSource{}, false
	}
	return awsSource{noun: "the service account", identity: c.account.role, take: c.assumeAccount}, true
}

func (c awsChain) assumeAccount(ctx context.Context) (awsCredentials, error) {
	token, err := c.account.tokens(ctx, c.account.audience)
	if err != nil {
		return awsCredentials{}, err
	}
	endpoint := strings.TrimRight(c.account.endpoint, "/") + "/"
	if c.account.endpoint == "" {
		if endpoint, err = c.stsEndpoint(); err != nil {
			return awsCredentials{}, err
		}
	}
	return exchangeWebIdentity(ctx, endpoint, c.account.role, c.account.session, token)
}
