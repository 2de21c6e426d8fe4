package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	fast "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"k8s.io/apimachinery/pkg/types"
)

// maxBody bounds a review: an object has 1.5 MiB in the API server's store at the
// most, and an update brings two of them.
const maxBody = 3 << 20

// Versions of the review; what is answered has the version of the question.
const (
	groupV1      = "admission.k8s.io/v1"
	groupV1beta1 = "admission.k8s.io/v1beta1"
	kindReview   = "AdmissionReview"
)

// review is what is read of an AdmissionReview.
type review struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Request    *question `json:"request"`
}

// question leaves the object undecoded.
type question struct {
	UID       types.UID       `json:"uid"`
	Namespace string          `json:"namespace"`
	Resource  resource        `json:"resource"`
	Operation string          `json:"operation"`
	DryRun    *bool           `json:"dryRun"`
	Object    json.RawMessage `json:"object"`
}

type resource struct {
	Group    string `json:"group"`
	Resource string `json:"resource"`
}

// answer is an AdmissionReview with a response.
type answer struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Response   response `json:"response"`
}

type response struct {
	UID       types.UID `json:"uid"`
	Allowed   bool      `json:"allowed"`
	Result    *result   `json:"status,omitempty"`
	Patch     []byte    `json:"patch,omitempty"`
	PatchType string    `json:"patchType,omitempty"`
	Warnings  []string  `json:"warnings,omitempty"`
}

type result struct {
	Message string `json:"message"`
	Code    int32  `json:"code,omitempty"`
}

// badRequest is what cannot be answered by a review.
type badRequest struct {
	status int
	text   string
}

func (e *badRequest) Error() string { return e.text }

// scratch is what a request is read into and its answer written to: garbage of
// some kilobytes for each request is what the memory of a busy injector would
// consist of.
type scratch struct {
	body, patch []byte
	text        bytes.Buffer
}

type scratches struct{ pool sync.Pool }

func (s *scratches) get() *scratch {
	held, ok := s.pool.Get().(*scratch)
	if !ok {
		return &scratch{}
	}
	held.text.Reset()
	return held
}

// maxKept bounds what is kept for later: one large pod is no reason to hold its
// size for ever.
const maxKept = 256 << 10

func (s *scratches) put(held *scratch) {
	if cap(held.body)+cap(held.patch)+held.text.Cap() <= maxKept {
		s.pool.Put(held)
	}
}

// read reads the body.
func (s *scratch) read(w http.ResponseWriter, r *http.Request) error {
	var err error
	s.body, err = readAll(http.MaxBytesReader(w, r.Body, maxBody), s.body[:0])
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return &badRequest{http.StatusRequestEntityTooLarge, fmt.Sprintf("the review is larger than %d bytes", large.Limit)}
	case err != nil:
		return &badRequest{http.StatusBadRequest, "the body could not be read: " + err.Error()}
	case len(s.body) == 0:
		return &badRequest{http.StatusBadRequest, "the body is empty: an AdmissionReview is expected"}
	}
	return nil
}

// readAll is io.ReadAll into a slice that is there.
func readAll(r io.Reader, into []byte) ([]byte, error) {
	for {
		if len(into) == cap(into) {
			into = append(into, 0)[:len(into)]
		}
		n, err := r.Read(into[len(into):cap(into)])
		into = into[:len(into)+n]
		if errors.Is(err, io.EOF) {
			return into, nil
		}
		if err != nil {
			return into, err
		}
	}
}

// decode reads JSON in a fraction of the time of encoding/json. That has the last
// word on what is refused: users know its errors.
func decode[T any](text []byte) (*T, error) {
	v := new(T)
	if fast.Unmarshal(text, v, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) == nil {
		return v, nil
	}
	v = new(T)
	if err := json.Unmarshal(text, v); err != nil {
		return nil, err
	}
	return v, nil
}

// parseReview reads the question. The version that is not known is answered as v1.
func parseReview(body []byte) (*question, string, error) {
	r, err := decode[review](body)
	if err != nil {
		return nil, "", &badRequest{http.StatusBadRequest, "the body is no AdmissionReview: " + err.Error()}
	}
	if r.Kind != "" && r.Kind != kindReview {
		return nil, "", &badRequest{http.StatusBadRequest, fmt.Sprintf("the body is of kind %q, not %q", r.Kind, kindReview)}
	}
	if r.Request == nil {
		return nil, "", &badRequest{http.StatusBadRequest, "the AdmissionReview has no request"}
	}
	if r.APIVersion != groupV1beta1 {
		r.APIVersion = groupV1
	}
	return r.Request, r.APIVersion, nil
}
