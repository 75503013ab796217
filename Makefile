# `make run` and `make test` are all that is needed to begin. `make help` lists the rest.
.DEFAULT_GOAL := help
.PHONY: help run check test test-network test-compose test-systemd bench bench-setup build install binaries images tools robot-tools fmt

CARGO ?= cargo
export RUSTDOCFLAGS = -D warnings
# What a failed test says is not to drown in where it said it.
export RUST_LIB_BACKTRACE = 0

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-12s %s\n", $$1, $$2 }'

run: ## build and start everything on http://localhost:8080 (ARGS="--https" for phones)
	$(CARGO) run --package tuturu -- serve --state-dir .tuturu $(ARGS)

check: tools ## everything that can be said without running it
	$(CARGO) fmt --all -- --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) doc --workspace --no-deps --locked
	cd web && npm run --silent check
	cd docs/tools && npm run --silent check
	$(CARGO) deny --locked check bans licenses sources
	shellcheck .ci/run deploy/install-tools deploy/check-units deploy/prometheus/check deploy/new-env deploy/test-compose deploy/test-systemd \
	  examples/robot/venv nginx/check nginx/entrypoint coturn/check coturn/entrypoint certbot/entrypoint \
	  certbot/install-certificate
	deploy/check-units
	deploy/prometheus/check
	nginx/check
	coturn/check

# For Firefox, which Debian has without its driver.
GECKODRIVER = $(or $(CARGO_TARGET_DIR),target)/tools/bin/geckodriver

$(GECKODRIVER):
	$(CARGO) install --quiet --locked geckodriver --version 0.37.1 --root $(@D)/..

test: tools robot-tools $(GECKODRIVER) ## unit, story, property, golden, service and browser tests
	cd web && npm test --silent
	$(CARGO) test --workspace --locked --no-fail-fast --exclude e2e
	PATH="$(abspath $(dir $(GECKODRIVER))):$$PATH" $(CARGO) test --package e2e --locked --no-fail-fast -- --test-threads=1

test-compose: tools ## the deployment in containers, with browsers and an ACME server (root; starts an engine)
	deploy/test-compose

test-network: tools $(GECKODRIVER) ## calls between all kinds of networks, and faults in them (a quarter of an hour)
	PATH="$(abspath $(dir $(GECKODRIVER))):$$PATH" \
	  $(CARGO) test --package e2e --test network --locked -- --include-ignored --test-threads=1

test-systemd: ## the units under a systemd that runs (root; boots a container of systemd-nspawn)
	deploy/test-systemd

bench: ## cost of a relayed message, of an idle socket, and of the echo beside coturn
	$(CARGO) build --release --package tuturu --package e2e --bins
	ulimit -n 20000 && target/release/bench

ROUNDS = 7

bench-setup: tools ## how long calls take to come about, beside the least that can be written (ROUNDS=15 PAIRS="no UDP")
	$(CARGO) run --package e2e --bin setup -- $(ROUNDS) "$(PAIRS)"

# `install` only copies, so that root needs no compiler. DESTDIR is for packages.
PREFIX ?= /usr/local
PROFILE ?= release
PROGRAMS = tuturu signaling credential-issuer static-asset echo
PROFILE_FOLDER = $(if $(filter dev,$(PROFILE)),debug,$(PROFILE))
BUILT = $(or $(CARGO_TARGET_DIR),target)/$(PROFILE_FOLDER)
UNITS = $(notdir $(wildcard deploy/systemd/*.service))

build: ## build the programs to install
	$(CARGO) build --profile $(PROFILE) --locked --bins $(addprefix --package ,$(PROGRAMS))

install: ## install what `make build` made, and systemd units (PREFIX=/usr/local)
	@for program in $(PROGRAMS); do test -x "$(BUILT)/$$program" || \
	  { echo "$(BUILT)/$$program is missing: run make build first" >&2; exit 1; }; done
	install -d "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(PREFIX)/libexec/tuturu" "$(DESTDIR)$(PREFIX)/lib/systemd/system"
	install -m 755 "$(BUILT)/tuturu" "$(DESTDIR)$(PREFIX)/bin/"
	install -m 755 $(patsubst %,"$(BUILT)/%",$(filter-out tuturu,$(PROGRAMS))) "$(DESTDIR)$(PREFIX)/libexec/tuturu/"
	@for unit in $(UNITS); do sed 's|/usr/local/|$(PREFIX)/|' "deploy/systemd/$$unit" \
	  >"$(DESTDIR)$(PREFIX)/lib/systemd/system/$$unit" || exit 1; done
	chmod 644 $(patsubst %,"$(DESTDIR)$(PREFIX)/lib/systemd/system/%",$(UNITS))

# Static, for images with nothing else in them; the flag must not reach build scripts.
HOST = $(shell rustc -vV | sed -n 's/^host: //p')
SERVICES = signaling credential-issuer static-asset echo

binaries:
	RUSTFLAGS='-C target-feature=+crt-static' $(CARGO) build --profile $(PROFILE) --locked --target $(HOST) \
	  $(addprefix --package , $(SERVICES))
	mkdir -p target/images
	cp $(addprefix $(or $(CARGO_TARGET_DIR),target)/$(HOST)/$(PROFILE_FOLDER)/, $(SERVICES)) target/images/

images: binaries ## build the images of docker-compose.yml with binaries of this host
	TUTURU_BINARIES=prebuilt docker compose build

# What npm installs, for development only: the page's types, the documents' schemas, a client.
NODE_MODULES = $(addsuffix /node_modules/.package-lock.json, web docs/tools crates/e2e/party)

tools: $(NODE_MODULES) ## install what check and test need (Debian packages as root, cargo-deny, npm)
	@deploy/install-tools

%/node_modules/.package-lock.json: %/package-lock.json
	@deploy/install-tools node
	cd $* && npm ci --no-fund --no-audit

robot-tools: tools # PyPI is asked once, before the tests: they have deadlines
	@examples/robot/venv $(or $(CARGO_TARGET_DIR),target)/robot-venv >/dev/null

fmt: ## format
	$(CARGO) fmt --all
