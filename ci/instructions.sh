#!/usr/bin/env bash
# Counts the instructions of every hot path under callgrind, and fails when one of them has become
# more than 3 % dearer than the baseline. `--peers` counts floors and peers too; `--write` writes a
# new baseline; a word picks paths by name.
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null

if ! command -v valgrind >/dev/null; then
    sudo="$(command -v sudo || true)"
    $sudo apt-get install -y valgrind >/dev/null
fi

# Nothing from outside changes what is compiled.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_RUSTFLAGS
exec cargo run --quiet --profile instructions -p anyscope-instructions -- "$@"
