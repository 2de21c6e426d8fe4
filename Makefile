# The targets that README.md names, and those for working on the code.
# `make help` lists them; everything that is built goes to bin/ or to the caches
# of the user.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# Without a readable git history (an archive, somebody else's folder) there is no
# version to tell and none to embed.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
STAMP := $(shell git rev-parse --verify -q HEAD >/dev/null 2>&1 && echo true || echo false)

LAB := go run ./test/lab/cmd/lab
TOOL := go tool -modfile=tools/go.mod

# How long each fuzz target runs in `make fuzz`.
FUZZTIME ?= 10s

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/vaultk8s, a static binary
	CGO_ENABLED=0 go build -buildvcs=$(STAMP) -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/vaultk8s ./cmd/vaultk8s

# The same sources, the same Go and the same authorities give the same bytes.
IMAGE ?= vaultk8s/vaultk8s:$(VERSION)
AUTHORITIES := /etc/ssl/certs/ca-certificates.crt

.PHONY: image
image: ## make the image without a container engine: bin/image, a layout; bin/image-*.tar, archives; their SBOM
	@go build -C internal/image -o ../../bin/imagemaker .
	@for arch in amd64 arm64; do echo "building for $$arch"; \
	  CGO_ENABLED=0 GOOS=linux GOARCH=$$arch go build -buildvcs=$(STAMP) -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/vaultk8s-$$arch ./cmd/vaultk8s; done
	@bin/imagemaker -tag $(IMAGE) -user vaultk8s -entrypoint /usr/local/bin/vaultk8s -arch amd64,arm64 \
	  -file "/usr/local/bin/vaultk8s=bin/vaultk8s-{arch}" -file $(AUTHORITIES)=$(AUTHORITIES) \
	  -layout bin/image -archive "bin/image-{arch}.tar" -sbom "bin/image-{arch}.spdx.json"
	@ls -lh bin/image-*

.PHONY: lab
lab: ## build or install the real servers of the tests (half an hour once, then nothing)
	@$(LAB) build

.PHONY: cluster
cluster: lab build ## start a real cluster with a node and Vault, print how to use it (Linux, root)
	@$(LAB) cluster

.PHONY: cluster-down
cluster-down: ## end that cluster
	@$(LAB) cluster-down

.PHONY: demo
demo: build ## the tour of all three modes on a real cluster, until Ctrl-C (TOUR=--ci ends it; without root a part)
	@go build -buildvcs=false -o bin/tour ./test/tour
	@bin/tour $(TOUR)

# -count=1: a result from the cache says nothing about the servers of today. The program is
# built before, because several tests do that at the same time: from a cold cache each of
# them would compile everything.
.PHONY: test
test: lab build ## run every test; the last line counts them
	@mkdir -p bin
	@go build -buildvcs=false -o bin/testcount ./internal/testcount
	@bin/testcount -race -count=1 -timeout 20m ./...

.PHONY: e2e
e2e: lab ## tell the stories with pods on a real node, and show what is told (Linux, root)
	@go test -count=1 -v -timeout 20m ./test/cluster

.PHONY: bench
bench: build ## measure all modes, the agent next to the Vault Agent
	@$(LAB) build
	@go run ./test/bench

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (10s)
	@go test -list '^Fuzz' ./... \
	  | awk '/^Fuzz/ { name[++n] = $$1 } /^ok/ { for (i = 1; i <= n; i++) print $$2, name[i]; n = 0 }' \
	  | while read -r package name; do \
	      echo "$$package $$name"; \
	      go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x "$$package" </dev/null; \
	    done

.PHONY: cover
cover: lab ## measure which lines of cmd and pkg the tests run; bin/cover.html shows them
	@mkdir -p bin
	@go test -count=1 -timeout 20m -coverpkg=./cmd/...,./pkg/... -coverprofile=bin/cover.out ./...
	@go tool cover -html bin/cover.out -o bin/cover.html
	@go tool cover -func bin/cover.out | tail -n 1

.PHONY: format
format: ## format all code
	$(TOOL) golangci-lint fmt

.PHONY: generate
generate: ## write the generated files anew
	go generate ./...
	go test ./internal/arch -run '^TestModules$$' -update
	$(MAKE) --no-print-directory chart

.PHONY: chart
chart: ## write the chart's schema, README, dashboards and docs/values.md anew
	go test ./internal/chart -run '^TestFiles$$' -update

# In the order of what is quickest to know. The last step is for CI: it fails if
# `generate` changed something, so run it on a committed tree.
.PHONY: check
check: ## check format, vet, lint, go.mod and generated files; fails on a dirty tree
	@unformatted=$$($(TOOL) gofumpt -l cmd internal pkg test); \
	  if [ -n "$$unformatted" ]; then echo "run make format; not formatted:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	$(TOOL) golangci-lint run
	go mod tidy -diff
	$(MAKE) --no-print-directory generate
	@if [ -n "$$(git status --porcelain)" ]; then echo "the tree is dirty:"; git status --short; exit 1; fi
