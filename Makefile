# Two commands are enough on a fresh Debian machine with Go: "make run" looks at
# this host, "make test" installs what it needs and tests everything it can.

PREFIX  ?= /usr
DESTDIR ?=
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

# Where go.dev's archive puts Go, for a PATH that does not have it (sudo's).
export PATH := $(PATH):/usr/local/go/bin

# Static binaries: built here, they run on every distribution.
GO_BUILD = CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-X main.version=$(VERSION)'
BINARIES = bin/syscountd bin/syscountctl
SCRIPTS  = .ci/run test/install-deps test/check-generated

.DEFAULT_GOAL := help
.PHONY: help build generate run test test-kernels fuzz bench check install clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/syscountd and bin/syscountctl
	$(GO_BUILD) -o bin/ ./cmd/syscountd ./cmd/syscountctl

generate: ## regenerate the BPF objects (clang-16, llvm-16, libbpf-dev)
	go generate ./...

run: build ## watch this host: JSON lines on stdout (root)
	@[ "$$(id -u)" = 0 ] || { echo "make run: loading BPF programs needs root; run 'sudo make run'" >&2; exit 1; }
	bin/syscountd --no-dbus --output stdout --config configs/quickstart.toml

# These look at the whole host, or load it: one at a time. The race detector makes the loading of
# programs several times slower: it looks at what goes on beside a load, and the rest runs without.
ALONE = ./bpf ./test/witness ./test/causes ./test/stress ./test/scenes ./test/budget

test: ## install what the tests need, then run all of them (root)
	test/install-deps test
	go test -race $$(go list ./... | grep -v -e /bpf$$ -e /test/witness -e /test/causes -e /test/stress -e /test/scenes -e /test/system -e /test/budget)
	go test -race -count=1 -run Beside ./bpf
	go test -count=1 -p 1 -timeout 10m $(ALONE)
	go test -count=1 -timeout 8m ./test/system

test-kernels: ## BPF tests on Debian's kernels under qemu, in the newest versions
	test/install-deps kernels
	go test -tags kernels -run '^TestKernels$$' -count=1 -timeout 40m -v ./test/kernels

# Each target for so long; what is found stays below testdata/fuzz and is a test from then on.
FUZZTIME ?= 30s

fuzz: ## run every fuzz target for FUZZTIME=30s
	@grep -rnoE --include='*_test.go' '^func Fuzz[A-Za-z0-9]+' agent bpf cmd dbusapi | while IFS=: read -r file _ target; do \
		echo "$${file%/*} $${target#func }"; \
		go test -run '^$$' -fuzz "^$${target#func }$$" -fuzztime $(FUZZTIME) "./$${file%/*}" || exit 1; \
	done

# BENCHFLAGS=-short is a quick look; bin/bench -h lists what there is.
BENCHFLAGS ?= -write docs/benchmarks.md

bench: build ## measure the cost per call against the peers, into docs/benchmarks.md (root, half an hour)
	@[ "$$(id -u)" = 0 ] || { echo "make bench: tracing needs root; run 'sudo make bench'" >&2; exit 1; }
	test/install-deps bench
	go build -o bin/bench ./test/bench
	bin/bench $(BENCHFLAGS)

check: ## generated files, format, vet, shellcheck, unit file
	test/install-deps check
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "gofmt has something to say about: $$unformatted" >&2; exit 1; }
	go vet ./...
	test/check-generated
	[ ! -f bpf/.clang-format ] || clang-format-16 --dry-run --Werror bpf/*.c bpf/*.h
	shellcheck $(SCRIPTS)
	systemd-analyze security --offline=true --threshold=12 packaging/syscountd.service >/dev/null

# Binaries that exist are installed as they are: root's install does not rebuild
# what a user built.
$(BINARIES):
	$(MAKE) build

install: $(BINARIES) ## install below DESTDIR, with PREFIX=/usr
	install -D -m 0755 bin/syscountd $(DESTDIR)$(PREFIX)/sbin/syscountd
	install -D -m 0755 bin/syscountctl $(DESTDIR)$(PREFIX)/bin/syscountctl
	install -D -m 0644 packaging/syscountd.service $(DESTDIR)$(PREFIX)/lib/systemd/system/syscountd.service
	sed -i 's,/usr/sbin/,$(PREFIX)/sbin/,' $(DESTDIR)$(PREFIX)/lib/systemd/system/syscountd.service
	install -D -m 0644 packaging/90-syscountd.preset $(DESTDIR)$(PREFIX)/lib/systemd/system-preset/90-syscountd.preset
	install -D -m 0644 packaging/io.github.syscountd1.conf $(DESTDIR)$(PREFIX)/share/dbus-1/system.d/io.github.syscountd1.conf
	install -D -m 0644 packaging/io.github.syscountd1.service $(DESTDIR)$(PREFIX)/share/dbus-1/system-services/io.github.syscountd1.service
	install -D -m 0644 packaging/io.github.syscountd1.policy $(DESTDIR)$(PREFIX)/share/polkit-1/actions/io.github.syscountd1.policy
	install -D -m 0644 packaging/syscountd.catalog $(DESTDIR)$(PREFIX)/lib/systemd/catalog/syscountd.catalog
	install -D -m 0644 dbusapi/io.github.syscountd1.xml $(DESTDIR)$(PREFIX)/share/dbus-1/interfaces/io.github.syscountd1.xml
	install -D -m 0644 configs/syscountd.toml $(DESTDIR)$(PREFIX)/lib/syscountd/syscountd.toml
	for example in configs/examples/*.toml; do install -D -m 0644 $$example $(DESTDIR)$(PREFIX)/share/doc/syscountd/examples/$${example##*/}; done
	install -D -m 0644 configs/syscountd.schema.json $(DESTDIR)$(PREFIX)/share/syscountd/syscountd.schema.json
	install -D -m 0644 LICENSE $(DESTDIR)$(PREFIX)/share/doc/syscountd/LICENSE

clean: ## remove what build made
	rm -rf bin
