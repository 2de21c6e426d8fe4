package v1beta1_test

import (
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

func TestDuration(t *testing.T) {
	cases := map[string]struct {
		text string
		want time.Duration
		err  string
	}{
		"None":     {text: "", want: 0},
		"Seconds":  {text: "30s", want: 30 * time.Second},
		"Fraction": {text: "1.5m", want: 90 * time.Second},
		"Hours":    {text: "24h", want: 24 * time.Hour},
		"Days":     {text: "90d", err: `parse duration "90d": a number and one of s, m, h is expected`},
		"NoUnit":   {text: "30", err: `parse duration "30": a number and one of s, m, h is expected`},
		"Word":     {text: "soon", err: `parse duration "soon": a number and one of s, m, h is expected`},
		"TooLong":  {text: "9999999999h", err: `parse duration "9999999999h": a number and one of s, m, h is expected`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := v1beta1.Duration(tc.text).Parse()
			if got != tc.want || message(err) != tc.err {
				t.Errorf("%v, %v; want %v, %s", got, err, tc.want, tc.err)
			}
		})
	}
}

func TestDayDuration(t *testing.T) {
	cases := map[string]struct {
		text string
		want time.Duration
		err  string
	}{
		"None":     {text: "", want: 0},
		"Hours":    {text: "72h", want: 72 * time.Hour},
		"Days":     {text: "90d", want: 90 * 24 * time.Hour},
		"Fraction": {text: "0.5d", want: 12 * time.Hour},
		"Longest":  {text: "106751d", want: 106751 * 24 * time.Hour},
		"TooLong":  {text: "106752d", err: `parse duration "106752d": a number and one of s, m, h, d is expected`},
		"NoNumber": {text: "d", err: `parse duration "d": a number and one of s, m, h, d is expected`},
		"Negative": {text: "-1d", err: `parse duration "-1d": a number and one of s, m, h, d is expected`},
		"NaN":      {text: "NaNd", err: `parse duration "NaNd": a number and one of s, m, h, d is expected`},
		"Week":     {text: "1w", err: `parse duration "1w": a number and one of s, m, h, d is expected`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := v1beta1.DayDuration(tc.text).Parse()
			if got != tc.want || message(err) != tc.err {
				t.Errorf("%v, %v; want %v, %s", got, err, tc.want, tc.err)
			}
		})
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// FuzzDayDuration wants every text that the API server lets through to be either
// understood or too long, and never negative.
func FuzzDayDuration(f *testing.F) {
	for _, seed := range []string{"30s", "1.5m", "24h", "90d", "106752d", "9999999999h", "0.0000001s", ""} {
		f.Add(seed)
	}
	accepted := regexp.MustCompile(`^([0-9]+(\.[0-9]+)?(s|m|h|d))$`)
	long := regexp.MustCompile(`^[0-9]{6,}`)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := v1beta1.DayDuration(text).Parse()
		if accepted.MatchString(text) && err != nil && !long.MatchString(text) {
			t.Errorf("%q: %v", text, err)
		}
		if accepted.MatchString(text) && got < 0 {
			t.Errorf("%q is %v", text, got)
		}
	})
}

func TestDefaults(t *testing.T) {
	type defaults struct {
		HMAC    bool
		Renewal int
	}
	no, percent := false, 0
	cases := map[string]struct {
		static  v1beta1.VaultStaticSecretSpec
		dynamic v1beta1.VaultDynamicSecretSpec
		want    defaults
	}{
		"Absent": {want: defaults{true, 67}},
		"Stated": {
			static:  v1beta1.VaultStaticSecretSpec{HMACSecretData: &no},
			dynamic: v1beta1.VaultDynamicSecretSpec{RenewalPercent: &percent},
			want:    defaults{false, 0},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, defaults{tc.static.HMAC(), tc.dynamic.RenewAfterPercent()}); diff != "" {
				t.Errorf("defaults (-want +got):\n%s", diff)
			}
		})
	}
}
