package trace

import (
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// message is a protobuf message under construction. Fields that have their zero
// value are left out, as protobuf has it.
type message []byte

func (m *message) bytes(field protowire.Number, value []byte) {
	if len(value) > 0 {
		*m = protowire.AppendBytes(protowire.AppendTag(*m, field, protowire.BytesType), value)
	}
}

// text adds a string, which must be UTF-8, or the whole request is refused.
func (m *message) text(field protowire.Number, value string) { m.bytes(field, utf8(value)) }

func utf8(text string) []byte { return []byte(strings.ToValidUTF8(text, "\uFFFD")) }

func (m *message) number(field protowire.Number, value uint64) {
	if value != 0 {
		*m = protowire.AppendVarint(protowire.AppendTag(*m, field, protowire.VarintType), value)
	}
}

func (m *message) moment(field protowire.Number, at time.Time) {
	*m = protowire.AppendFixed64(protowire.AppendTag(*m, field, protowire.Fixed64Type), uint64(at.UnixNano()))
}

// part adds a message within a message, also an empty one.
func (m *message) part(field protowire.Number, value message) {
	*m = protowire.AppendBytes(protowire.AppendTag(*m, field, protowire.BytesType), value)
}

// scope names what made the spans.
const scope = "github.com/vaultk8s/vaultk8s"

// encode makes an ExportTraceServiceRequest: resource spans (1) of one resource
// (1), with scope spans (2) of one scope (1) and the spans (2).
func encode(resource []Attr, version string, spans []*span) []byte {
	var about, library, inScope, ofResource, request message
	about.attributes(1, resource)
	library.text(1, scope)
	library.text(2, version)
	inScope.part(1, library)
	for _, s := range spans {
		inScope.part(2, s.encode())
	}
	ofResource.part(1, about)
	ofResource.part(2, inScope)
	request.part(1, ofResource)
	return request
}

// encode makes a Span.
func (s *span) encode() message {
	var m message
	m.bytes(1, s.trace[:])
	m.bytes(2, s.place.span[:])
	if s.parent != [8]byte{} {
		m.bytes(4, s.parent[:])
	}
	m.text(5, s.name)
	m.number(6, s.kind)
	m.moment(7, s.start)
	m.moment(8, s.end)
	m.attributes(9, s.attrs)
	if s.failed {
		var status message
		status.text(2, s.message)
		status.number(3, 2) // STATUS_CODE_ERROR
		m.part(15, status)
	}
	return m
}

// attributes adds a KeyValue (key 1, value 2) for each attribute; an AnyValue is
// a string (1), a bool (2) or an int (3).
func (m *message) attributes(field protowire.Number, attrs []Attr) {
	for _, a := range attrs {
		var value, keyValue message
		switch a.kind {
		case kindInt:
			value = protowire.AppendVarint(protowire.AppendTag(nil, 3, protowire.VarintType), uint64(a.number))
		case kindBool:
			value = protowire.AppendVarint(protowire.AppendTag(nil, 2, protowire.VarintType), uint64(a.number))
		default:
			value.part(1, utf8(a.text))
		}
		keyValue.text(1, a.key)
		keyValue.part(2, value)
		m.part(field, keyValue)
	}
}
