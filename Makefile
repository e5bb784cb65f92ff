# The commands of the house. `make run` and `make test` set up what is missing and say what they do.
SHELL := /bin/bash
export PATH := $(CURDIR)/.tools/node/bin:$(PATH)
DATA_DIR ?= $(CURDIR)/.auditng
LISTEN ?= 127.0.0.1:9280

.PHONY: run test check bench live demo e2e ui setup setup-test help
help:   ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

run: setup ui   ## build it, watch this host, show the page (Ctrl-C stops)
	cargo build --release --package auditng
	target/release/auditng up --data-dir $(DATA_DIR) --listen $(LISTEN)

test: setup-test ui   ## all tests: unit, property, faults, live kernel, page in a browser
	cargo test --workspace --no-fail-fast
	$(MAKE) --no-print-directory e2e

check: ui   ## format, lints, house rules
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	cargo test --quiet --package xtask
	RUSTDOCFLAGS="-D warnings -A rustdoc::private-intra-doc-links" cargo doc --workspace --no-deps --document-private-items --quiet
	@if command -v cargo-deny >/dev/null; then cargo deny check bans licenses sources; \
	else echo "check: cargo-deny is not installed; licences were checked by xtask, duplicates were not"; fi

live:   ## tests against the live kernel (root), one at a time
	cargo xtask live

e2e:    ## the page in headless Chromium against a real server
	cargo xtask e2e

bench:  ## micro benches, then the whole path under load
	cargo bench --package audit --package agent --package store --package fim
	cargo xtask load

demo: setup ui   ## replay recorded logs through agent, server and page, without root
	cargo build --release --package auditng
	cargo xtask demo

ui:     ## build the page into ui/dist
	@if command -v npm >/dev/null; then \
	  if [ ui/dist/index.html -nt ui/package-lock.json ] && [ -z "$$(find ui/src ui/index.html -newer ui/dist/index.html -print -quit)" ]; then :; \
	  else echo "ui: building the page"; cd ui && npm ci --no-audit --no-fund --loglevel=error && npm run --silent build; fi; \
	else echo "ui: no npm here: the server will show a page that says how to build it"; fi

setup:
	@scripts/setup.sh run
setup-test:
	@scripts/setup.sh test
