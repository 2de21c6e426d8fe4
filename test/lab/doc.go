// Package lab runs real servers for tests: Vault, a Kubernetes control plane,
// PostgreSQL and OpenLDAP, each as a child process on loopback with free ports and a
// temporary directory of its own.
//
// A test needs two functions. [UseVault] (or [UseKubernetes], [UsePostgres], [UseLDAP])
// starts a server, fails the test when it cannot, and stops the server when the
// test ends. The methods in vaultsetup.go and vaultdatabase.go then mount what
// the test talks about:
//
//	v := lab.UseVault(t, lab.VaultOptions{})
//	k := lab.UseKubernetes(t, lab.KubernetesOptions{})
//	err := v.ConnectKubernetes(t.Context(), "kubernetes", k)
//	jwt, err := k.Token(t.Context(), "apps", "app", "vault", time.Hour)
//
// Starting costs a tenth of a second for Vault and OpenLDAP, one second for
// PostgreSQL and four for Kubernetes; a package with many Kubernetes tests starts
// one in its TestMain with [StartKubernetes].
//
// # A cluster with a node
//
// [StartCluster] starts a Kubernetes whose kubelet runs real containers, in namespaces of
// this machine that are made for it, in five seconds (Linux, as root). Its API server is
// at a loopback address, too. The node is at 192.0.2.10 and reaches nothing but itself
// and what [Cluster.Expose] shows it:
//
//	c, err := lab.StartCluster(ctx)
//	err = c.Expose(ctx, 8200, "127.0.0.1:8200") // pods: http://192.0.2.10:8200
//	err = c.LoadImage(ctx, lab.Image{Name: "lab.local/app:1", Files: map[string]string{"/app": "bin/app"}})
//	out, err := c.Command(ctx, lab.TargetKubectl, "apply", "-f", "app.yaml")
//
// [StartCertManager] lets cert-manager work on it, or on a control plane alone.
//
// At a terminal, `make cluster` starts one that stays, with Vault and the Secrets Store
// CSI Driver, and `make cluster-down` ends it.
//
// # Binaries
//
// No server is downloaded ready-made. The folders under mod are modules of their
// own that pin the servers; [Build] (`make lab`, or `go run ./test/lab/cmd/lab
// build`) compiles them once into a cache, PostgreSQL and OpenLDAP come from the
// distribution. The cache is keyed by what goes into a build, so a second run
// does nothing. The programs that may choose their libraries use the same versions, so
// that the packages of Kubernetes are compiled once. A missing binary fails a test
// ([NotBuiltError]) and never skips it. The cache lies in $VAULTK8S_LAB_DIR, by default vaultk8s-lab in the user's
// cache directory.
//
// Vault's server module is licensed under the BUSL: it is built and run for
// tests, and nothing of it is imported by or linked into the product.
//
// # Ends
//
// Stop ends a server by its process id and removes its directory. When the test
// process dies without calling Stop, the kernel kills the servers with it
// (Linux; elsewhere they stay), and only temporary directories remain.
package lab
