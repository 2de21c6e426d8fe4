package telemetry

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// maxSeries bounds how many templates and how many secrets are shown one by one:
// a thousand of each are 3*1000+5*1000 = 8000 series, as much as a scrape of a
// busy node exporter. The rest is only counted.
const maxSeries = 1000

// SecretStat is what the metrics tell of one secret. Zero values stand for what
// is not known, and have no series.
type SecretStat struct {
	Secret   string // as logs name it: operation, path, names of parameters; never a value
	Identity string // who reads it, by its name; "" for auto_auth
	Read     time.Time
	Expires  time.Time
	Version  int64 // of KV version 2
	Changes  uint64
}

// TemplateStat is what the metrics tell of one template.
type TemplateStat struct {
	Destination string // its file
	Rendered    time.Time
	Delivered   time.Time
}

// series collects what others know: numbers, and what is told of single secrets
// and templates. It asks for the lists at each scrape, so that what is gone has
// no series any more.
type series struct {
	kinds map[string]kind

	mu             sync.Mutex
	numbers        map[string]func() float64
	secrets        func() []SecretStat
	templates      func() []TemplateStat
	secretErrors   map[secretKey]float64
	templateErrors map[string]float64
}

type secretKey struct{ secret, identity string }

// kind is what a sample of a metric is made with.
type kind struct {
	desc      *prometheus.Desc
	valueType prometheus.ValueType
}

func newSeries() *series {
	return &series{numbers: map[string]func() float64{}, secretErrors: map[secretKey]float64{}, templateErrors: map[string]float64{}}
}

// describe makes what the samples need, which an agent that nobody asks spares.
func (s *series) describe() *series {
	all := newDescribed()
	s.kinds = map[string]kind{}
	for _, name := range append(numberNames(),
		"vaultk8s_template_rendered_timestamp_seconds", "vaultk8s_template_delivered_timestamp_seconds", "vaultk8s_template_errors_total",
		"vaultk8s_secret_read_timestamp_seconds", "vaultk8s_secret_expiry_timestamp_seconds", "vaultk8s_secret_version",
		"vaultk8s_secret_changes_total", "vaultk8s_secret_errors_total", "vaultk8s_series_omitted",
	) {
		s.kinds[name] = kind{all.of(name).desc(), all.of(name).valueType()}
	}
	return s
}

// numberNames lists the gauges that [Metrics.AddNumber] takes.
func numberNames() []string {
	return []string{"vaultk8s_templates", "vaultk8s_templates_rendered", "vaultk8s_scheduled", "vaultk8s_token_expiry_timestamp_seconds"}
}

// AddNumber names the function that tells a number of the program as a whole. It
// is called at each scrape, and must not block. The names are those of gauges
// without labels; another one is a mistake in the program.
func (m *Metrics) AddNumber(name string, value func() float64) {
	if !slices.Contains(numberNames(), name) {
		panic("metric " + name + " is not one of those that are asked for")
	}
	m.series.mu.Lock()
	defer m.series.mu.Unlock()
	m.series.numbers[name] = value
}

// AddSecrets names the function that lists the secrets of this moment. It is
// called at each scrape, and must not block.
func (m *Metrics) AddSecrets(list func() []SecretStat) {
	m.series.mu.Lock()
	defer m.series.mu.Unlock()
	m.series.secrets = list
}

// AddTemplates names the function that lists the templates of this moment. It is
// called at each scrape, and must not block.
func (m *Metrics) AddTemplates(list func() []TemplateStat) {
	m.series.mu.Lock()
	defer m.series.mu.Unlock()
	m.series.templates = list
}

// SecretFailed counts a read or renewal of a secret that failed, under the names
// of its [SecretStat].
func (m *Metrics) SecretFailed(secret, identity string) {
	m.series.mu.Lock()
	defer m.series.mu.Unlock()
	countUp(m.series.secretErrors, secretKey{labelValue(secret), labelValue(identity)})
}

// TemplateFailed counts a pass over a template that failed, under the name of its
// [TemplateStat].
func (m *Metrics) TemplateFailed(destination string) {
	m.series.mu.Lock()
	defer m.series.mu.Unlock()
	countUp(m.series.templateErrors, labelValue(destination))
}

// countUp counts as many things as there can be series: while nobody scrapes,
// nothing is forgotten either.
func countUp[K comparable](counts map[K]float64, key K) {
	if _, known := counts[key]; known || len(counts) < maxSeries {
		counts[key]++
	}
}

// Describe implements prometheus.Collector.
func (s *series) Describe(to chan<- *prometheus.Desc) {
	for _, k := range s.kinds {
		to <- k.desc
	}
}

