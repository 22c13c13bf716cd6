#!/usr/bin/env bash
# What is public is what docs/api says: a line that is gone breaks users, a new one is a promise. `--bless` writes the listings.
# What the facade takes over from core and the adapters is listed there, not twice.
# Core names no types of other crates but those that ci/api/src/main.rs allows.
# What is public has an example, or says where one is: see ci/api/src/examples.rs.
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null
target="${CARGO_TARGET_DIR:-$PWD/target}"

# Rustdoc writes JSON for whoever asks as a nightly does. Rustdoc alone: build scripts that look at this variable would run
# again, and everything after them.
wrapper="$(mktemp)"
trap 'rm -f "$wrapper"' EXIT
printf '#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec rustdoc "$@"\n' >"$wrapper"
chmod +x "$wrapper"
json() {
    # `ci/docs.sh` is where links are looked at.
    RUSTDOC="$wrapper" RUSTDOCFLAGS="-Z unstable-options --output-format json --cap-lints allow" cargo doc --quiet --lib --no-deps "$@"
}

published=()
for listing in docs/api/*.txt; do published+=(-p "$(basename "$listing" .txt)"); done
json "${published[@]}" --all-features --target-dir "$target"
json -p anyscope-core --target-dir "$target/api"
cargo run --quiet --locked --manifest-path ci/api/Cargo.toml --target-dir "$target/api" -- \
    docs/api "$target/doc" "$target/api/doc" "$@"
