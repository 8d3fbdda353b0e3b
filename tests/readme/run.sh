#!/usr/bin/env bash
# Runs the sessions of README.md and compares what they print.
#
#   tests/readme/run.sh PHICONV [--update]
#
# A session is a fenced block that begins with "```console": lines that begin
# with "$ " are run in one folder, in which phi-openstax is the sample model,
# physics an adapter, and primer.txt and physics.txt are texts; what follows
# each is its output. "$ ./" commands are for the reader and are not run.
set -uo pipefail

program=$(realpath "$1")
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir "$work/bin" "$work/run"
ln -s "$program" "$work/bin/phiconv"
# Copies: a session may change what it works on.
cp -r "$root/reference/sample/phi-openstax" "$work/run/phi-openstax"
cp -r "$root/reference/sample/adapters/physics" "$work/run/physics"
cp "$root"/reference/sample/text/*.txt "$work/run"
export PATH="$work/bin:$PATH"
cd "$work/run" || exit 1

# The README again, with the output that the commands have now.
session=0
while IFS= read -r line <&3; do
    if [ $session = 0 ] || [[ $line == '```' ]]; then
        printf '%s\n' "$line"
        if [[ $line == '```console' ]]; then session=1; else session=0; fi
    elif [[ $line == '$ ./'* ]]; then
        printf '%s\n' "$line"
        session=2 # its output is kept as it is
    elif [[ $line == '$ '* ]]; then
        printf '%s\n' "$line"
        session=1
        bash -c "${line#'$ '}" </dev/null 2>&1
    elif [ $session = 2 ]; then
        printf '%s\n' "$line"
    fi
done 3<"$root/README.md" >"$work/README.md"

if [ "${2:-}" = --update ]; then
    cp "$work/README.md" "$root/README.md"
elif ! diff -u "$root/README.md" "$work/README.md"; then
    echo "README.md differs; tests/readme/run.sh PHICONV --update rewrites it"
    exit 1
fi
