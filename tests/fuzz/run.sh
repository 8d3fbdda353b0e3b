#!/usr/bin/env bash
# Fuzzes the targets, one on each processor, and keeps what it finds.
#
#   tests/fuzz/run.sh [SECONDS] [NAME...]     30 seconds each, all of them
#
# Builds with clang in build-fuzz. It begins where it ended the last time that
# somebody kept what was reached (keep.sh). New inputs go to build-fuzz/corpus,
# what breaks a target to build-fuzz/found: made small with -minimize_crash=1,
# it belongs in corpus/NAME as found-WHAT.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tools/deps.sh
. tools/deps.sh
need_packages "${BUILD_PACKAGES[@]}" "${TEST_PACKAGES[@]}" clang \
    libclang-rt-14-dev

seconds=${1:-30}
[ $# -eq 0 ] || shift
if [ $# -eq 0 ]; then
    for source in tests/fuzz/fuzz_*.c; do
        name=${source##*/fuzz_}
        [ "$name" = input.c ] || set -- "$@" "${name%.c}"
    done
fi

mkdir -p build-fuzz/found
if ! { cmake --preset fuzz -DPHI_WERROR=ON &&
    cmake --build build-fuzz -j "$(getconf _NPROCESSORS_ONLN)"; } \
    >build-fuzz/tests.log 2>&1
then
    tail -n 40 build-fuzz/tests.log >&2
    exit 1
fi
# Says what came of one target.
fuzz() {
    local name=$1
    mkdir -p "build-fuzz/corpus/$name"
    # 2 GiB and 10 s an input; input lengths that a fuzzer can handle.
    if build-fuzz/tests/fuzz/fuzz_"$name" -max_total_time="$seconds" \
        -timeout=10 -rss_limit_mb=2048 -max_len=16384 -print_final_stats=1 \
        -artifact_prefix="build-fuzz/found/$name-" \
        "build-fuzz/corpus/$name" "tests/fuzz/corpus/$name" \
        "build-fuzz/tests/fuzz/reached/$name" \
        >"build-fuzz/$name.log" 2>&1
    then
        printf '%-12s %s\n' "$name" "$(awk '
            /number_of_executed_units/ { runs = $2 }
            / cov: / { for (i = 1; i < NF; i++) if ($i == "cov:") c = $(i + 1) }
            END { print runs " runs, " c " edges" }' "build-fuzz/$name.log")"
    else
        echo "$name: broken; see build-fuzz/$name.log"
        tail -n 30 "build-fuzz/$name.log"
        return 1
    fi
}
export -f fuzz
export seconds
# shellcheck disable=SC2016 # the other shell's
printf '%s\0' "$@" |
    xargs -0 -n 1 -P "$(getconf _NPROCESSORS_ONLN)" bash -c 'fuzz "$1"' fuzz
