#!/usr/bin/env bash
# Jobs over several machines, on real servers, which are killed as workers and callers are. `ci/remote.sh install` has a server installed, `ci/remote.sh` runs the
# short tests, and `ci/remote.sh long [KILLS] [JOBS]` long ones by hand, with 100 and 100000 unless told otherwise; it prints what came of them.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! command -v nats-server >/dev/null && [[ ! -x /usr/sbin/nats-server ]]; then
    sudo="$(command -v sudo || true)"
    $sudo apt-get update -qq
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends nats-server >/dev/null
fi
if [[ ${1:-} == install ]]; then exit; fi
if [[ ${1:-} == long ]]; then
    export ANYSCOPE_KILLS=${2:-100} ANYSCOPE_JOBS=${3:-100000}
    exec cargo test --release -p anyscope-nats --test nats -- --nocapture --test-threads 1 are_killed is_killed
fi
# With the features of the whole, as everything else is built.
cargo test --workspace --all-features --test nats
