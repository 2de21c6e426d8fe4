package auth

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// awsChain finds AWS credentials.
type awsChain struct {
	accessKey string
	secretKey sensitive.String
	session   sensitive.String
	region    string      // of the STS that takes a web identity, unless AWS_REGION says another
	account   *awsAccount // nil: it is the pod that logs in
}

func newAWSChain(o *options) awsChain {
	c := awsChain{
		accessKey: o.text("access_key", ""),
		secretKey: sensitive.New(o.text("secret_key", "")),
		session:   sensitive.New(o.text("session_token", "")),
		account:   newAWSAccount(o),
	}
	if (c.accessKey == "") != c.secretKey.Empty() {
		o.problems = append(o.problems, errors.New(`auth method "aws": the options "access_key" and "secret_key" go together`))
	}
	return c
}

// awsSource is one place that may have credentials.
type awsSource struct {
	noun     string // what errors call it
	identity string // who it is for, as far as that is known without asking
	file     string // which holds the credentials; "" where none does
	take     func(context.Context) (awsCredentials, error)
}

// pick returns the first source that is set up. That one has to work: to go on
// with another identity where it fails would hide what is wrong.
func (c awsChain) pick() awsSource {
	for _, candidate := range []func() (awsSource, bool){
		c.options, c.ofAccount, awsEnvironment, c.webIdentity, awsSharedFile, awsContainer,
	} {
		if source, ok := candidate(); ok {
			return source
		}
	}
	return awsInstance()
}

// retrieve takes the credentials anew.
func (c awsChain) retrieve(ctx context.Context) (awsCredentials, error) {
	source := c.pick()
	credentials, err := source.take(ctx)
	switch {
	case err != nil:
		return awsCredentials{}, fmt.Errorf("get AWS credentials from %s: %w", source.noun, err)
	case !credentials.HasKeys():
		return awsCredentials{}, fmt.Errorf("get AWS credentials from %s: the answer holds no keys", source.noun)
	case credentials.CanExpire && !credentials.Expires.After(time.Now()):
		return awsCredentials{}, fmt.Errorf("get AWS credentials from %s: they expired at %s", source.noun, credentials.Expires.UTC().Format(time.RFC3339))
	}
	return credentials, nil
}

func (c awsChain) options() (awsSource, bool) {
	return fixed("the options access_key and secret_key", c.accessKey, c.secretKey.Reveal(), c.session.Reveal())
}

func awsEnvironment() (awsSource, bool) {
	id, secret := first("AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY"), first("AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY")
	return fixed("the environment", id, secret, os.Getenv("AWS_SESSION_TOKEN"))
}

// fixed is a source that has its credentials at hand.
func fixed(noun, id, secret, session string) (awsSource, bool) {
	credentials := awsCredentials{AccessKeyID: id, SecretAccessKey: secret, SessionToken: session}
	return awsSource{
		noun:     noun,
		identity: id,
		take:     func(context.Context) (awsCredentials, error) { return credentials, nil },
	}, credentials.HasKeys()
}

// first returns the first of some variables that is set.
func first(names ...string) string {
	for _, name := range names {
		if v := os.Getenv(name); v != "" {
			return v
		}
	}
	return ""
}
