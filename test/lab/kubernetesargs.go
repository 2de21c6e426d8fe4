package lab

import (
	"slices"
	"strconv"
)

// serviceRange is where Services get their addresses. Nothing routes it here.
const serviceRange = "10.96.0.0/16"

// Issuer is the issuer of the cluster's service account tokens, and their
// audience when none is asked for.
const Issuer = "https://kubernetes.default.svc.cluster.local"

func (k *Kubernetes) command(t Target, args ...string) command {
	return command{
		name: string(t), dir: k.dir, log: k.file(string(t) + ".log"),
		argv: slices.Concat([]string{k.programs[t]}, args),
	}
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
		"--bind-address=127.0.0.1", "--secure-port=" + strconv.Itoa(k.apiPort),
		"--tls-cert-file=" + k.file("apiserver.crt"), "--tls-private-key-file=" + k.file("apiserver.key"),
		"--client-ca-file=" + k.file("ca.crt"),
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--allow-privileged=true",
		"--service-cluster-ip-range=" + serviceRange,
		// The endpoints of the Service "kubernetes" may not be loopback
		// addresses: advertise one reserved for documentation, and let nobody
		// write it.
		"--advertise-address=192.0.2.10", "--endpoint-reconciler-type=none",
		"--service-account-issuer=" + Issuer,
		"--service-account-signing-key-file=" + k.file("tokens.key"),
		"--service-account-key-file=" + k.file("tokens.pub"),
		"--profiling=false",
	}
	return k.command(TargetAPIServer, append(args, k.options.APIServerArgs...)...)
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
