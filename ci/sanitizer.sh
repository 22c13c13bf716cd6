#!/usr/bin/env bash
# The behaviours under AddressSanitizer: those of rooms with unsafe code, and with the argument `all`, by hand, those above them too.
# Works with a stable compiler, without its sources. CONTRIBUTING.md has when all were run last.
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
groups=(cancel channel combine failure flow observe scope)
if [[ "${1:-}" = all ]]; then
    groups=()
    for group in tests/conformance/*/; do
        group="$(basename "$group")"
        # Spans, metrics and machines are safe code, with a lot of safe code of others to build; what is below them is in the others.
        [[ "$group" = telemetry || "$group" = remote ]] || groups+=("$group")
    done
fi
cargo test -p anyscope-tests "${groups[@]/#/--test=}" --target "$(rustc -vV | sed -n 's/^host: //p')"
