package lab

import (
	"fmt"
	"net"
	"testing"
)

func TestFreePorts(t *testing.T) {
	ports, err := freePorts(50)
	if err != nil {
		t.Fatal(err)
	}
	if len(ports) != 50 {
		t.Fatalf("got %d ports, want 50", len(ports))
	}
	seen := map[int]bool{}
	for _, p := range ports {
		if seen[p] || p < firstPort || p > lastPort {
			t.Errorf("port %d: twice, or not from %d to %d", p, firstPort, lastPort)
		}
		seen[p] = true
		l, err := net.Listen("tcp", loopback(p))
		if err != nil {
			t.Errorf("port %d is not free: %v", p, err)
			continue
		}
		_ = l.Close()
	}
}

func TestFreePortsTooFew(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	_, err = freePortsIn(port, port, 1)
	want := fmt.Sprintf("find 1 free ports from %d to %d: only 0 are free", port, port)
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
