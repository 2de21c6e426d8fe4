package auth

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// awsSharedFile reads a profile of the file that the AWS command line keeps. The
// default file counts only where it has the keys of the profile; one that is
// named has to.
func awsSharedFile() (awsSource, bool) {
	path, profile := os.Getenv("AWS_SHARED_CREDENTIALS_FILE"), os.Getenv("AWS_PROFILE")
	named := path != ""
	if !named {
		home, err := os.UserHomeDir()
		if err != nil {
			return awsSource{}, false
		}
		path = filepath.Join(home, ".aws", "credentials")
	}
	if profile == "" {
		profile = "default"
	}
	if _, err := readProfile(path, profile); err != nil && !named {
		return awsSource{}, false
	}
	return awsSource{
		noun:     "the shared credentials file",
		identity: profile + " in " + path,
		file:     path,
		take:     func(context.Context) (awsCredentials, error) { return readProfile(path, profile) },
	}, true
}

func readProfile(path, profile string) (awsCredentials, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return awsCredentials{}, err
	}
	credentials := parseProfile(string(content), profile)
	if !credentials.HasKeys() {
		return awsCredentials{}, fmt.Errorf("the profile %q in %q has no aws_access_key_id and aws_secret_access_key", profile, path)
	}
	return credentials, nil
}

// parseProfile reads a section of an INI file. Lines that are none of ours, such
// as the nested ones of other tools, are passed over.
func parseProfile(content, profile string) awsCredentials {
	var c awsCredentials
	within := false
	for line := range strings.Lines(content) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "["); ok {
			name, _, _ = strings.Cut(name, "]")
			within = strings.TrimSpace(name) == profile
			continue
		}
		key, value, found := strings.Cut(line, "=")
		if !within || !found || strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			continue
		}
		value = strings.TrimSpace(value)
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "aws_access_key_id":
			c.AccessKeyID = value
		case "aws_secret_access_key":
			c.SecretAccessKey = value
		case "aws_session_token":
			c.SessionToken = value
		}
	}
	return c
}
