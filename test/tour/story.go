package main

import (
	"context"
	"encoding/base64"
	"time"

	"github.com/vaultk8s/vaultk8s/test/stage"
)

// release is the chart's release, and its namespace.
const release = "vaultk8s"

// steps is the story. Deadlines are for a machine that does other things as well; on two
// idle processors all of it takes three minutes.
func steps() []stage.Step[*tour] {
	return []stage.Step[*tour]{
		{Title: "Real servers", Plan: planServers, Within: 5 * time.Minute, Run: tell(servers, "a node, Vault and PostgreSQL, set up as in a company")},
		{Title: "helm install", Plan: planInstall, Within: 8 * time.Minute, Run: tell(install, "one chart, one image, three modes")},
		{Title: "Injector: secrets from annotations", Plan: planInjector, Within: 5 * time.Minute, Run: tell(injector, "files, a signal, database logins that rotate")},
		{Title: "CSI provider: secrets as a volume", Plan: planCSI, Within: 6 * time.Minute, Run: tell(csi, "file and Kubernetes Secret follow Vault")},
		{Title: "Operator: Kubernetes Secrets", Plan: planOperator, Within: 6 * time.Minute, Run: tell(operator, "Secrets follow Vault, and the rollout follows them")},
		{Title: "Vault is away for a while", Plan: planOutage, Within: 6 * time.Minute, Run: tell(outage, "nothing stopped, nobody had to help")},
		{Title: "What it has cost", Plan: planCost, Within: 2 * time.Minute, Run: tell(cost, "requests and memory, as Vault and the kubelet count them")},
	}
}

// tell makes a step of lines; seen is for the summary.
func tell(lines func() []line, seen string) func(*tour, context.Context) (string, error) {
	return func(t *tour, ctx context.Context) (string, error) { return seen, t.perform(ctx, lines()) }
}

// base is a value as a Kubernetes Secret has it.
func base(value string) string { return base64.StdEncoding.EncodeToString([]byte(value)) }

// inWebapp is a command in the container of the web application.
const inWebapp = "kubectl exec deployment/webapp -c app -- "

const planServers = `A Kubernetes with a node (a kubelet runs real containers), a Vault with its storage on disk and a PostgreSQL
start on this machine. Then an administrator sets Vault up: service accounts of namespace shop may log in, and
may read what one policy allows. Nothing here is simulated.`

func servers() []line {
	return []line{
		{do: (*tour).startServers},
		{run: "kubectl get nodes", see: []string{" Ready "}},
		{run: "vault policy read shop"},
		{run: "vault read auth/kubernetes/role/shop", rows: 9},
	}
}

const planInstall = `The chart is installed with all three modes on. They run the same image, in which there is one
program. The doctor then looks at cluster, release and Vault; it warns of what a tour may do and a company may not.`

func install() []line {
	return []line{
		{run: "helm install vaultk8s charts/vaultk8s -n vaultk8s --create-namespace -f test/tour/values.yaml --wait", rows: 5, see: []string{"deployed"}},
		{run: "kubectl get pods -n vaultk8s", see: []string{"Running"}},
		{run: "kubectl apply -f test/tour/manifests/shop.yaml"},
		{run: "kubectl config set-context --current --namespace=shop"},
		{
			say: "exit code 1 means warnings and no errors",
			run: "vaultk8s check --wait 2m --as-serviceaccount shop/webapp --auth-role shop --audience vault -o short", exit: 1,
		},
	}
}

const planInjector = `A Deployment with annotations and nothing else: its pods get an agent at admission. The agent logs in
with the pod's own service account, writes files into memory before the application starts, and keeps them fresh.`

func injector() []line {
	return []line{
		{run: "vault kv put secret/shop/webapp api_key=first-01", rows: none},
		{run: "kubectl apply -f test/tour/manifests/injector.yaml"},
		{run: "kubectl rollout status deployment/webapp --timeout=3m"},
		{
			say: "the webhook has added an init container and a sidecar",
			run: "kubectl get pods -l app=webapp -o 'custom-columns=NAME:.metadata.name,INIT:.spec.initContainers[*].name,CONTAINERS:.spec.containers[*].name'",
			see: []string{"vault-agent-init", "app,vault-agent"},
		},
		{run: inWebapp + "cat /vault/secrets/config", see: []string{"first-01"}},
		{
			say: "the secret changes in Vault: the file follows, and the application gets SIGHUP",
			run: "vault kv put secret/shop/webapp api_key=second-02", rows: none,
		},
		{run: "until kubectl logs deployment/webapp -c app | grep second-02; do sleep 0.3; done", see: []string{"reloaded"}},
		{say: "the database login of this pod, made by Vault for it alone", do: (*tour).rotateLogin},
	}
}

