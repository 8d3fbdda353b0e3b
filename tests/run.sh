#!/usr/bin/env bash
# Builds phiconv and runs every test through ctest.
#
#   tests/run.sh [--quick] [--preset NAME] [--build] [-j N] [-- CTEST-OPTIONS]
#
# --quick leaves out the tests labelled "slow"; --preset takes the build from
# CMakePresets.json (release if not given; asan, tsan, debug); --build stops
# before the tests.
# Larger tests use the folder that PHICONV_TEST_DATA names. Where it names none,
# ctest lists the programs that they are in as skipped, whatever else they ran.
set -euo pipefail

quick=()
only_build=0
preset=release
jobs=$(getconf _NPROCESSORS_ONLN)
while [ $# -gt 0 ]; do
    case $1 in
    --quick) quick=(-LE slow) ;;
    --build) only_build=1 ;;
    --preset)
        preset=$2
        shift
        ;;
    -j)
        jobs=$2
        shift
        ;;
    --)
        shift
        break
        ;;
    -h | --help)
        sed -n '2,10s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    *)
        echo "tests/run.sh: unknown option $1" >&2
        exit 2
        ;;
    esac
    shift
done

cd "$(dirname "$0")/.."
# shellcheck source=tools/deps.sh
. tools/deps.sh
need_packages "${BUILD_PACKAGES[@]}" "${TEST_PACKAGES[@]}"

dir=build
[ "$preset" = release ] || dir=build-$preset
mkdir -p "$dir"
if ! { cmake --preset "$preset" -DPHI_TESTS=ON -DPHI_WERROR=ON &&
    cmake --build --preset "$preset" -j "$jobs"; } >"$dir/tests.log" 2>&1
then
    tail -n 40 "$dir/tests.log" >&2
    echo "tests/run.sh: the build failed; see $dir/tests.log" >&2
    exit 1
fi
[ $only_build = 0 ] || exit 0
exec ctest --test-dir "$dir" -j "$jobs" --output-on-failure \
    --no-tests=error "${quick[@]}" "$@"