// Collect implements prometheus.Collector. The lists are asked for without the
// lock, because their owner may count an error while it holds its own.
func (s *series) Collect(to chan<- prometheus.Metric) {
	s.mu.Lock()
	templates, secrets, numbers := s.templates, s.secrets, maps.Clone(s.numbers)
	s.mu.Unlock()
	for name, value := range numbers {
		s.number(to, name, value())
	}
	if templates != nil {
		shown, omitted := firstOf(mergeTemplates(templates()))
		s.collectTemplates(to, shown)
		s.number(to, "vaultk8s_series_omitted", float64(omitted), "templates")
	}
	if secrets != nil {
		shown, omitted := firstOf(mergeSecrets(secrets()))
		s.collectSecrets(to, shown)
		s.number(to, "vaultk8s_series_omitted", float64(omitted), "secrets")
	}
}

// firstOf cuts a sorted list at the bound of series, so that a scrape shows the
// same ones as that before it.
func firstOf[T any](all []T) (shown []T, omitted int) {
	n := min(len(all), maxSeries)
	return all[:n], len(all) - n
}

func (s *series) collectTemplates(to chan<- prometheus.Metric, list []TemplateStat) {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := map[string]float64{}
	for _, t := range list {
		s.moment(to, "vaultk8s_template_rendered_timestamp_seconds", t.Rendered, t.Destination)
		s.moment(to, "vaultk8s_template_delivered_timestamp_seconds", t.Delivered, t.Destination)
		s.number(to, "vaultk8s_template_errors_total", s.templateErrors[t.Destination], t.Destination)
		keep(left, s.templateErrors, t.Destination)
	}
	s.templateErrors = left
}

func (s *series) collectSecrets(to chan<- prometheus.Metric, list []SecretStat) {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := map[secretKey]float64{}
	for _, x := range list {
		key := secretKey{x.Secret, x.Identity}
		s.moment(to, "vaultk8s_secret_read_timestamp_seconds", x.Read, x.Secret, x.Identity)
		s.moment(to, "vaultk8s_secret_expiry_timestamp_seconds", x.Expires, x.Secret, x.Identity)
		if x.Version > 0 {
			s.number(to, "vaultk8s_secret_version", float64(x.Version), x.Secret, x.Identity)
		}
		s.number(to, "vaultk8s_secret_changes_total", float64(x.Changes), x.Secret, x.Identity)
		s.number(to, "vaultk8s_secret_errors_total", s.secretErrors[key], x.Secret, x.Identity)
		keep(left, s.secretErrors, key)
	}
	s.secretErrors = left
}

// keep carries over the count of what is still listed; the rest is forgotten.
func keep[K comparable](left, counts map[K]float64, key K) {
	if n, ok := counts[key]; ok {
		left[key] = n
	}
}

func (s *series) number(to chan<- prometheus.Metric, name string, value float64, labels ...string) {
	k := s.kinds[name]
	to <- prometheus.MustNewConstMetric(k.desc, k.valueType, value, labels...)
}

func (s *series) moment(to chan<- prometheus.Metric, name string, at time.Time, labels ...string) {
	if !at.IsZero() {
		s.number(to, name, float64(at.UnixMilli())/1000, labels...)
	}
}

// mergeSecrets sorts a list and makes one of what has the same names: queries
// that differ only in the values of their parameters do. The worst is shown: the
// oldest read, the first end, the lowest version.
func mergeSecrets(list []SecretStat) []SecretStat {
	list = slices.Clone(list)
	for i := range list {
		list[i].Secret, list[i].Identity = labelValue(list[i].Secret), labelValue(list[i].Identity)
	}
	byName := func(a, b SecretStat) int {
		return cmp.Or(cmp.Compare(a.Secret, b.Secret), cmp.Compare(a.Identity, b.Identity))
	}
	return merge(list, byName, func(to *SecretStat, x SecretStat) {
		to.Read, to.Expires = earlier(to.Read, x.Read), earlier(to.Expires, x.Expires)
		to.Version, to.Changes = min(to.Version, x.Version), to.Changes+x.Changes
	})
}

func mergeTemplates(list []TemplateStat) []TemplateStat {
	list = slices.Clone(list)
	for i := range list {
		list[i].Destination = labelValue(list[i].Destination)
	}
	byName := func(a, b TemplateStat) int { return cmp.Compare(a.Destination, b.Destination) }
	return merge(list, byName, func(to *TemplateStat, x TemplateStat) {
		to.Rendered, to.Delivered = earlier(to.Rendered, x.Rendered), earlier(to.Delivered, x.Delivered)
	})
}

// labelValue is a name as Prometheus takes it: one value that is not UTF-8 would
// spoil the scrape.
func labelValue(name string) string { return strings.ToValidUTF8(name, "\uFFFD") }

// merge sorts a list and puts what is equal together.
func merge[T any](list []T, compare func(a, b T) int, into func(to *T, x T)) []T {
	slices.SortFunc(list, compare)
	var merged []T
	for _, x := range list {
		if n := len(merged); n > 0 && compare(merged[n-1], x) == 0 {
			into(&merged[n-1], x)
			continue
		}
		merged = append(merged, x)
	}
	return merged
}

// earlier returns the earlier of two times; one that is not known does not count.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
