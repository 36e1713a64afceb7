# telegraf-tigk: make help lists the targets.

TELEGRAF := $(patsubst v%,%,$(shell go list -m -f '{{.Version}}' github.com/influxdata/telegraf))
VERSION  ?= $(shell git describe --tags --dirty 2>/dev/null || echo dev)
COMMIT   ?= $(shell git rev-parse HEAD 2>/dev/null)
LDFLAGS  := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT) \
            -X github.com/influxdata/telegraf/internal.Version=$(TELEGRAF)

# Pinned, and installed below bin/ when first used.
GOLANGCI_VERSION := v2.11.4
GOFUMPT_VERSION  := v0.12.0
TOOLS := $(CURDIR)/bin/tools

# One set of flags for building and testing, so that both share the compiled
# plugins: the first build takes minutes, the next ones seconds.
export CGO_ENABLED ?= 0
export GOFLAGS := $(strip $(GOFLAGS) -trimpath)

FUZZTIME ?= 30s
BENCH    ?= .
COUNT    ?= 1

N        ?= 300
SEED     ?= 1
P        ?= 1

IMAGES   ?= 120000
FAILURES ?= 10000

.PHONY: help build full slim run test race bench bench-replay fuzz mutate crash lint fmt generate clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/telegraf-tigk with the default selection of plugins
	go build -ldflags '$(LDFLAGS)' -o bin/telegraf-tigk ./cmd/telegraf-tigk

slim: ## the same without inputs.prometheus, a third smaller
	go build -tags slim -ldflags '$(LDFLAGS)' -o bin/telegraf-tigk ./cmd/telegraf-tigk

full: ## build bin/telegraf-tigk-full with all plugins of Telegraf (10 minutes, 5 GB of memory)
	go build -tags full -ldflags '$(LDFLAGS)' -o bin/telegraf-tigk-full ./cmd/telegraf-tigk

run: build ## run the agent with sample.conf
	bin/telegraf-tigk --config sample.conf

test: ## run all tests
	@scripts/need-packages
	go test ./...

race: ## run the tests of our own packages with the race detector
	CGO_ENABLED=1 go test -race ./internal/... ./plugins/... ./udf/...

bench: ## run benchmarks: make bench BENCH=agg= COUNT=10
	go test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) ./internal/... ./plugins/... ./udf/... ./test/...

bench-replay: build ## measure the built agent: the tables of docs/performance.md
	go run ./test/bench

# go test fuzzes one target at a time. By itself it spends a minute on making each interesting input
# smaller, which with those that run a whole script is all it does.
fuzz: ## run every fuzzer for FUZZTIME
	@set -e; for pkg in $$(go list ./internal/... ./plugins/... ./udf/...); do \
	  for name in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "== $$pkg $$name"; \
	    go test -run '^$$' -fuzz "^$$name$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$pkg; \
	  done; \
	done

mutate: ## plant N random faults (300) into the pure core, P (1) at a time, and list those that no test finds
	go run ./test/mutate -n $(N) -seed $(SEED) -p $(P)

crash: ## look at IMAGES (120000) states that crashes leave of the disk, and at FAILURES (10000) of its calls
	go test ./internal/crashtest -v -run 'CrashPoints|Errors' -timeout 60m -seed $(SEED) -images $(IMAGES) -failures $(FAILURES)

lint: $(TOOLS)/golangci-lint-$(GOLANGCI_VERSION) $(TOOLS)/gofumpt-$(GOFUMPT_VERSION) ## check style and formatting
	@out=$$($(TOOLS)/gofumpt-$(GOFUMPT_VERSION) -l cmd examples internal plugins test udf); \
	  if [ -n "$$out" ]; then echo "not formatted with gofumpt:"; echo "$$out"; exit 1; fi
	$(TOOLS)/golangci-lint-$(GOLANGCI_VERSION) run --allow-parallel-runners ./...

fmt: $(TOOLS)/gofumpt-$(GOFUMPT_VERSION) ## format the code
	$(TOOLS)/gofumpt-$(GOFUMPT_VERSION) -w cmd examples internal plugins test udf

generate: ## run go generate
	go generate ./...

clean: ## remove what make has built
	rm -rf bin

$(TOOLS)/golangci-lint-%:
	GOBIN=$(TOOLS) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$*
	mv $(TOOLS)/golangci-lint $@

$(TOOLS)/gofumpt-%:
	GOBIN=$(TOOLS) go install mvdan.cc/gofumpt@$*
	mv $(TOOLS)/gofumpt $@
