package main

import (
	"context"
	"fmt"
)

const planCertificate = `The certificate in tls.pem lives for 20 s, and the agent asks for the next one when nine
tenths of its life are over. Until then tls.pem is read fifty times a second: at every look the
key must fit the certificate.`

// replaceCertificate waits for the next certificate.
func (d *demo) replaceCertificate(ctx context.Context) (string, error) {
	old, err := read(d.files.certificate(), parseCertificate)
	if err != nil {
		return "", err
	}
	d.screen.tell("now:")
	d.showCertificate(old)
	looks := 0
	next, err := await(ctx, "another certificate in the file", func(context.Context) (certificate, error) {
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
	d.screen.tell("then, before that one has ended:")
	d.showCertificate(next)
	if !next.NotAfter.After(old.NotAfter) {
		return "", fmt.Errorf("the new certificate ends at %s, no later than the old one", next.NotAfter)
	}
	d.screen.tell("at %d looks, key and certificate fitted every time", looks)
	return fmt.Sprintf("replaced before its end; whole at %d looks", looks), nil
}
