package auth

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// The two ways of the method aws.
const (
	awsTypeIAM = "iam"
	awsTypeEC2 = "ec2"
)

// awsRegion is the region in which Vault looks by default.
const awsRegion = "us-east-1"

// newAWS makes the method aws. Its type iam proves an IAM identity: a request
// that asks STS who signed it goes to Vault, which sends it on. The type ec2
// proves an instance by the document that AWS signs for it.
//
// Of the option credential_poll_interval only the files are left: credentials
// are taken anew at every login. The credentials come from the first of these
// that is set up: the options access_key and secret_key, the variables AWS_*,
// a web identity (IRSA), a shared credentials file, a container's endpoint (EKS
// Pod Identity), the instance's role.
func newAWS(o *options) Method {
	role := o.required("role")
	switch way := o.required("type"); way {
	case awsTypeIAM, "":
		return o.newAWSIAM(role)
	case awsTypeEC2:
		return &awsEC2{login: o.loginPath(), role: role, nonce: sensitive.New(o.text("nonce", ""))}
	default:
		o.problems = append(o.problems, fmt.Errorf(`auth method "aws": option "type" must be "iam" or "ec2", not %q`, way))
		return nil
	}
}

func (o *options) newAWSIAM(role string) Method {
	m := &awsIAM{
		login:    o.loginPath(),
		role:     role,
		serverID: o.text("header_value", ""),
		region:   o.text("region", awsRegion),
		chain:    newAWSChain(o),
	}
	if strings.Trim(m.region, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		o.problems = append(o.problems, fmt.Errorf(`auth method "aws": option "region" must be the name of a region such as %q, not %q`, awsRegion, m.region))
	}
	m.chain.region = m.region
	return m
}

// awsIAM logs in with a signed request.
type awsIAM struct {
	login    string
	role     string
	serverID string // what Vault demands in a signed header against replays elsewhere; "" for none
	region   string
	chain    awsChain
}

// Login implements Method.
func (a *awsIAM) Login(ctx context.Context, vault Exchanger) (*Token, error) {
	credentials, err := a.chain.retrieve(ctx)
	if err != nil {
		return nil, err
	}
	body, err := a.sign(ctx, credentials)
	if err != nil {
		return nil, fmt.Errorf("sign the request that proves the AWS identity: %w", err)
	}
	body["role"] = a.role
	return login(ctx, vault, a.login, body)
}

// awsCredentials are what requests are signed with.
type awsCredentials = aws.Credentials
