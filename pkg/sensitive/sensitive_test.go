package sensitive_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

const canary = "canary-7f3a"

type holder struct {
	Token sensitive.String
	Data  sensitive.Data
}

func TestNothingPrintsTheValue(t *testing.T) {
	h := holder{Token: sensitive.New(canary), Data: sensitive.NewData(map[string]any{"k": canary})}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%T%v"} {
		args := []any{h}
		if verb == "%T%v" {
			args = []any{h, &h}
		}
		if out := fmt.Sprintf(verb, args...); strings.Contains(out, canary) || strings.Contains(out, fmt.Sprintf("%x", canary)) {
			t.Errorf("%s prints the value: %s", verb, out)
		}
	}
	encoded, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"Token":"[redacted]","Data":"[redacted]"}`; string(encoded) != want {
		t.Errorf("JSON = %s, want %s", encoded, want)
	}
}

func TestLogsShowRedacted(t *testing.T) {
	var buf bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&buf, nil), slog.NewJSONHandler(&buf, nil)} {
		log := slog.New(handler)
		log.Info("m", "token", sensitive.New(canary), "data", sensitive.NewData(map[string]any{"k": canary}))
		log.Info("m", "holder", holder{Token: sensitive.New(canary)})
	}
	if strings.Contains(buf.String(), canary) {
		t.Errorf("a log line shows the value: %s", buf.String())
	}
	if got := strings.Count(buf.String(), sensitive.Redacted); got < 4 {
		t.Errorf("redacted %d times, want at least 4: %s", got, buf.String())
	}
}

func TestReveal(t *testing.T) {
	if got := sensitive.New(canary).Reveal(); got != canary {
		t.Errorf("String.Reveal() = %q", got)
	}
	if got := sensitive.NewData(map[string]any{"k": canary}).Reveal()["k"]; got != canary {
		t.Errorf("Data.Reveal() = %q", got)
	}
	if !sensitive.New("").Empty() || sensitive.New("x").Empty() {
		t.Error("Empty() is wrong")
	}
	if !sensitive.NewData(nil).Nil() || sensitive.NewData(map[string]any{}).Nil() {
		t.Error("Nil() is wrong")
	}
}
