//go:build !linux

package main

import "syscall"

// attributes has no parent-death signal to ask for: an agent outlives a demo
// that is killed.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
