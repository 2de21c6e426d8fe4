// Package sensitive holds the types of everything that must not be printed.
//
// A [String] is one secret text: a token, a password, a secret id. A [Data] is
// the tree of values that Vault answered. Both show "[redacted]" wherever a
// program prints by accident: fmt, log/slog, encoding/json, encoding. To use a
// value, call Reveal; a search for that word finds every place that does.
package sensitive

import (
	"fmt"
	"log/slog"
)

// Redacted is what stands in place of a secret.
const Redacted = "[redacted]"

// String is a secret text that does not print itself.
type String struct{ text string }

// New makes a String of a plain text.
func New(text string) String { return String{text: text} }

// Reveal returns the plain text.
func (s String) Reveal() string { return s.text }

// Empty tells whether there is no text at all.
func (s String) Empty() bool { return s.text == "" }

// String implements fmt.Stringer without the text.
func (s String) String() string { return Redacted }

// Format implements fmt.Formatter, so that no verb prints the text.
func (s String) Format(f fmt.State, _ rune) { writeRedacted(f) }

// LogValue implements slog.LogValuer without the text.
func (s String) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalText implements encoding.TextMarshaler (and so JSON) without the text.
func (s String) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// Data is a tree of secret values, as Vault answers it, that does not print itself.
type Data struct{ tree map[string]any }

// NewData wraps a tree; the caller hands it over and does not change it any more.
func NewData(tree map[string]any) Data { return Data{tree: tree} }

// Reveal returns the plain tree, nil where Vault answered none. It is shared: do not change it.
func (d Data) Reveal() map[string]any { return d.tree }

// Nil tells whether there is no tree at all, as opposed to an empty one.
func (d Data) Nil() bool { return d.tree == nil }

// String implements fmt.Stringer without the values.
func (d Data) String() string { return Redacted }

// Format implements fmt.Formatter, so that no verb prints a value.
func (d Data) Format(f fmt.State, _ rune) { writeRedacted(f) }

// LogValue implements slog.LogValuer without the values.
func (d Data) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalText implements encoding.TextMarshaler (and so JSON) without the values.
func (d Data) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// writeRedacted has no way to report a failed write: fmt.State swallows it too.
func writeRedacted(f fmt.State) { _, _ = f.Write([]byte(Redacted)) }