const planCSI = `A SecretProviderClass says what a volume has in it. The kubelet asks the Secrets Store CSI Driver for the
volume, the driver asks our provider, and the provider asks Vault in the name of the pod. Here one of the files is
a Kubernetes Secret too, for a variable. The kubelet asks again and again; how often depends on the node.`

func csi() []line {
	return []line{
		{run: "vault kv put secret/shop/reports api_key=first-01", rows: none},
		{run: "kubectl apply -f test/tour/manifests/csi.yaml"},
		{run: "kubectl wait pod/reports --for=condition=Ready --timeout=3m"},
		{run: "kubectl exec reports -- cat /mnt/secrets/api-key; echo", see: []string{"first-01"}},
		{run: "kubectl logs reports", see: []string{"API_KEY=first-01"}},
		{run: "vault kv put secret/shop/reports api_key=second-02", rows: none},
		{run: "kubectl exec reports -- sh -c 'until grep second-02 /mnt/secrets/api-key; do sleep 0.2; done'; echo", see: []string{"second-02"}},
		{run: "kubectl wait secret/reports --for=jsonpath='{.data.API_KEY}'=" + base("second-02") + " --timeout=3m"},
	}
}

const planOperator = `Custom resources say which Kubernetes Secrets there shall be: a value, a database login, a certificate.
The operator logs in with the service account that the VaultAuth names, keeps the Secrets equal to Vault, and starts
the Deployment again when its value changes.`

func operator() []line {
	return []line{
		{run: "vault kv put secret/shop/ledger api_key=first-01", rows: none},
		{run: "kubectl apply -f test/tour/manifests/operator.yaml"},
		{run: "kubectl wait vaultstaticsecret/ledger vaultdynamicsecret/ledger-db vaultpkisecret/ledger-tls --for=condition=Ready --timeout=3m"},
		{run: "kubectl get vaultstaticsecrets,vaultdynamicsecrets,vaultpkisecrets"},
		{run: "kubectl get secrets ledger ledger-db ledger-tls", see: []string{"kubernetes.io/tls"}},
		{run: "kubectl rollout status deployment/ledger --timeout=3m"},
		{run: "kubectl logs deployment/ledger", see: []string{"API_KEY=first-01"}},
		{
			say: "the secret changes in Vault: the Secret follows, and new pods replace the old ones",
			run: "vault kv put secret/shop/ledger api_key=second-02", rows: none,
		},
		{run: "kubectl wait secret/ledger --for=jsonpath='{.data.api_key}'=" + base("second-02") + " --timeout=3m"},
		{run: "until kubectl logs deployment/ledger 2>/dev/null | grep API_KEY=second-02; do sleep 0.3; done", see: []string{"second-02"}},
		{run: "kubectl rollout status deployment/ledger --timeout=3m"},
	}
}

const planOutage = `Vault is killed, as in a crash. Applications must not notice: files and Secrets stay as they are. The
doctor says what is wrong. Then Vault starts again from its disk, and a change has to arrive without anybody's help.`

func outage() []line {
	return []line{
		{do: (*tour).killVault},
		{say: "exit code 2 means errors", run: "vaultk8s check -o short", exit: 2, see: []string{"vault-reachable"}},
		{
			say: "the agent tries in vain to renew the database login",
			run: "until kubectl logs deployment/webapp -c vault-agent --tail=20 | grep 'not refreshed.*database'; do sleep 0.3; done", rows: 1,
		},
		{say: "what has a lease of ten seconds ends meanwhile", run: "sleep 10"},
		{run: "kubectl get vaultstaticsecrets", see: []string{"False"}},
		{run: "kubectl get pods", see: []string{"webapp", "reports", "ledger", "Running"}},
		{run: inWebapp + "cat /vault/secrets/config", see: []string{"second-02"}},
		{run: "kubectl exec reports -- cat /mnt/secrets/api-key; echo", see: []string{"second-02"}},
		{do: (*tour).restartVault},
		{run: "vault kv put secret/shop/webapp api_key=third-03", rows: none},
		{run: "until kubectl logs deployment/webapp -c app | grep third-03; do sleep 0.3; done", see: []string{"reloaded"}},
		{do: (*tour).awaitLogin},
		{run: "kubectl wait vaultstaticsecret/ledger --for=condition=Ready --timeout=3m"},
		{run: "vaultk8s check --wait 2m -o short", exit: 1},
		{run: "kubectl get pods", see: []string{"Running"}},
	}
}

const planCost = `Vault has written down every request and its answer, and the kubelet knows what memory containers take.`

func cost() []line {
	return []line{{do: (*tour).showRequests}, {do: (*tour).showMemory}}
}
