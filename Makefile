# Two commands do everything on a fresh Debian machine, as root: `make up` and `make test`.

CARGO := $(shell command -v cargo || echo $(HOME)/.cargo/bin/cargo)
CLAWBAKE := target/release/clawbake
SCRIPTS := scripts/deps .ci/run $(wildcard recipes/base/*.sh recipes/base/provision/*.sh tests/start/*)

.PHONY: up test check unit guest e2e bench clean deps

## up: from nothing to a gateway that answers on a loopback port
up: deps build
	@test -e clawbake.yaml || $(CLAWBAKE) init >&2
	@$(CLAWBAKE) up

.PHONY: build
build:
	@$(CARGO) build --release --quiet

deps:
	@scripts/deps build

## test: everything that CI runs, VMs included
test: test-deps check unit guest bench e2e

.PHONY: test-deps
test-deps:
	@scripts/deps test

## check: format, lints, documentation, shell
check:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --quiet -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps --quiet
	shellcheck $(SCRIPTS)

## unit: library tests, messages, engine without VMs
unit:
	$(CARGO) test --workspace --quiet

## guest: the scripts that run inside a VM, on real loop devices and sockets; .env through real compose
guest:
	cloud-init/tests/run
	tests/dotenv/run

## bench: the gateway's start and memory, baked image against native
bench:
	$(CARGO) build --quiet
	tests/start/run target/debug/clawbake

## e2e: bake, launch, restart, refuse, delete: real VMs, about 20 minutes without KVM
e2e:
	$(CARGO) test --quiet --test gcloud --test python --test e2e -- --ignored --nocapture

## clean: what this checkout built; images, VMs and caches are `clawbake engine reset`'s
clean:
	$(CARGO) clean
