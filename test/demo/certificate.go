package main

import (
	"context"
	"fmt"
	"time"

	"github.com/vaultk8s/vaultk8s/test/stage"
)

const planCertificate = `The certificate in tls.pem lives for 20 s, and the agent asks for the next one some five
seconds before that. Until then tls.pem is read fifty times a second: at every look the key
must fit the certificate.`

// replaceCertificate waits for the next certificate.
func (d *demo) replaceCertificate(ctx context.Context) (string, error) {
	old, err := read(d.files.certificate(), parseCertificate)
	if err != nil {
		return "", err
	}
	d.screen.Tell("before: %s", old)
	looks := 0
	next, err := stage.Await(ctx, "another certificate in the file", func(context.Context) (certificate, error) {
		looks++
		c, err := whole(d.files.certificate(), parseCertificate)
		if err == nil && c.Serial == old.Serial {
			err = fmt.Errorf("the file still has certificate %s", old.Serial)
		}
		return c, err
	})
	if err != nil {
		return "", err
	}
	left := time.Until(old.NotAfter)
	d.screen.Tell("after:  %s", next)
	if left <= 0 || !next.NotAfter.After(old.NotAfter) {
		return "", fmt.Errorf("the certificate that ends at %s came %s too late, or ends too early", next.NotAfter, -left)
	}
	d.screen.Tell("the old one would have lived for another %.1f s; key and certificate fitted at all of %d looks", left.Seconds(), looks)
	return fmt.Sprintf("replaced %.1f s before its end; whole at %d looks", left.Seconds(), looks), nil
}
