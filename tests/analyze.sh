#!/usr/bin/env bash
# clang-tidy (the checks are in .clang-tidy) and cppcheck over the program and
# its libraries. What they take for a mistake and is none is listed here.
#
#   tests/analyze.sh BUILD       a folder that cmake has been run in
set -euo pipefail
cd "$(dirname "$0")/.."
build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# file check: each was looked at; a value is set wherever PHI_OK is returned,
# which an analyser of one file cannot see.
known='
formats/hf_config.c core.DivideZero
formats/hf_merges.c core.CallAndMessage
formats/hf_naming.c cert-flp30-c
formats/hf_vocab.c core.NullDereference
formats/safetensors.c core.UndefinedBinaryOperatorResult
libconv/base/bytes.h core.NullDereference
libconv/engine/perplexity.c core.DivideZero
libconv/engine/perplexity.c core.NullDereference
libconv/lora/merge_apply.c core.NonNullParamChecker
libconv/lora/merge_ops.c core.NullDereference
libconv/text/tokenizer_new.c core.CallAndMessage
tools/inspect_compare.c core.NonNullParamChecker
tools/option_help.c core.CallAndMessage
tools/quantize_write.c cert-err34-c
'

cmake -S . -B "$build" -DCMAKE_EXPORT_COMPILE_COMMANDS=ON >/dev/null
git ls-files 'libconv/*.c' 'formats/*.c' 'tools/*.c' |
    grep -vE '_neon|/arm/' >"$work/sources"
mapfile -t sources <"$work/sources"
if [ ${#sources[@]} -lt 100 ]; then
    echo "only ${#sources[@]} files to look at: where are the others?"
    exit 1
fi
# Code 1 is for findings. Without any, or with another, it has not looked.
# shellcheck disable=SC2317 # xargs calls it
tidy() { # options and files...
    local code=0

    clang-tidy-14 -p "$build" --quiet "$@" >"$work/found.$$" \
        2>"$work/said.$$" || code=$?
    cat "$work/found.$$"
    if [ "$code" -gt 1 ] ||
        { [ "$code" = 1 ] && ! grep -qE '(warning|error):' "$work/found.$$"; }
    then
        cat "$work/said.$$" >&2
        echo "clang-tidy: exit code $code: $*" >&2
        return 1
    fi
}
export -f tidy
export build work
analyze() { # options...
    xargs -P "$(getconf _NPROCESSORS_ONLN)" -n 4 bash -c 'tidy "$@"' tidy "$@"
}
# analyzer.h says what failures are, but not where they are made.
{
    echo libconv/base/err.c | analyze
    printf '%s\n' "${sources[@]}" | grep -v '^libconv/base/err\.c$' |
        analyze --extra-arg=-include --extra-arg=tests/analyzer.h \
            --extra-arg=-I"$PWD" --extra-arg=-D_GNU_SOURCE= \
            --extra-arg=-D_FILE_OFFSET_BITS=64 \
            --extra-arg=-Wno-macro-redefined
} >"$work/everything"
grep -E '(warning|error):' "$work/everything" | sed "s|^$PWD/||" |
    sort -u >"$work/all" || true
while read -r file check; do
    [ -n "$file" ] || continue
    grep -vE "^$file:.*$check" "$work/all" >"$work/rest" || true
    mv "$work/rest" "$work/all"
done <<<"$known"
failed=0
if [ -s "$work/all" ]; then
    cat "$work/all"
    failed=1
fi
echo "clang-tidy: ${#sources[@]} files, $(wc -l <"$work/all") findings"

cppcheck --enable=warning,portability --std=c11 --quiet --inline-suppr \
    --error-exitcode=1 -j "$(getconf _NPROCESSORS_ONLN)" -I . \
    --suppress=missingInclude --suppress=invalidPointerCast \
    --suppress=uninitStructMember:formats/hf_tokenizer.c \
    --suppress=uninitvar:formats/json_scan.c \
    --suppress=memleak:libconv/base/mem.c \
    --suppress=zerodiv:libconv/engine/perplexity.c \
    --suppress=uninitvar:libconv/kernels/x86/gemm_i8_avx512vnni.c \
    libconv formats tools || failed=1
echo "cppcheck: done"
exit $failed
