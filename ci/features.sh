#!/usr/bin/env bash
# Every set of features builds, and core depends on no runtime.
set -euo pipefail
cd "$(dirname "$0")/.."
export RUSTFLAGS="-D warnings"

for features in "" alloc std rate "rate std" backon "backon std" serde; do
    echo "anyscope-core: '$features'"
    cargo check --quiet -p anyscope-core --no-default-features --features "$features"
done

optional=(smol tokio threads sim hyper futures)
for ((set = 0; set < 1 << ${#optional[@]}; set++)); do
    features=""
    for n in "${!optional[@]}"; do
        if ((set >> n & 1)); then features+=" ${optional[n]}"; fi
    done
    # The first four have `std` with them, so these three would be the same three times.
    bases=("")
    if ((set % 16 == 0)); then bases=("" alloc std); fi
    for base in "${bases[@]}"; do
        cargo check --quiet -p anyscope --no-default-features --features "$base $features"
    done
    echo "anyscope:$features"
done

# They add modules that have nothing to do with the others.
for features in tracing metrics "tracing metrics smol" progress "progress smol" shutdown rate serde backon deadpool "rate backon shutdown deadpool progress tokio threads sim hyper futures"; do
    cargo check --quiet -p anyscope --no-default-features --features "$features"
    echo "anyscope: $features"
done

cargo check --quiet -p anyscope-remote
echo "anyscope-remote: ''"

# Where tokio's tasks have names.
RUSTFLAGS="-D warnings --cfg tokio_unstable" cargo check --quiet -p anyscope-tokio --target-dir "${CARGO_TARGET_DIR:-target}/tokio_unstable"
echo "anyscope-tokio: --cfg tokio_unstable"

if cargo tree -p anyscope-core --all-features -e normal --prefix none |
    grep -E '^(tokio|smol|async-executor|async-io|async-task|blocking|futures-util|futures-executor) '; then
    echo "anyscope-core must not depend on a runtime" >&2
    exit 1
fi
