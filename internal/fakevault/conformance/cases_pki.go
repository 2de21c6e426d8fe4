package conformance

func pkiCases() []Case {
	setup := []Step{
		post("sys/mounts/{m}", `{"type":"pki"}`), post("{m}/root/generate/internal", `{"common_name":"ca","key_type":"ec","ttl":"700h"}`),
		post("{m}/roles/web", `{"allowed_domains":"example.com","allow_subdomains":true,"max_ttl":"24h","ttl":"1h","key_type":"ec","key_bits":256}`),
		post("{m}/roles/lease", `{"allow_any_name":true,"max_ttl":"24h","key_type":"ec","key_bits":256,"generate_lease":true}`),
	}
	return []Case{
		{Name: "pki root", Setup: setup[:1], Do: []Step{
			post("{m}/issue/web", `{"common_name":"a.example.com"}`), post("{m}/root/generate/internal", `{"common_name":"ca","key_type":"ec","ttl":"700h"}`),
			get("{m}/cert/ca").as(nobody), get("{m}/ca/pem").as(nobody), get("{m}/cert/ca"),
		}},
		{Name: "pki issue", Setup: setup, Do: []Step{
			post("{m}/issue/web", `{"common_name":"a.example.com"}`), put("{m}/issue/web", `{"common_name":"a.example.com","ttl":"48h","alt_names":"b.example.com","ip_sans":"127.0.0.1"}`),
			post("{m}/issue/web", `{"common_name":"a.example.com","format":"pem_bundle","private_key_format":"pkcs8"}`),
			post("{m}/issue/web", `{"common_name":"a.other.com"}`), post("{m}/issue/web", `{"common_name":"a.example.com","alt_names":"b.other.com"}`),
			post("{m}/issue/web", `{}`), post("{m}/issue/web", `{"common_name":"a.example.com","ttl":"x"}`), post("{m}/issue/none", `{"common_name":"a"}`),
			get("{m}/issue/web"), get("{m}/roles/none"), list("{m}/roles"),
		}},
		{Name: "pki lease", Setup: setup, Do: []Step{
			post("{m}/issue/lease", `{"common_name":"a.other.com","ttl":"1h"}`).save("lease", "lease_id"),
			put("sys/leases/renew", `{"lease_id":"{lease}"}`), put("sys/leases/lookup", `{"lease_id":"{lease}"}`),
		}},
	}
}
