//go:build !unix

package csi

func restrictUmask() func() { return func() {} }
