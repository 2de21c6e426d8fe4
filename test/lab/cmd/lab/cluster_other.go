//go:build !linux

package main

import (
	"context"
	"errors"
	"io"
)

const serveWord = "cluster-serve"

var errNoCluster = errors.New("a cluster takes Linux")

func cluster(context.Context, io.Writer) error     { return errNoCluster }
func clusterServe(context.Context) error           { return errNoCluster }
func clusterDown(context.Context, io.Writer) error { return errNoCluster }
