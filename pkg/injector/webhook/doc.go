// Package webhook answers the API server's admission requests over HTTP.
//
// [New] makes the handler of [Options]; it serves POST /mutate, the probes
// /livez, /readyz and /health/ready, and the metrics. It knows nothing of
// certificates and of the cluster: what readiness depends on is a function that
// it is given. The decisions are those of package injector.
//
// The pods of everybody else, which are most, cost the reading of their
// annotations: nothing else is decoded before one of them asks for secrets.
package webhook
