package lab

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// The targets of [StartCluster]. TargetNodePackages is installed from the
// distribution, all others are compiled.
const (
	TargetNodePackages Target = "node-packages" // nftables, iproute2, busybox, what runc is built with
	TargetKubelet      Target = "kubelet"
	TargetProxy        Target = "kube-proxy"
	TargetKubectl      Target = "kubectl"
	TargetContainerd   Target = "containerd"
	TargetShim         Target = "containerd-shim-runc-v2"
	TargetContainers   Target = "ctr" // containerd's client
	TargetRunc         Target = "runc"
	TargetPTP          Target = "ptp"
	TargetLoopback     Target = "loopback"
	TargetHostLocal    Target = "host-local"
	TargetCoreDNS      Target = "coredns"
	TargetNode         Target = "labnode" // the lab's own: first process, pause
	TargetRegistrar    Target = "registrar"
	TargetSecretsStore Target = "secrets-store-csi-driver" // the program, not only its library
	TargetImage        Target = "image"                    // what makes images of programs
)

// NodeTargets is what [StartCluster] needs on top of a control plane. There is none
// where no node can run.
func NodeTargets() []Target {
	if runtime.GOOS != "linux" {
		return nil
	}
	return []Target{
		TargetNodePackages, TargetContainerd, TargetShim, TargetContainers, TargetRunc, TargetPTP, TargetLoopback, TargetHostLocal,
		TargetKubelet, TargetProxy, TargetKubectl, TargetCoreDNS, TargetNode, TargetRegistrar, TargetSecretsStore, TargetImage,
	}
}

// nodeRecipe completes the recipe of a target of [NodeTargets].
func nodeRecipe(src string, r *recipe) bool {
	dir := map[Target]string{
		TargetNode: "labnode", TargetRegistrar: "labnode", TargetCoreDNS: "coredns", TargetRunc: "runc",
		TargetContainerd: "containerd", TargetShim: "containerd", TargetContainers: "containerd",
		TargetPTP: "cni", TargetLoopback: "cni", TargetHostLocal: "cni", TargetSecretsStore: "secrets-store",
		TargetImage: "../../../internal/image",
	}[r.target]
	if dir == "" {
		return false
	}
	r.dir = filepath.Join(src, dir)
	switch r.target {
	case TargetRegistrar:
		r.pkg = "./registrar"
	case TargetRunc:
		// Its code that enters namespaces is C; and containerd gives every sandbox a
		// seccomp profile, which a runc without that library refuses.
		r.pkg, r.env = "github.com/opencontainers/runc", []string{"CGO_ENABLED=1"}
		r.flags = append(r.flags, "-tags=seccomp")
	case TargetContainerd, TargetShim, TargetContainers:
		r.pkg = "github.com/containerd/containerd/v2/cmd/" + string(r.target)
		r.flags = append(r.flags, "-tags=no_btrfs,no_zfs,no_devmapper,no_tracing")
	case TargetPTP, TargetLoopback:
		r.pkg = "github.com/containernetworking/plugins/plugins/main/" + string(r.target)
	case TargetHostLocal:
		r.pkg = "github.com/containernetworking/plugins/plugins/ipam/host-local"
	case TargetSecretsStore:
		r.pkg = "sigs.k8s.io/secrets-store-csi-driver/cmd/secrets-store-csi-driver"
	}
	return true
}

// busybox is the shell of the images that tests use; Debian's is static.
const busybox = "/bin/busybox"

// findNodePackages is the path of nft, provided that all else is there, too.
func findNodePackages() (string, error) {
	missing := &NotBuiltError{Target: TargetNodePackages}
	for _, path := range []string{busybox, "/usr/include/seccomp.h"} {
		if _, err := os.Stat(path); err != nil {
			return "", missing
		}
	}
	for _, name := range []string{"ip", "nsenter", "gcc", "pkg-config"} {
		if _, err := exec.LookPath(name); err != nil {
			return "", missing
		}
	}
	nft, err := exec.LookPath("nft")
	if err != nil {
		return "", missing
	}
	return nft, nil
}

func installedNodePackages() packaged {
	return packaged{
		target: TargetNodePackages, name: "what a Kubernetes node needs",
		packages: "nftables iproute2 util-linux busybox-static gcc libc6-dev pkg-config libseccomp-dev",
		programs: "nft, ip, nsenter, gcc, pkg-config and a static " + busybox,
		find:     findNodePackages,
		quiet:    func() (func() error, error) { return noServices(servicePolicy) },
	}
}
