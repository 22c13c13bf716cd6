#!/usr/bin/env bash
# What others get: every crate is packaged, and a library with two programs is built of the packages, and nothing else.
set -euo pipefail
cd "$(dirname "$0")/.."
target="${CARGO_TARGET_DIR:-$PWD/target}"

crates=()
for manifest in Cargo.toml */Cargo.toml; do
    if ! grep -q '^publish = false' "$manifest" && grep -q '^\[package\]' "$manifest"; then
        crates+=("$(sed -n 's/^name = "\(.*\)"/\1/p' "$manifest" | head -1)")
    fi
done
cargo package --quiet --workspace --no-verify --allow-dirty "${crates[@]/#/--package=}" 2>/dev/null ||
    cargo package --no-verify --allow-dirty "${crates[@]/#/--package=}"

there="$target/downstream"
rm -rf "$there/packages" "$there/programs"
mkdir -p "$there/packages"
patches=()
for crate in "${crates[@]}"; do
    tar -xf "$target"/package/"$crate"-[0-9]*.crate -C "$there/packages"
    patches+=(--config "patch.crates-io.$crate.path=\"$(echo "$there/packages/$crate"-[0-9]*)\"")
done
cp -r tests/downstream "$there/programs"
cd "$there/programs"
export CARGO_TARGET_DIR="$there/target"
for program in on_tokio on_smol; do
    cargo run --quiet "${patches[@]}" -p "$program"
done

# Nobody builds another runtime than theirs.
tree() { cargo tree "${patches[@]}" -p "$1" -e normal --prefix none; }
if tree on_tokio | grep -E '^(smol|async-executor|async-io|async-task|blocking) '; then
    echo "a program on tokio must not build smol" >&2
    exit 1
fi
if tree on_smol | grep -E '^tokio '; then
    echo "a program on smol must not build tokio" >&2
    exit 1
fi
