package lab

import (
	"slices"
	"strconv"
)

// serviceRange is where Services get their addresses. Without a node nothing routes it.
const serviceRange = "10.96.0.0/16"

// Issuer is the issuer of the cluster's service account tokens, and their
// audience when none is asked for.
const Issuer = "https://kubernetes.default.svc.cluster.local"

func (k *Kubernetes) command(t Target, args ...string) command {
	c := command{
		name: string(t), dir: k.dir, log: k.file(string(t) + ".log"),
		argv: slices.Concat([]string{k.programs[t]}, args),
	}
	if k.place != nil {
		return k.place.inside(c)
	}
	return c
}

func (k *Kubernetes) etcd() command {
	clients, peers := "http://"+loopback(k.etcdPort), "http://"+loopback(k.peerPort)
	return k.command(TargetEtcd,
		"--name=lab", "--data-dir="+k.file("etcd"), "--unsafe-no-fsync", "--log-level=warn",
		"--listen-client-urls="+clients, "--advertise-client-urls="+clients,
		"--listen-peer-urls="+peers, "--initial-advertise-peer-urls="+peers,
		"--initial-cluster=lab="+peers,
	)
}

func (k *Kubernetes) apiserver() command {
	args := []string{
		"--etcd-servers=http://" + loopback(k.etcdPort),
		"--bind-address=" + k.host(), "--secure-port=" + strconv.Itoa(k.apiPort),
		"--tls-cert-file=" + k.file("apiserver.crt"), "--tls-private-key-file=" + k.file("apiserver.key"),
		"--client-ca-file=" + k.file("ca.crt"),
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--allow-privileged=true",
		"--service-cluster-ip-range=" + serviceRange,
		"--advertise-address=" + nodeAddress, "--endpoint-reconciler-type=" + k.reconciler(),
		"--kubelet-client-certificate=" + k.file("apiserver-kubelet.crt"), "--kubelet-client-key=" + k.file("apiserver-kubelet.key"),
		"--kubelet-certificate-authority=" + k.file("ca.crt"), "--kubelet-preferred-address-types=InternalIP",
		"--service-account-issuer=" + Issuer,
		"--service-account-signing-key-file=" + k.file("tokens.key"),
		"--service-account-key-file=" + k.file("tokens.pub"),
		"--profiling=false",
	}
	return k.command(TargetAPIServer, append(args, k.options.APIServerArgs...)...)
}

// reconciler says who writes the endpoints of the Service "kubernetes". They may not be
// loopback addresses, so without a node nobody does.
func (k *Kubernetes) reconciler() string {
	if k.place == nil {
		return "none"
	}
	return "lease"
}

func (k *Kubernetes) controllerManager() command {
	return k.command(TargetControllerManager, append(k.clientArgs("controller-manager"),
		"--use-service-account-credentials=true",
		"--service-account-private-key-file="+k.file("tokens.key"),
		"--root-ca-file="+k.file("ca.crt"),
		"--cluster-signing-cert-file="+k.file("ca.crt"), "--cluster-signing-key-file="+k.file("ca.key"),
		// By default it creates a folder below /usr.
		"--flex-volume-plugin-dir="+k.file("flex"),
	)...)
}

func (k *Kubernetes) scheduler() command {
	return k.command(TargetScheduler, k.clientArgs("scheduler")...)
}

func (k *Kubernetes) clientArgs(name string) []string {
	config := k.file(name + ".kubeconfig")
	return []string{
		"--kubeconfig=" + config, "--authentication-kubeconfig=" + config, "--authorization-kubeconfig=" + config,
		"--leader-elect=false", "--bind-address=127.0.0.1", "--secure-port=0",
		// The default limit of 20 requests a second costs four seconds at start.
		"--kube-api-qps=1000", "--kube-api-burst=1000",
	}
}
