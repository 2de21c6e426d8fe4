package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/watch"
)

func TestParseRequests(t *testing.T) {
	const page = `# TYPE apiserver_request_total counter
apiserver_request_total{code="200",component="apiserver",resource="secrets",subresource="",verb="GET"} 3
apiserver_request_total{code="404",component="apiserver",resource="secrets",subresource="",verb="GET"} 4
apiserver_request_total{code="200",component="apiserver",resource="vaultstaticsecrets",subresource="status",verb="PUT"} 1e+02
apiserver_other_total{resource="secrets",verb="GET"} 9
`
	got, err := parseRequests(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]float64{"GET secrets": 7, "PUT vaultstaticsecrets/status": 100}, got); diff != "" {
		t.Error(diff)
	}
	if _, err := parseRequests(strings.NewReader(`apiserver_request_total{verb="GET"} x`)); err == nil {
		t.Error("no error for a number that is none")
	}
}

func TestAddRequests(t *testing.T) {
	b, table := &operatorBench{}, &table{}
	before := map[string]float64{"POST secrets": 10, "GET pods": 1}
	after := map[string]float64{"POST secrets": 20, "PUT vaultstaticsecrets/status": 10, "LIST secrets": 1, "GET pods": 5, "WATCH events": 7}
	b.addRequests(table, before, after, 10)
	want := [][]string{{"requests to the API server for each", "10", "2.00 (1.00 POST secrets, 1.00 PUT vaultstaticsecrets/status)", "", ""}}
	if diff := cmp.Diff(want, table.rows); diff != "" {
		t.Error(diff)
	}
	if len(table.notes) != 2 { // pods, and watches
		t.Errorf("notes %q", table.notes)
	}
}

func TestChange(t *testing.T) {
	for e, want := range map[watch.EventType]int{watch.Added: 1, watch.Deleted: -1, watch.Modified: 0} {
		if got := change(e); got != want {
			t.Errorf("%s: %d, want %d", e, got, want)
		}
	}
}
