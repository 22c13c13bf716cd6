#!/usr/bin/env bash
# The simulated half of the conformance suite, each behaviour in so many orders (50 unless given;
# by hand: 500). What fails says how to repeat it.
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null
rounds="${1:-50}"

behaviours=()
for group in tests/conformance/*/; do behaviours+=(--test "$(basename "$group")"); done
test=(cargo test -p anyscope-tests "${behaviours[@]}")
"${test[@]}" --no-run

start=$SECONDS
log="$(mktemp)"
trap 'rm -f "$log"' EXIT
ANYSCOPE_SIM_ROUNDS="$rounds" "${test[@]}" simulated 2>&1 | tee "$log"
tests="$(grep -c '^test .* ok$' "$log")"
echo "$tests tests, $rounds rounds: $((tests * rounds)) schedules, $((SECONDS - start)) s"
