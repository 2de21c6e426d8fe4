package lab

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// The range that ports are taken from. It lies below the one from which Linux
// takes the local ports of outgoing connections (32768 and up), so that no
// client can take a port between the moment it was found free and the moment the
// server listens on it.
const (
	firstPort = 20000
	lastPort  = 31999
)

// freePorts returns n different ports of 127.0.0.1 that nobody listens on.
func freePorts(n int) ([]int, error) { return freePortsIn(firstPort, lastPort, n) }

func freePortsIn(first, last, n int) ([]int, error) {
	var held []net.Listener // until all are found, so that none is found twice
	defer func() {
		for _, l := range held {
			_ = l.Close()
		}
	}()
	ports := make([]int, 0, n)
	for _, offset := range rand.Perm(last - first + 1) {
		if len(ports) == n {
			break
		}
		if l, err := net.Listen("tcp", loopback(first+offset)); err == nil {
			held = append(held, l)
			ports = append(ports, first+offset)
		}
	}
	if len(ports) < n {
		return nil, fmt.Errorf("find %d free ports from %d to %d: only %d are free", n, first, last, len(ports))
	}
	return ports, nil
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
