#!/usr/bin/env bash
# The page of a tree that is served, and that of docs/site, in a browser without a screen. Installs Debian's where there is none.
set -euo pipefail
cd "$(dirname "$0")/.."
browser=${ANYSCOPE_BROWSER:-chromium}
if ! command -v "$browser" >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "$browser" >/dev/null
fi
# With the features of the whole, as everything else is built.
cargo test --workspace --all-features --test serve browser -- --ignored --test-threads 1
cargo test --workspace --all-features --test site -- --ignored
