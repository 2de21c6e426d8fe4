package v1beta1

// Destination is the Secret that is written. It is always in the namespace of the
// object.
type Destination struct {
	// Name of the Secret.
	Name string `json:"name"`
	// Make the Secret and own it: it carries owner labels, and is deleted with the
	// object. When false, the Secret must exist, and only its data is written.
	// +kubebuilder:default=false
	// +optional
	Create bool `json:"create,omitempty"`
	// With create: take over a Secret of this name that no object of the operator
	// owns. When false, such a Secret is an error.
	// +kubebuilder:default=false
	// +optional
	Overwrite bool `json:"overwrite,omitempty"`
	// With create: labels of the Secret. The owner labels win over these.
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
	// With create: annotations of the Secret.
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
	// With create: Go templates of further labels, as label to template. They see what
	// the templates of transformation see. A value that is no valid label is an error.
	// +optional
	LabelTemplates map[string]string `json:"labelTemplates,omitempty"`
	// With create: Go templates of further annotations, as annotation to template.
	// They see what the templates of transformation see; whoever may read the Secret's
	// metadata reads the results, so they must not hold secret values.
	// +optional
	AnnotationTemplates map[string]string `json:"annotationTemplates,omitempty"`
	// With create: type of the Secret, for example kubernetes.io/tls. A Secret of
	// another type is deleted and made anew. Default: Opaque.
	// +optional
	Type string `json:"type,omitempty"`
	// What becomes of keys, labels and annotations that somebody else has written:
	// replace removes them, merge leaves them alone and owns only its own fields
	// (server-side apply). With replace, foreign keys are removed at once, foreign
	// labels and annotations at the next write. Default: replace with create, and
	// merge without it.
	// +optional
	MergePolicy DestinationMergePolicy `json:"mergePolicy,omitempty"`
	// With create: what becomes of the Secret when the object is deleted: delete
	// removes it (with mergePolicy merge: only what the object has written), retain
	// leaves it as it is, without owner, for another object or a person to take over.
	// Default: delete.
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
	// With create: mark the Secret immutable, which relieves the nodes from watching
	// it. For new data it is deleted and made anew; one that is immutable stays so
	// until then. It cannot be combined with mergePolicy merge. Default: false.
	// +optional
	Immutable bool `json:"immutable,omitempty"`
	// How keys and values are made of what Vault answers.
	// +optional
	Transformation Transformation `json:"transformation,omitempty,omitzero"`
}

// DestinationMergePolicy says what becomes of what others have written to a Secret;
// "" is the default that the field names.
//
// +kubebuilder:validation:Enum=replace;merge
type DestinationMergePolicy string

// The policies of [Destination.MergePolicy].
const (
	DestinationReplace DestinationMergePolicy = "replace"
	DestinationMerge   DestinationMergePolicy = "merge"
)

// DeletionPolicy says what becomes of a thing when the object that made it is
// deleted; "" is the default that the field names.
//
// +kubebuilder:validation:Enum=delete;retain
type DeletionPolicy string

// The policies of deletion.
const (
	DeletionDelete DeletionPolicy = "delete"
	DeletionRetain DeletionPolicy = "retain"
)

// Transformation makes the data of the Secret: templated keys first, then the
// source keys that the filters leave.
type Transformation struct {
	// Go templates, as key in the Secret to template.
	// +optional
	Templates map[string]Template `json:"templates,omitempty"`
	// Templates and filters of SecretTransformations.
	// +optional
	TransformationRefs []TransformationRef `json:"transformationRefs,omitempty"`
	// Regular expressions (RE2, unanchored); only source keys that match one are kept.
	// Default: all are.
	// +optional
	Includes []string `json:"includes,omitempty"`
	// Regular expressions (RE2, unanchored); source keys that match one are dropped,
	// before includes are looked at.
	// +optional
	Excludes []string `json:"excludes,omitempty"`
	// Go template that renames each source key that is kept; it sees .Key and must not
	// give one name to two keys. Templated keys and _raw keep their names. Default: no
	// key is renamed.
	// +optional
	KeyTemplate string `json:"keyTemplate,omitempty"`
	// Drop the key _raw, which holds the whole answer of Vault as JSON. Default: what
	// the operator was told.
	// +optional
	ExcludeRaw bool `json:"excludeRaw,omitempty"`
}

// Template is a Go template. It sees .Secrets, .Metadata, .Annotations and .Labels.
type Template struct {
	// Name by which other templates call this one. Default: a name that is made of the
	// object's.
	// +optional
	Name string `json:"name,omitempty"`
	// Text of the template, for example {{ get .Secrets "password" }}.
	Text string `json:"text"`
}

// TransformationRef takes templates and filters of a SecretTransformation.
type TransformationRef struct {
	// Namespace of the SecretTransformation. Default: that of the object.
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// Name of the SecretTransformation.
	Name string `json:"name"`
	// Templates that are taken. Default: all.
	// +optional
	TemplateRefs []TemplateRef `json:"templateRefs,omitempty"`
	// Leave out its includes. Default: false.
	// +optional
	IgnoreIncludes bool `json:"ignoreIncludes,omitempty"`
	// Leave out its excludes. Default: false.
	// +optional
	IgnoreExcludes bool `json:"ignoreExcludes,omitempty"`
}

// TemplateRef takes one template of a SecretTransformation.
type TemplateRef struct {
	// Key of the template in the SecretTransformation.
	Name string `json:"name"`
	// Key in the Secret. Default: the name.
	// +optional
	KeyOverride string `json:"keyOverride,omitempty"`
}

// SyncConfig says what starts a refresh, beside the time.
type SyncConfig struct {
	// Refresh when Vault tells of a change. It needs Vault Enterprise 1.16.3 or newer,
	// and policies that allow to subscribe; refreshAfter stays in force. Default:
	// false.
	// +optional
	InstantUpdates bool `json:"instantUpdates,omitempty"`
}

// VaultClientMeta tells which login was used.
type VaultClientMeta struct {
	// Key of the login in the operator's cache.
	// +optional
	CacheKey string `json:"cacheKey,omitempty"`
	// Hash of the accessor of the token.
	// +optional
	ID string `json:"id,omitempty"`
}
