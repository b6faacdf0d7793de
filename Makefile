# The commands of the README. Recipes that need a branch are scripts under scripts/.

TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
DATA ?= .valet
# Lets tests plant the bugs of protocol/src/planted.rs; off unless VALET_PLANT names one. One build for all of `make test`.
PLANTED := --features protocol/planted

.PHONY: up setup ui product release test test-full check bench bench-forms bench-resumes chaos storm sqlx

## Installs what is missing, builds everything and starts it. Ctrl-C stops it.
up: setup ui product
	@exec $(TARGET_DIR)/release/valet up --data-dir $(DATA)

setup:
	@scripts/setup

ui:
	@scripts/build-ui

# What `make up` runs: not the programs that measure, which take as long to link.
product:
	cargo build --release --locked --workspace --bin valet --bin valet-agent

# The whole workspace, so that features are the same for everything that is built in release: nothing is built twice.
release:
	cargo build --release --locked --workspace --bins

## Everything: formatting, lints, the UI's tests, every Rust test with real Postgres, Redis, QUIC and Chromium.
test:
	@scripts/setup test
	@scripts/build-ui check
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked $(PLANTED) -- -D warnings
	cargo build --workspace --bins --locked $(PLANTED)
	scripts/with-postgres cargo nextest run --workspace --locked $(PLANTED) --no-fail-fast
	scripts/planted

## What is too long for `make test`: the rest of the kills (every process in every phase), and sites that never answer.
test-full: test
	scripts/with-postgres cargo nextest run --workspace --locked $(PLANTED) --run-ignored ignored-only --no-fail-fast

## A fleet under kills, stops and cuts, and proof that nothing was lost or sent twice: KILLS=200 SEED=1 TASKS=300.
## With TALLY=FILE, how often each kind of process was hit in each phase is added up there over several seeds.
chaos: setup ui release
	@KILLS=$(or $(KILLS),200) SEED=$(or $(SEED),1) TASKS=$(or $(TASKS),300) TALLY=$(TALLY) $(TARGET_DIR)/release/chaos

## Many agents back to a killed coordinator: AGENTS=1000.
storm: setup ui release
	@AGENTS=$(or $(AGENTS),1000) $(TARGET_DIR)/release/storm

## Figures, a line each; the last ones are of ten thousand agents.
bench: setup ui
	cargo build --release --locked --workspace --bins --example bench_dispatch --example bench_steps --example simulate
	@$(TARGET_DIR)/release/bench
	@DURABLE=1 scripts/with-postgres $(TARGET_DIR)/release/examples/bench_steps
	@$(TARGET_DIR)/release/bench-paths
	@$(TARGET_DIR)/release/examples/bench_dispatch
	@SEEDS=1 $(TARGET_DIR)/release/examples/simulate
	@AGENTS=200 $(TARGET_DIR)/release/silence
	@AGENTS=1000 $(TARGET_DIR)/release/storm
	@AGENTS=10000 $(TARGET_DIR)/release/storm

## Fills every form of a folder laid out like FORMS/{pages,expected,profile.json} and prints how right it was.
bench-forms: release
	@$(TARGET_DIR)/release/bench-forms $(FORMS)

## Reads every resume of a folder laid out like DIR/{files,expected,manifest.json} and prints how right it was.
bench-resumes:
	cargo run --release --locked --workspace --example bench_resumes -- $(DIR)

## Describes the database queries anew, after one was changed.
sqlx:
	scripts/sqlx-prepare
