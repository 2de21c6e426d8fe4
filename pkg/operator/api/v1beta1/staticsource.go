package v1beta1

// KVType names a version of the KV engine.
//
// +kubebuilder:validation:Enum=kv-v1;kv-v2
type KVType string

// The versions of the KV engine.
const (
	KVV1 KVType = "kv-v1"
	KVV2 KVType = "kv-v2"
)

// StaticSource is one more secret, or folder of secrets, of the KV engine.
type StaticSource struct {
	// Path of the KV mount. Default: that of the object.
	// +optional
	Mount string `json:"mount,omitempty"`
	// Path of the secret in the mount, without data/; with list, of the folder.
	Path string `json:"path"`
	// Version of the KV engine. Default: that of the object.
	// +optional
	Type KVType `json:"type,omitempty"`
	// Vault namespace of the mount. Default: that of the object.
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// Version of the secret, for kv-v2; 0 is the latest. Default: 0.
	// +kubebuilder:validation:Minimum=0
	// +optional
	Version int `json:"version,omitempty"`
	// Read every secret of the folder at path.
	// +optional
	List *FolderList `json:"list,omitempty"`
	// Keys that are taken, each with the name that it gets. Default: all, under their
	// names.
	// +optional
	Keys []KeySelection `json:"keys,omitempty"`
	// Text that is put before each key, for example db_. Default: none.
	// +optional
	KeyPrefix string `json:"keyPrefix,omitempty"`
	// Go on without this source when nothing is at its path. Default: false.
	// +optional
	Optional bool `json:"optional,omitempty"`
}

// KeySelection takes one key.
type KeySelection struct {
	// Key in Vault.
	Key string `json:"key"`
	// Key that it becomes, before keyPrefix is put before it. Default: key.
	// +optional
	As string `json:"as,omitempty"`
}

// FolderList reads every secret of a folder. The policy of the role must allow to
// list it.
type FolderList struct {
	// Read the folders in the folder too. Default: false.
	// +optional
	Recursive bool `json:"recursive,omitempty"`
	// Secrets that are read at most. More of them are an error, so that no part of a
	// folder is taken for the whole.
	// +kubebuilder:default=100
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	// +optional
	MaxItems int `json:"maxItems,omitempty"`
	// Regular expression (RE2, unanchored); only secrets whose path below the folder
	// matches are read. Default: all are.
	// +optional
	NamePattern string `json:"namePattern,omitempty"`
	// Go template of the keys. It sees .Path, the path of the secret below the folder,
	// .Name, its last element, and .Key. Default: path and key, joined by dots.
	// +optional
	KeyTemplate string `json:"keyTemplate,omitempty"`
}

// ConflictPolicy says what becomes of a key that two sources have; "" is
// ConflictError.
//
// +kubebuilder:validation:Enum=error;first;last
type ConflictPolicy string

// The policies of [VaultStaticSecretSpec.ConflictPolicy].
const (
	ConflictError ConflictPolicy = "error"
	ConflictFirst ConflictPolicy = "first"
	ConflictLast  ConflictPolicy = "last"
)

// MissingPolicy says what becomes of the data of a Secret when nothing is at the
// path in Vault any more; "" is MissingRetain.
//
// +kubebuilder:validation:Enum=retain;clear;delete
type MissingPolicy string

// The policies of [VaultStaticSecretSpec.OnMissing].
const (
	MissingRetain MissingPolicy = "retain"
	MissingClear  MissingPolicy = "clear"
	MissingDelete MissingPolicy = "delete"
)
