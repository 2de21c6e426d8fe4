package auth

import "os"

// cloudSubject tells who logs in with a method of a cloud, as far as that is
// known without asking the cloud: the role, account or application where one is
// named, otherwise what its credentials come from.
func cloudSubject(o *options) string {
	switch o.method {
	case "aws":
		if o.text("type", awsTypeIAM) == awsTypeEC2 {
			return "instance"
		}
		return newAWSChain(o).pick().identity
	case "gcp":
		return gcpSubject(o)
	case "azure":
		return azureSubject(o)
	}
	return ""
}

func gcpSubject(o *options) string {
	account := o.text("service_account", gcpDefaultAccount)
	if account != gcpDefaultAccount || o.text("type", "") == gcpTypeGCE {
		return account
	}
	source := gcpKeySource(o.text("credentials", ""))
	if key, err := source.read(); err == nil && key != nil {
		return key.ClientEmail
	}
	if _, path := source.locate(); path != "" {
		return path
	}
	return account
}

func azureSubject(o *options) string {
	if o.truth("authenticate_from_environment", false) {
		if client := os.Getenv("AZURE_CLIENT_ID"); client != "" {
			return client
		}
	}
	for _, name := range []string{"object_id", "client_id"} {
		if v := o.text(name, ""); v != "" {
			return v
		}
	}
	return "managed identity"
}

// cloudFile returns the file that holds the credentials of a method of a cloud,
// "" where they are not in a file, or in one that the kubelet replaces for the
// same identity.
func cloudFile(o *options) string {
	switch {
	case o.method == "aws" && o.text("type", awsTypeIAM) != awsTypeEC2:
		return newAWSChain(o).pick().file
	case o.method == "gcp" && o.text("type", "") != gcpTypeGCE:
		_, path := gcpKeySource(o.text("credentials", "")).locate()
		return path
	}
	return ""
}
