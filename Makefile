# Two commands do everything on a fresh Debian machine, as root: `make up` and `make test`.

CARGO := $(shell command -v cargo || echo $(HOME)/.cargo/bin/cargo)
CLAWBAKE := target/release/clawbake
# Of the whole workspace, like the tests: what one package's build alone chooses of its dependencies is compiled anew.
CONTRACT = $(CARGO) build --quiet --workspace --bin contract && target/debug/contract
SCRIPTS := scripts/deps .ci/run cloud-init/tests/run fuzz/run fuzz/rustc $(wildcard recipes/base/*.sh tests/*.sh recipes/base/provision/*.sh tests/start/* \
	src/image/testdata/*.sh crates/localgce/debian-cloud/*.sh tests/e2e/*.sh tests/e2e/stand-in/provision/*.sh)

.PHONY: up test check unit fuzz devices guest google image bench e2e life story vm-builder travels faults kills \
	permissions soak clean deps

## up: from nothing to a gateway that answers on a loopback port
up: deps build
	@test -e clawbake.yaml || $(CLAWBAKE) init >&2
	@$(CLAWBAKE) up

.PHONY: build
build:
	@$(CARGO) build --release --quiet

deps:
	@scripts/deps build

## test: everything that CI runs, VMs included; two at a time of what waits more than it works, the longest first
test: test-deps check unit
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target life image story vm-builder google guest faults fuzz \
	  permissions devices soak
	@$(MAKE) --no-print-directory bench

.PHONY: test-deps
test-deps:
	@scripts/deps test

## check: format, lints, documentation, shell, licences and sources of dependencies, their advisories where
##        the database of these can be fetched
check:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --quiet -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps --quiet
	shellcheck $(SCRIPTS)
	$(CARGO) deny --log-level error check licenses bans sources
	@if $(CARGO) deny --log-level off fetch db; \
	  then $(CARGO) deny --log-level error check --disable-fetch advisories; \
	  else echo 'advisories were not checked: their database cannot be fetched'; fi

## unit: library tests, messages, engine without VMs
unit:
	$(CARGO) test --workspace --quiet
	@$(CONTRACT) gce engine wire journal publish rebuild rollout state template setup

## fuzz: the readers of what somebody else wrote, FUZZ_SECONDS each (15)
fuzz:
	fuzz/run

## devices: the engine after power cuts and on full devices, on file systems of its own
devices:
	unshare --mount $(CARGO) test --quiet --workspace --test api -- --ignored

## guest: the scripts that run inside a VM, on real loop devices and sockets; .env through real compose;
##        the container's build as nobody, and its variables through real buildah; the releases that updates are
##        tested with, and the ranges of `engines`, through real npm
guest:
	cloud-init/tests/run
	tests/dotenv/run
	$(CARGO) test --quiet -p clawbake --lib --test engines --test recipes --test releases -- --ignored

## image: the real gateway's, into the cache from which bench and e2e take it
image:
	$(CARGO) build --quiet
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && cd "$$dir" && $(CURDIR)/target/debug/clawbake init >/dev/null \
	  && $(CURDIR)/target/debug/clawbake bake --no-publish

## bench: the gateway's start and memory, baked image against native
bench:
	$(CARGO) build --quiet
	tests/start/run target/debug/clawbake

## e2e: the real gateway's image and VM, from nothing to an answer (story); a bake in a VM, its boot test and a VM
##      by gcloud (vm-builder); updates and a loss of a gateway (life): real VMs, most of an hour each without KVM
e2e: life story vm-builder

## travels: a gateway's state goes back to an older release, out as an archive and in again, to another gateway and
##          back, and comes back from a snapshot; a launch may not read its secret: real VMs, an hour without KVM
life story vm-builder travels:
	$(CARGO) test --quiet --test e2e -- --ignored --nocapture $(subst -,_,$@)::
	@$(CONTRACT) $@

## google: Google's own programs, unmodified, against the engine; a project set up by clawbake and by gcloud
google:
	$(CARGO) test --quiet --test gcloud --test gcloud_platform --test python --test setup \
	  -- --ignored
	@$(CONTRACT) gcloud gcloud_platform python setup

## faults: API calls of bake, promotion, launch, delete, and of a snapshot and a growth of the state go wrong, one
##         at a time: every third way there is. `make faults EVERY=1 VERBS=` tries all ways, of prune, a first
##         bake, a second launch, power, restore, export, import, recreate, rebuild and rollback too, for an
##         hour; recreate is killed after each of its changes, `make kills` kills the others that last; `make
##         permissions` starts with none and adds them
VERBS = Bake,Promote,BootTest,Launch,Delete,DeleteState,Snapshot,Grow
EVERY = 3
faults:
	EVERY=$(EVERY) VERBS=$(VERBS) $(CARGO) test --quiet --test faults -- --ignored --nocapture no_fault
	$(CARGO) test --quiet --test rollout -- --ignored --nocapture a_recreate

## kills: launch, recreate, rebuild, rollback, migrate and restore are killed after each change, and called again,
##        here or on another machine; all that two rollbacks at once can do to each other
kills:
	$(CARGO) test --quiet --test rollout --test rebuild --test migrate -- --ignored --nocapture killed
	$(CARGO) test --quiet -p clawbake --lib -- --ignored --nocapture at_once

## permissions: the deployer's role has just the permissions that its verbs ask for
permissions:
	$(CARGO) test --quiet --test faults -- --ignored --nocapture the_deployers_role

## soak: engines killed in the middle of whatever they do, and one kept busy: nothing is left, nothing grows;
## for SOAK_SECONDS each, 45 by default, a night by hand
soak:
	$(CARGO) test --quiet --workspace --test soak -- --ignored --nocapture --test-threads 1

## clean: what this checkout built; images, VMs and caches are `clawbake engine reset`'s
clean:
	$(CARGO) clean
