//go:build unix

package csi

import "syscall"

// restrictUmask lets what is made be used by its owner alone, until the function
// that it returns is called. It holds for the whole process, so it is for the start.
func restrictUmask() func() {
	before := syscall.Umask(0o077)
	return func() { syscall.Umask(before) }
}
