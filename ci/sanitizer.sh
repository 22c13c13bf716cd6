#!/usr/bin/env bash
# The behaviours under AddressSanitizer. Works with a stable compiler, without its sources.
set -euo pipefail
cd "$(dirname "$0")/.."
export RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=address"
# Leaks are counted by the tests themselves: some of them forget things on purpose.
export ASAN_OPTIONS="detect_stack_use_after_return=1:detect_leaks=0"
# A thousand nested scopes are dropped one inside the other, as any nested futures are, and frames are many times larger here.
export RUST_MIN_STACK=$((256 << 20))
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/sanitizer"
# The orders are those of the plain tests, which run all of them: here it is the memory that matters.
export ANYSCOPE_SIM_ROUNDS="${ANYSCOPE_SIM_ROUNDS:-5}" ANYSCOPE_SEEDS="${ANYSCOPE_SEEDS:-50}"
behaviours=()
for group in tests/conformance/*/; do
    group="$(basename "$group")"
    # Spans, metrics and machines are safe code, with a lot of safe code of others to build; what is below them is in the others.
    [[ "$group" = telemetry || "$group" = remote ]] || behaviours+=(--test "$group")
done
cargo test -p anyscope-tests "${behaviours[@]}" --target "$(rustc -vV | sed -n 's/^host: //p')"
