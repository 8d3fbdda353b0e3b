#!/usr/bin/env bash
# Keeps what fuzzing has reached, for the next time and for replay_NAME.
#
#   tests/fuzz/keep.sh [NAME...]     all targets, if none is named
#
# Of build-fuzz/corpus/NAME (see run.sh) and of what is kept, the fewest inputs
# that together go wherever all of them go: corpus/NAME.tar.xz.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tools/deps.sh
. tools/deps.sh
need_packages xz-utils

if [ $# -eq 0 ]; then
    for folder in tests/fuzz/corpus/*/; do
        set -- "$@" "$(basename "$folder")"
    done
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for name in "$@"; do
    archive=tests/fuzz/corpus/$name.tar.xz
    mkdir -p "$work/old/$name" "$work/new/$name" "build-fuzz/corpus/$name"
    # A fuzzer that still runs removes some of its files.
    cp -r "build-fuzz/corpus/$name" "$work/seen" 2>/dev/null || true
    [ ! -f "$archive" ] || tar -xJf "$archive" -C "$work/old/$name"
    # 16 KiB an input, as in run.sh: the archives stay small.
    build-fuzz/tests/fuzz/fuzz_"$name" -set_cover_merge=1 -max_len=16384 \
        -timeout=20 "$work/new/$name" "tests/fuzz/corpus/$name" \
        "$work/old/$name" "$work/seen" >"$work/log" 2>&1 ||
        { tail -n 20 "$work/log" >&2 && exit 1; }
    rm -r "$work/seen"
    # The same inputs make the same bytes.
    tar -C "$work/new/$name" --sort=name --mtime=@0 --owner=0 --group=0 \
        --numeric-owner --mode=644 -cf - . | xz -9e >"$archive"
    printf '%-12s %s inputs, %s bytes\n' "$name" \
        "$(find "$work/new/$name" -type f | wc -l)" "$(stat -c %s "$archive")"
done
