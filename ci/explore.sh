#!/usr/bin/env bash
# The simulated half of the conformance suite, each behaviour in so many orders (50 unless given;
# by hand: 500). What fails says how to repeat it.
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null
rounds="${1:-50}"

behaviours=()
for group in tests/conformance/*/; do behaviours+=(--test "$(basename "$group")"); done
test=(cargo test -p anyscope-tests --all-features "${behaviours[@]}")
"${test[@]}" --no-run

start=$SECONDS
log="$(mktemp)"
trap 'rm -f "$log"' EXIT
passed=yes
ANYSCOPE_SIM_ROUNDS="$rounds" "${test[@]}" --no-fail-fast simulated 2>&1 | tee "$log" || passed=no
tests="$(grep -c '^test .* ok$' "$log" || true)"
echo "$tests tests, $rounds rounds: $((tests * rounds)) schedules, $((SECONDS - start)) s"
if [[ $passed == no ]]; then
    echo "what failed:" >&2
    grep '^repeat with: ' "$log" | sort -u >&2 || true
    exit 1
fi
