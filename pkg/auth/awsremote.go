package auth

import (
	"context"
	"net/url"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// ecsHost is where the agents of ECS serve relative addresses.
const ecsHost = "http://169.254.170.2"

// containerHosts may be asked over plain http: they are on the machine.
func containerHosts() []string { return []string{"169.254.170.2", "169.254.170.23", "fd00:ec2::23"} }

// awsContainer asks the endpoint of the container's agent, which is how EKS Pod
// Identity and ECS hand out credentials.
func awsContainer() (awsSource, bool) {
	address := os.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI")
	if relative := os.Getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"); relative != "" {
		address = ecsHost + relative
	}
	return awsSource{
		noun:     "the container's endpoint",
		identity: address,
		take:     func(ctx context.Context) (awsCredentials, error) { return askContainer(ctx, address) },
	}, address != ""
}

func askContainer(ctx context.Context, address string) (awsCredentials, error) {
	if err := trustedContainer(address); err != nil {
		return awsCredentials{}, err
	}
	token, err := containerToken()
	if err != nil {
		return awsCredentials{}, err
	}
	client, seen := witnessed(metadataClient())
	provider := endpointcreds.New(address, func(o *endpointcreds.Options) {
		o.HTTPClient, o.Retryer, o.AuthorizationToken = client, aws.NopRetryer{}, token.Reveal()
	})
	credentials, err := provider.Retrieve(ctx)
	return credentials, seen.explain(err)
}

func trustedContainer(address string) error {
	u, err := url.Parse(address)
	if err == nil && u.Scheme == "http" {
		for _, host := range containerHosts() {
			if u.Hostname() == host {
				return nil
			}
		}
	}
	return trusted("AWS_CONTAINER_CREDENTIALS_FULL_URI", address)
}

// containerToken is what the agent of EKS Pod Identity wants to see. The kubelet
// replaces the file.
func containerToken() (sensitive.String, error) {
	path := os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
	if path == "" {
		return sensitive.New(os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN")), nil
	}
	return (&credential{noun: "container authorization token", path: path}).read()
}

// awsInstance asks the instance metadata service for the role of the instance. It
// is the last in the chain: it needs no setup, so nothing tells that it is meant.
func awsInstance() awsSource {
	return awsSource{
		noun:     "the instance metadata service",
		identity: "instance role",
		take: func(ctx context.Context) (awsCredentials, error) {
			metadata, seen := instanceMetadata()
			provider := ec2rolecreds.New(func(o *ec2rolecreds.Options) { o.Client = metadata })
			credentials, err := provider.Retrieve(ctx)
			return credentials, seen.explain(err)
		},
	}
}

// instanceMetadata speaks version 2 of the protocol only: the first one gives
// credentials to whoever can make a process send a GET request.
func instanceMetadata() (*imds.Client, *witness) {
	client, seen := witnessed(metadataClient())
	return imds.New(imds.Options{HTTPClient: client, Retryer: aws.NopRetryer{}, EnableFallback: aws.FalseTernary}), seen
}
