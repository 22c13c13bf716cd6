#!/usr/bin/env bash
# Builds the page that shows what anyscope is, into target/site or another folder: docs/site/build.sh [FOLDER]
# What it shows of programs is taken from them, or from a run of them, so that it is never another than theirs.
# ANYSCOPE_EXAMPLES: a folder with examples that are built already.
set -euo pipefail
site=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$site/../../target}
mkdir -p "${1:-$target/site}"
out=$(cd "${1:-$target/site}" && pwd)
cd "$site/../.."

run() {
    if [ -n "${ANYSCOPE_EXAMPLES:-}" ]; then
        "$ANYSCOPE_EXAMPLES/$1" "${@:2}"
    else
        cargo run --quiet --package examples --bin "$1" -- "${@:2}"
    fi
}

escape() { sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g'; }
# Of Rust: what is quiet is its comments.
code() { escape | sed -E 's|(^\|[ ])(// .*)$|\1<span class="comment">\2</span>|'; }
# Of Markdown: bold text and code.
inline() { escape | sed -E 's|\*\*([^*]*)\*\*|<strong>\1</strong>|g; s|`([^`]*)`|<code>\1</code>|g'; }
# The first block of README.md in this language.
block() { awk -v fence="\`\`\`$1" '$0 == fence { inside = 1; next } inside && /^```/ { exit } inside' README.md; }
function_of_snooze() { awk -v start="async fn $1(" 'index($0, start) == 1 { inside = 1 } inside; inside && /^}/ { exit }' examples/snooze.rs; }

declare -A parts
parts[install]=$(block sh | escape)
parts[program]=$(block rust | code)
parts[kept]=$(sed -n '/^## What is kept/,/^## What is chosen/p' docs/book/why.md | sed -n 's|^- \(.*\)|\1|p' | inline | sed 's|.*|<li>&</li>|')
parts[picture]=$(run snooze | escape)
# `<` would end the script that it stands in.
parts[spans]=$(run snooze --json | sed 's/</\\u003c/g')
parts[over_a_stream]=$(function_of_snooze over_a_stream | code)
parts[over_a_flow]=$(function_of_snooze over_a_flow | code)
# The first of the programs that hang, without its title.
parts[tree]=$(run hang | awk '/^== / { count++; next } count == 1' | escape)
# The command, the machine and the day of the charts.
parts[machine]=$(sed -n 's|^\(`cargo bench -- --out docs/charts` on [^.]*\.\).*|\1|p' README.md | inline)

# Puts each part where the page asks for it.
while IFS= read -r line; do
    while [[ $line == *'<!-- include: '* ]]; do
        after=${line#*'<!-- include: '}
        name=${after%%' -->'*}
        if [ -z "${parts[$name]:-}" ]; then
            echo "docs/site/build.sh: \`$name\` is empty: what it is taken from has changed" >&2
            exit 1
        fi
        printf '%s%s' "${line%%'<!-- include: '*}" "${parts[$name]}"
        line=${after#*' -->'}
    done
    printf '%s\n' "$line"
done <docs/site/index.html >"$out/index.html"
cp docs/site/style.css docs/site/snooze.js "$out/"
mkdir -p "$out/charts"
cp docs/charts/*.svg "$out/charts/"
echo "$out/index.html"
