#!/usr/bin/env bash
# The libraries build with the oldest dependencies that their Cargo.toml allows. By hand: not part of CI.
#
# In a copy, without what only tests and examples take: their dependencies would ask for newer ones.
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}/minimal"

libraries=(. core exec-smol exec-tokio exec-threads exec-sim conformance serve remote remote-sqlite remote-nats)
copy="$(mktemp -d)"
trap 'rm -rf "$copy"' EXIT
git ls-files -z -- src docs/book README.md "${libraries[@]:1}" | xargs -0 cp --parents -t "$copy"
for library in "${libraries[@]}"; do
    awk '/^\[/ { skip = /dev-dependencies/ } !skip' "$library/Cargo.toml" >"$copy/$library/Cargo.toml"
done
members="$(printf '"%s", ' "${libraries[@]:1}")"
sed -i "/^members = \[/,/^\]/c members = [$members]
        /^default-members/d" "$copy/Cargo.toml"
cd "$copy"

# An unstable flag of cargo's; the compiler does not see it.
RUSTC_BOOTSTRAP=1 cargo update --quiet -Z direct-minimal-versions
for of in "anyscope-core --all-features" "anyscope --features tokio" "anyscope --features smol" "anyscope --features threads" "anyscope --all-features" \
    anyscope-conformance anyscope-serve "anyscope-remote --all-features" "anyscope-sqlite --all-features" "anyscope-nats --all-features"; do
    # shellcheck disable=SC2086
    cargo check --quiet --lib -p $of
    echo "$of"
done
