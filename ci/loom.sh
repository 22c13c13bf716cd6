#!/usr/bin/env bash
# The models: every interleaving, within a bound on preemptions (3 unless given; `none` for all),
# and every answer that a weak memory may give. A second argument picks models by name.
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null
bound="${1:-3}"
filter="${2:-}"

# ANYSCOPE_TWO_WORDS=1 has the chunks of a slab as they are where no word has 64 bits.
export RUSTFLAGS="--cfg anyscope_loom ${ANYSCOPE_TWO_WORDS:+--cfg anyscope_two_words} -C debug-assertions -D warnings"
if [[ "$bound" != none ]]; then export LOOM_MAX_PREEMPTIONS="$bound"; fi
# A directory of its own, as the flags would have everything else built again.
models=(cargo test --release --target-dir "${CARGO_TARGET_DIR:-target}/loom")
# Without `std`, so that what a model finds is not taken for the panic of a child.
core=("${models[@]}" -p anyscope-core --no-default-features --features alloc --lib --test loom)
threads=("${models[@]}" -p anyscope-threads --lib)
"${core[@]}" --no-run
"${threads[@]}" --no-run

start=$SECONDS
log="$(mktemp)"
trap 'rm -f "$log"' EXIT
{
    "${core[@]}" "$filter" -- --nocapture
    "${threads[@]}" "$filter" -- --nocapture
} 2>&1 | tee "$log" | grep --line-buffered -v '^test .* ok$'
count="$(grep -c '^model .* executions' "$log")"
echo "$count models, bound $bound: $((SECONDS - start)) s"
