package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// pair writes to its log which certificate a server would use, and when a key does not
// belong to it. It looks at the start, at each SIGHUP, and as often as it is told.
func pair(args []string, w io.Writer) error {
	flags := flag.NewFlagSet("pair", flag.ContinueOnError)
	poll := flags.Duration("poll", 0, "how often to look; 0: only at SIGHUP")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 3 {
		return errors.New("expected a directory, and the names of a certificate and of its key in it")
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGTERM, os.Interrupt)
	var tick <-chan time.Time
	if *poll > 0 {
		ticker := time.NewTicker(*poll)
		defer ticker.Stop()
		tick = ticker.C
	}
	for last := ""; ; {
		if line := judge(flags.Arg(0), flags.Arg(1), flags.Arg(2)); line != last {
			fmt.Fprintln(w, line)
			last = line
		}
		select {
		case s := <-signals:
			if s != syscall.SIGHUP {
				return nil
			}
		case <-tick:
		}
	}
}

// judge names the certificate by its serial number, or says what is wrong with the two.
func judge(dir, certName, keyName string) string {
	cert, key, err := readPair(dir, certName, keyName)
	if err != nil {
		return "unreadable: " + err.Error()
	}
	found, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return "mismatch: " + err.Error()
	}
	leaf, err := x509.ParseCertificate(found.Certificate[0])
	if err != nil {
		return "mismatch: " + err.Error()
	}
	return fmt.Sprintf("pair %x", leaf.SerialNumber)
}

// readPair reads two files of one generation: links of the directory are followed once,
// and anew where they show another generation meanwhile.
func readPair(dir, certName, keyName string) (cert, key []byte, err error) {
	for {
		here, err := filepath.EvalSymlinks(dir)
		if err != nil {
			return nil, nil, err
		}
		cert, certErr := os.ReadFile(filepath.Join(here, certName))
		if certName == keyName { // one file is replaced in one step, but may be between two reads
			return cert, cert, certErr
		}
		key, keyErr := os.ReadFile(filepath.Join(here, keyName))
		err = errors.Join(certErr, keyErr)
		if now, gone := filepath.EvalSymlinks(dir); err == nil || gone != nil || now == here {
			return cert, key, err
		}
	}
}
