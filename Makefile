# The targets a person needs. The demos, `test`, `deb` and `bench` install what
# is missing first; everything else takes it as given.
SHELL := /bin/bash
export PATH := $(PATH):$(HOME)/.cargo/bin
CARGO ?= cargo

.PHONY: help demo demo-browser test lint deny deb package bench fuzz-smoke mutants setup build corpus

help: ## what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

setup: ## install what the tests need (Debian 12)
	@scripts/setup

# Before anything that takes long.
corpus:
	@scripts/corpus-present

build:
	$(CARGO) build --locked --workspace --all-targets

demo: ## the main job, from an empty folder to ssh and curl
	@scripts/setup demo
	$(CARGO) build --locked --workspace --lib --bins
	@$${CARGO_TARGET_DIR:-target}/debug/demo

demo-browser: setup ## Firefox and Chromium enter a site for members only, with pictures
	$(CARGO) build --locked --workspace --lib --bins
	@$${CARGO_TARGET_DIR:-target}/debug/demo_browser

test: corpus setup lint build ## everything that must hold
	crates/virtual-yubikey/tests/ykman-from-pypi "$${CARGO_TARGET_DIR:-target}/tmp" >/dev/null
	$(CARGO) test --locked --workspace --no-fail-fast

lint: ## formatting, clippy, docs
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps

deny: ## licences, sources, one version of each crate
	@command -v cargo-deny >/dev/null || $(CARGO) install --locked cargo-deny
	$(CARGO) deny --locked check bans licenses sources

package: ## the published crates as they would be uploaded, each built from its package
	$(CARGO) package --locked -p piv-attest -p acme-yubikey -p sshcert-acme

deb: ## Debian packages of both programs, judged (a release build)
	@scripts/setup deb
	@command -v cargo-deb >/dev/null || $(CARGO) install --locked cargo-deb
	scripts/deb

bench: setup ## ratios and counts, one run
	scripts/bench

fuzz-smoke: ## every fuzz target for a minute
	scripts/fuzz-smoke

mutants: ## mutation testing of piv-attest
	@command -v cargo-mutants >/dev/null || $(CARGO) install --locked cargo-mutants
	$(CARGO) mutants --package piv-attest
