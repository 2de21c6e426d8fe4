package conformance

func kvCases() []Case {
	return []Case{
		{Name: "kv1 read and write", Setup: []Step{mountKV1}, Do: []Step{
			get("{m}/a"), post("{m}/a", `{"value":"x","n":7}`), get("{m}/a"), put("{m}/a", `{"value":"y"}`), get("{m}/a"),
			post("{m}/a", `{}`), post("{m}/a", ``), remove("{m}/a"), remove("{m}/a"), get("{m}/a"),
		}},
		{Name: "kv1 list", Setup: []Step{mountKV1, post("{m}/a", `{"value":"x"}`), post("{m}/b/c", `{"value":"x"}`)}, Do: []Step{
			list("{m}/"), list("{m}"), get("{m}?list=true"), list("{m}/b"), list("{m}/none"), list("{m}/b/c"),
		}},
		{Name: "kv1 ttl field", Setup: []Step{mountKV1, post("{m}/a", `{"value":"x","ttl":"30s"}`), post("{m}/b", `{"value":"x","lease":90}`)}, Do: []Step{
			get("{m}/a"), get("{m}/b"),
		}},
		{Name: "kv2 read and write", Setup: []Step{mountKV2}, Do: []Step{
			get("{m}/data/a"), post("{m}/data/a", `{"data":{"value":"x","n":7}}`), post("{m}/data/a", `{"data":{"value":"y"}}`),
			get("{m}/data/a"), get("{m}/data/a?version=1"), get("{m}/data/a?version=9"), get("{m}/data/a?version=x"),
			get("{m}/metadata/a"), get("{m}/subkeys/a"), get("{m}/config"),
		}},
		{Name: "kv2 bad writes", Setup: []Step{mountKV2, post("{m}/data/a", `{"data":{"value":"x"}}`)}, Do: []Step{
			post("{m}/data/a", `{"value":"x"}`), post("{m}/data/a", `{"data":{"value":"y"},"options":{"cas":0}}`),
			post("{m}/data/a", `{"data":{"value":"y"},"options":{"cas":1}}`), post("{m}/data/b", `{"data":{"value":"y"},"options":{"cas":0}}`),
		}},
		{Name: "kv2 without data in the path", Setup: []Step{mountKV2}, Do: []Step{
			get("{m}/a"), post("{m}/a", `{"value":"x"}`), list("{m}/data/"), list("{m}/"), get("{m}/a/b"),
		}},
		{Name: "kv2 list", Setup: []Step{mountKV2, post("{m}/data/a", `{"data":{"value":"x"}}`), post("{m}/data/b/c", `{"data":{"value":"x"}}`)}, Do: []Step{
			list("{m}/metadata/"), list("{m}/metadata"), list("{m}/metadata/b"), list("{m}/metadata/none"),
		}},
		{Name: "kv2 delete and undelete", Setup: []Step{
			mountKV2, post("{m}/data/a", `{"data":{"value":"x"}}`), post("{m}/data/a", `{"data":{"value":"y"}}`),
		}, Do: []Step{
			remove("{m}/data/none"), remove("{m}/data/a"), get("{m}/data/a"), get("{m}/data/a?version=1"), get("{m}/metadata/a"),
			post("{m}/undelete/a", `{"versions":[2]}`), get("{m}/data/a"), post("{m}/destroy/a", `{"versions":[1]}`),
			get("{m}/data/a?version=1"), post("{m}/delete/a", `{"versions":[2]}`), get("{m}/subkeys/a"), post("{m}/delete/a", `{}`),
			remove("{m}/metadata/a"), get("{m}/metadata/a"), get("{m}/data/a"),
		}},
		{Name: "kv2 patch", Setup: []Step{mountKV2, post("{m}/data/a", `{"data":{"value":"x","n":7}}`)}, Do: []Step{
			other("PATCH", "{m}/data/a"), patch("{m}/data/a", `{"data":{"n":null,"value":"y"}}`), get("{m}/data/a"),
			patch("{m}/data/none", `{"data":{"n":1}}`),
		}},
		{Name: "kv2 custom metadata", Setup: []Step{mountKV2}, Do: []Step{
			post("{m}/metadata/a", `{"custom_metadata":{"value":"v"}}`), get("{m}/metadata/a"), get("{m}/data/a"),
			post("{m}/data/a", `{"data":{"value":"x"}}`), get("{m}/data/a"),
		}},
		{Name: "mount look-up", Setup: []Step{mountKV1, post("sys/mounts/{m}-two", `{"type":"kv-v2"}`)}, Do: []Step{
			get("sys/internal/ui/mounts/{m}"), get("sys/internal/ui/mounts/{m}/a/b"), get("sys/internal/ui/mounts/{m}-two/a"),
			get("sys/internal/ui/mounts/none"), get("sys/internal/ui/mounts/none/a").as(nobody),
			get("sys/internal/ui/mounts/{m}/a").as("hvs.unknown"), get("sys/internal/ui/mounts/auth/token"),
		}},
	}
}

func patch(path, body string) Step {
	s := Step{Method: "PATCH", Path: path, Body: body}
	return s.header("Content-Type", "application/merge-patch+json")
}
