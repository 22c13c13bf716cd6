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
behaviours=()
for group in tests/conformance/*/; do
    group="$(basename "$group")"
    # Spans and metrics are safe code, with a lot of safe code of others to build; `observe` has what is below them.
    [ "$group" = telemetry ] || behaviours+=(--test "$group")
done
cargo test -p anyscope-tests "${behaviours[@]}" --target "$(rustc -vV | sed -n 's/^host: //p')"
