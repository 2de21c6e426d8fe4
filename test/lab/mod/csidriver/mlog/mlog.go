// Package mlog stands in for a log package that the driver calls in one place.
package mlog

import (
	"fmt"
	"os"
)

// Fatal ends the program with an error.
func Fatal(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
