// Package mlog stands in for the log package of the driver's main program, of which
// only its end matters here.
package mlog

import (
	"context"
	"fmt"
	"os"
)

// LogFormat is the shape of the log.
type LogFormat string

// The formats that the driver knows.
const (
	FormatText LogFormat = "text"
	FormatJSON LogFormat = "json"
)

// Setup prepares the log; what it returns would flush it.
func Setup() func() { return func() {} }

// ValidateAndSetKlogLevelAndFormatGlobally accepts everything: klog writes text.
func ValidateAndSetKlogLevelAndFormatGlobally[Level ~int32](context.Context, Level, LogFormat) error {
	return nil
}

// Error tells of an error.
func Error(text string, err error) { fmt.Fprintln(os.Stderr, text+":", err) }

// Fatal ends the program with an error.
func Fatal(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
