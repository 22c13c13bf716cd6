#!/usr/bin/env bash
# Formatting and lints, with warnings denied. `incompatible_msrv` checks against Rust 1.85.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo fmt --all --check
cargo fmt --manifest-path ci/api/Cargo.toml --check
RUSTFLAGS="-D warnings" cargo clippy --workspace --all-features --all-targets
# Benchmarks that run only when they are named are none of "all targets".
RUSTFLAGS="-D warnings" cargo clippy --workspace --all-features --bench '*'
