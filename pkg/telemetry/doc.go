// Package telemetry is how the program shows itself from outside: the names of
// log fields and metrics, the logger, and the HTTP endpoints for probes and
// metrics.
//
// Messages are constant and values stand in fields, whose names are constants
// here, so that one query finds a thing in every mode. Only the top of a program
// logs; packages below return errors.
package telemetry
