package lab

import (
	"fmt"
	"path/filepath"
	"strings"
)

// configs are the files of the node's programs, by name. Those that should be YAML
// are JSON, which is YAML too.
func (c *Cluster) configs() (map[string][]byte, error) {
	files := map[string][]byte{
		"resolv.conf":     []byte("search .\n"),
		"containerd.toml": []byte(c.containerdConfig()),
		"Corefile":        []byte(c.corefile()),
	}
	documents := map[string]object{
		"cni/10-lab.conflist": podNetwork(),
		"kubelet.json":        c.kubeletConfig(),
		"kube-proxy.json":     c.proxyConfig(),
	}
	for name, value := range documents {
		text, err := jsonText(value)
		if err != nil {
			return nil, fmt.Errorf("encode %q: %w", name, err)
		}
		files[name] = text
	}
	return files, nil
}

// podNetwork routes pods' addresses, so that it takes no bridge.
func podNetwork() object {
	return object{"cniVersion": "1.0.0", "name": "lab", "plugins": []object{{
		"type": "ptp", "mtu": 1500, "ipMasq": false,
		"ipam": object{
			"type": "host-local", "ranges": [][]object{{{"subnet": podRange}}}, "routes": []object{{"dst": "0.0.0.0/0"}},
		},
	}}}
}

func (c *Cluster) kubeletConfig() object {
	return object{
		"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
		"containerRuntimeEndpoint": "unix://" + containerdSocket,
		"address":                  nodeAddress,
		"tlsCertFile":              c.file("kubelet.crt"), "tlsPrivateKeyFile": c.file("kubelet.key"),
		"authentication": object{
			"anonymous": object{"enabled": false}, "webhook": object{"enabled": true}, "x509": object{"clientCAFile": c.file("ca.crt")},
		},
		"authorization": object{"mode": "Webhook"},
		"failCgroupV1":  false, "cgroupDriver": "cgroupfs", "cgroupRoot": "/" + c.node.group(),
		"enforceNodeAllocatable": []string{"none"},
		"oomScoreAdj":            0, // lowering it takes a right that containers rarely have
		"clusterDomain":          clusterDomain, "clusterDNS": []string{nodeAddress}, "resolvConf": c.file("resolv.conf"),
		"volumePluginDir":             "/var/lib/kubelet/volume-plugins",
		"makeIPTablesUtilChains":      false,
		"serializeImagePulls":         false,
		"syncFrequency":               "10s",
		"maxPods":                     200,
		"registryPullQPS":             0,
		"eventRecordQPS":              0,
		"kubeAPIQPS":                  1000,
		"kubeAPIBurst":                1000,
		"failSwapOn":                  false,
		"imageGCHighThresholdPercent": 100,
		"evictionHard": object{
			"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%", "nodefs.inodesFree": "1%",
		},
	}
}

// proxyConfig leaves the settings of the kernel's connection tracking alone: they are
// the machine's.
func (c *Cluster) proxyConfig() object {
	return object{
		"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration",
		"clientConnection": object{"kubeconfig": c.file("proxy.kubeconfig")},
		"hostnameOverride": nodeName, "mode": "nftables", "clusterCIDR": podRange,
		"bindAddress": nodeAddress, "healthzBindAddress": proxyHealth, "metricsBindAddress": "127.0.0.1:10249",
		"oomScoreAdj": 0,
		"conntrack":   object{"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
	}
}

const (
	containerdSocket = "/run/containerd/containerd.sock"
	proxyHealth      = "127.0.0.1:10256"
)

func (c *Cluster) containerdConfig() string {
	var plugins []string
	for _, t := range []Target{TargetPTP, TargetLoopback, TargetHostLocal} {
		plugins = append(plugins, filepath.Dir(c.programs[t]))
	}
	return fmt.Sprintf(`version = 3
root = %[1]q
state = "/run/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.nri.v1.nri",
  "io.containerd.internal.v1.tracing", "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.snapshotter.v1.blockfile", "io.containerd.snapshotter.v1.erofs", "io.containerd.differ.v1.erofs"]
[grpc]
  address = %[2]q
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = %[3]q
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["%[4]s"]
    conf_dir = %[5]q
  [plugins."io.containerd.cri.v1.runtime".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      runtime_path = %[6]q
      [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
        BinaryName = %[7]q
        SystemdCgroup = false
`, c.file("containerd"), containerdSocket, pauseImage, strings.Join(plugins, `", "`), c.file("cni"), c.programs[TargetShim], c.programs[TargetRunc])
}

// corefile has no way out: no question leaves the machine.
func (c *Cluster) corefile() string {
	return fmt.Sprintf(`.:53 {
    bind %s
    errors
    kubernetes %s in-addr.arpa {
        kubeconfig %s
    }
    cache 5
}
`, nodeAddress, clusterDomain, c.file("coredns.kubeconfig"))
}
