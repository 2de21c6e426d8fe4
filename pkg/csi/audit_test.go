package csi

import (
	"encoding/json"
	"maps"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	pb "sigs.k8s.io/secrets-store-csi-driver/provider/v1alpha1"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
)

// lines returns the lines of the log with a message, without time and level, and
// with what is random in them taken out.
func (w *world) lines(message string) []string {
	var found []string
	for line := range strings.Lines(w.log()) {
		if _, rest, ok := strings.Cut(line, `msg="`+message+`" `); ok {
			found = append(found, regexp.MustCompile(`(database/creds/app)/\w+`).ReplaceAllString(strings.TrimSpace(rest), "$1/LEASE"))
		}
	}
	return found
}

// TestAuditLine: one line for each delivery that changes something says who got what,
// from which path with which version or lease, and when that ends.
func TestAuditLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.database()
		m := w.call(aPod("orders-sa", 1), class("orders", twoKeys+credentials))
		for range 10 {
			w.send(m)
			pass(80 * time.Second)
		}
		w.vault.PutKV("secret", "orders/production", map[string]any{"db_pass": canary + "-new", "payment_api_key": canary + "-api"})
		pass(2 * time.Minute)
		w.send(m)
		w.send(m)
		const (
			who  = `pod=shop/orders-sa-1 class=class target=/pods/uid-orders-sa-1/volumes/v/mount service_account=shop/orders-sa role=orders `
			what = `objects="[db api user password]" secrets="[read database/creds/app lease database/creds/app/LEASE read secret/data/orders/production version `
		)
		want := []string{who + what + `1]" expires=2000-01-01T01:00:00.000Z`, who + what + `2]" expires=2000-01-01T01:00:00.000Z`}
		if diff := cmp.Diff(want, w.lines("secrets delivered")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// TestFailuresAreToldByTheirLevel: not once for each call, and without anything of
// what the call carried.
func TestFailuresAreToldByTheirLevel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		remove := w.vault.Fault(fakevault.Fault{Path: "secret/data/orders/production", Status: 403, Body: `{"errors":["permission denied"]}`})
		m := w.call(aPod("orders-sa", 1), class("orders", twoKeys))
		m.Secrets = quoted(map[string]string{"password": canary + "-secret"})
		for range 20 {
			w.refuse(m)
			pass(2 * time.Minute)
		}
		remove()
		for range 20 {
			w.send(m)
			pass(80 * time.Second)
		}
		if n := len(w.lines("mount failed")); n != 5 { // the 1st, 2nd, 4th, 8th and 16th
			t.Errorf("%d lines of 20 failures", n)
		}
		if n := len(w.lines("mount succeeds again")); n != 1 {
			t.Errorf("%d lines of 20 successes", n)
		}
		if n := strings.Count(w.log(), "level=WARN"); n != 6 { // and one that there is no cluster
			t.Errorf("%d warnings", n)
		}
		if n := w.vault.Logins(); n != 1 {
			t.Errorf("%d logins for a path that is refused", n)
		}
	})
}

// rotate is the call that the rotation of the driver before 1.6 makes of a first one:
// nothing of the volume's own attributes, secrets as an empty object, and the
// versions that it knows.
func rotate(t *testing.T, m *pb.MountRequest, before *pb.MountResponse) *pb.MountRequest {
	t.Helper()
	attributes := map[string]string{}
	if err := json.Unmarshal([]byte(m.GetAttributes()), &attributes); err != nil {
		t.Fatal(err)
	}
	delete(attributes, "secretProviderClass")
	delete(attributes, "csi.storage.k8s.io/ephemeral")
	return &pb.MountRequest{
		Attributes: quoted(attributes), Secrets: "{}", TargetPath: m.GetTargetPath(), Permission: m.GetPermission(), CurrentObjectVersion: before.GetObjectVersion(),
	}
}

// TestRotationOfTheOlderDriver: it costs no login and no delivery, and the class keeps
// its name, which such a call does not tell.
func TestRotationOfTheOlderDriver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.provider.key.set([]byte("0123456789abcdef0123456789abcdef"))
		w.database()
		m := w.call(aPod("orders-sa", 1), class("orders", twoKeys+credentials))
		first, err := w.provider.Mount(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		rotation := rotate(t, m, first)
		for range 30 {
			pass(2 * time.Minute)
			again, err := w.provider.Mount(t.Context(), rotation)
			if err != nil {
				t.Fatal(err)
			}
			if !maps.Equal(filesOf(first), filesOf(again)) || !maps.Equal(versionsOf(first), versionsOf(again)) {
				t.Fatal("files or versions changed, and nothing else did")
			}
		}
		if w.vault.Logins() != 1 || len(w.vault.Leases()) != 1 {
			t.Errorf("%d logins, %d leases", w.vault.Logins(), len(w.vault.Leases()))
		}
		w.vault.PutKV("secret", "orders/production", map[string]any{"db_pass": canary + "-new", "payment_api_key": canary + "-api"})
		pass(2 * time.Minute)
		changed, err := w.provider.Mount(t.Context(), rotation)
		if err != nil {
			t.Fatal(err)
		}
		var other []string
		for id, version := range versionsOf(changed) {
			if version != versionsOf(first)[id] {
				other = append(other, id)
			}
		}
		if diff := cmp.Diff([]string{"db"}, other); diff != "" {
			t.Errorf("objects with another version (-want +got):\n%s", diff)
		}
		if got := w.lines("secrets delivered"); len(got) != 2 || !strings.Contains(got[1], " class=class ") {
			t.Errorf("%q", got)
		}
	})
}
