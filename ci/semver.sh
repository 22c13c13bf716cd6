#!/usr/bin/env bash
# What became of what is public since a revision (the last tag unless given), and whether the version says so: ci/semver.sh [BASE [listings]].
# By hand: not part of CI. Lines of docs/api first: one that is gone breaks users, so it takes a version that does, which before 1.0 is a new minor one.
# Then, unless only listings are asked for, cargo-semver-checks where it is installed: it sees what they do not show. CONTRIBUTING.md has the last result.
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null

base="${1:-$(git describe --tags --abbrev=0 2>/dev/null || true)}"
if [[ -z $base ]]; then
    echo "there is no tag: since which revision? ci/semver.sh BASE" >&2
    exit 2
fi
git rev-parse --quiet --verify "$base^{commit}" >/dev/null || { echo "no revision: $base" >&2; exit 2; }
of_base() { git ls-tree --name-only "$base" docs/api/; }
# Without listings there would be nothing to lose.
[[ -n $(of_base) ]] || { echo "$base has no docs/api" >&2; exit 2; }

version() { sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p'; }
# The part of a version that says what breaks: 0.3 of 0.3.1, and 1 of 1.2.3.
breaking() { sed -E 's/^(0\.[0-9]+|[0-9]+)\..*/\1/' <<<"$1"; }
lines() { grep -v '^#' | LC_ALL=C sort; }

before=$(git show "$base:Cargo.toml" | version)
now=$(version <Cargo.toml)
gone=0 new=0
for listing in $( (of_base; ls docs/api/*.txt) | sort -u); do
    changed=$(LC_ALL=C comm -3 <(git show "$base:$listing" 2>/dev/null | lines) <(cat "$listing" 2>/dev/null | lines) | sed 's/^\t/+ /; t; s/^/- /')
    removed=$(grep '^- ' <<<"$changed" || true)
    if [[ -n $removed ]]; then printf '%s:\n%s\n' "$(basename "$listing" .txt)" "$removed"; fi
    gone=$((gone + $(grep -c '^- ' <<<"$changed" || true)))
    new=$((new + $(grep -c '^+ ' <<<"$changed" || true)))
done
echo "docs/api since $base: $gone lines are gone, $new are new; the version was $before and is $now"

failed=no
if ((gone > 0)) && [[ $(breaking "$before") == "$(breaking "$now")" ]]; then
    echo "what is gone breaks users of $before, and $now does not say so" >&2
    failed=yes
elif ((new > 0)) && [[ $before == "$now" ]]; then
    echo "what is new is not in $before, and it is still $now" >&2
    failed=yes
fi

if [[ ${2:-} != listings ]]; then
    if cargo semver-checks --version >/dev/null 2>&1; then
        published=()
        for listing in docs/api/*.txt; do published+=(-p "$(basename "$listing" .txt)"); done
        cargo semver-checks --baseline-rev "$base" --all-features "${published[@]}" || failed=yes
    else
        echo "listings only: cargo-semver-checks is not installed" >&2
    fi
fi
[[ $failed == no ]]
