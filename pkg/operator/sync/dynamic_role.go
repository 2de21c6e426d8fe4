package sync

import (
	"encoding/json"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/due"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// roleIn reads when Vault rotates a static role out of its answer.
func roleIn(spec *v1beta1.VaultDynamicSecretSpec, data sensitive.Data) v1beta1.StaticCredsMetaData {
	if !spec.AllowStaticCreds {
		return v1beta1.StaticCredsMetaData{}
	}
	tree := data.Reveal()
	role := v1beta1.StaticCredsMetaData{RotationPeriod: number(tree["rotation_period"]), TTL: number(tree["ttl"])}
	role.RotationSchedule, _ = tree["rotation_schedule"].(string)
	if text, ok := tree["last_vault_rotation"].(string); ok {
		if at, err := time.Parse(time.RFC3339, text); err == nil {
			role.LastVaultRotation = at.Unix()
		}
	}
	return role
}

// number reads what is a number in JSON, or a text of one; 0 for anything else.
func number(value any) int64 {
	switch n := value.(type) {
	case json.Number:
		whole, err := n.Int64()
		if err != nil {
			fraction, _ := n.Float64()
			return int64(fraction)
		}
		return whole
	case float64:
		return int64(n)
	case string:
		return number(json.Number(n))
	default:
		return 0
	}
}

func dueRole(r v1beta1.StaticCredsMetaData) *due.Role {
	return &due.Role{
		LastRotation: r.LastVaultRotation, Period: time.Duration(r.RotationPeriod) * time.Second, Schedule: r.RotationSchedule,
		TTL: time.Duration(r.TTL) * time.Second,
	}
}

// sameRole tells whether no rotation was between two reads, and none is planned
// otherwise. The TTL differs at each read.
func sameRole(a, b v1beta1.StaticCredsMetaData) bool {
	a.TTL, b.TTL = 0, 0
	return a == b
}

// unsettled is the outcome of a read that fell into a rotation: Vault is asked again,
// soon and for a while, and then after the backoff. Nil where it did not.
func (w *leased) unsettled(answered *issued) *outcome {
	s := w.status
	if s.LastGeneration == 0 || !w.object.Spec.AllowStaticCreds {
		return nil
	}
	former := w.own.roleOf(&w.object.Spec, s)
	role := dueRole(answered.role)
	if former == nil || !role.Unsettled(*former, answered.at.Sub(w.own.readAt(s))) {
		w.own.settling = time.Time{}
		return nil
	}
	if w.own.settling.IsZero() {
		w.own.settling = answered.at
	}
	if answered.at.Sub(w.own.settling) >= due.SettleLimit {
		return &outcome{silent: true, backoff: true}
	}
	return &outcome{silent: true, next: min(max(role.Next(w.k.o.Random), leastLook), due.SettlePoll)}
}
