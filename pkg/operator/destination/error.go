package destination

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What a person has to mend. Any other error is of the API server or the way
// there, and another attempt may help.
var (
	// ErrMissing says that there is no Secret, and that the object may not make it.
	ErrMissing = errors.New("the destination does not exist")
	// ErrForeign says that the Secret is somebody else's.
	ErrForeign = errors.New("the destination is somebody else's")
	// ErrInvalid says that the Secret cannot be as it is wanted.
	ErrInvalid = errors.New("the destination cannot be written")
)

// failure is an error of one of the kinds, with its own text.
type failure struct {
	kind error
	text string
}

func (f *failure) Error() string { return f.text }

// Unwrap makes errors.Is find the kind.
func (f *failure) Unwrap() error { return f.kind }

func fail(kind error, format string, args ...any) error {
	return &failure{kind: kind, text: fmt.Sprintf(format, args...)}
}

// refused turns what the API server says against a Secret into ErrInvalid. It
// quotes nothing that could be a value of the data.
func refused(attempt string, err error) error {
	if !apierrors.IsInvalid(err) && !apierrors.IsRequestEntityTooLargeError(err) {
		return fmt.Errorf("%s: %w", attempt, err)
	}
	var status *apierrors.StatusError
	var problems []string
	if errors.As(err, &status) && status.ErrStatus.Details != nil {
		for _, cause := range status.ErrStatus.Details.Causes {
			problems = append(problems, problem(cause))
		}
	}
	if len(problems) == 0 {
		problems = []string{"the API server does not accept it"}
	}
	slices.Sort(problems)
	return fail(ErrInvalid, "%s: %s", attempt, strings.Join(slices.Compact(problems), "; "))
}

// problem is a cause without its message where that may tell of the data.
func problem(cause metav1.StatusCause) string {
	if strings.HasPrefix(cause.Field, "metadata") || cause.Field == "type" {
		return cause.Field + ": " + cause.Message
	}
	return fmt.Sprintf("%s: %s", cause.Field, cause.Type)
}
