#!/usr/bin/env bash
# Builds phiconv and shows what it does: quantizes the bundled sample model
# and measures every file against its float source. One table at the end.
#
#   tools/quickstart.sh [-j N]
#
# Needs Debian or a relative (or the packages of tools/deps.sh). Writes into
# build/ only; a second run builds nothing anew and prints the same table.
set -euo pipefail

jobs=$(getconf _NPROCESSORS_ONLN)
while getopts "j:h" option; do
    case $option in
    j) jobs=$OPTARG ;;
    h)
        sed -n '2,8s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    *) exit 2 ;;
    esac
done

cd "$(dirname "$0")/.."
# shellcheck source=tools/deps.sh
. tools/deps.sh
need_packages "${BUILD_PACKAGES[@]}"

echo "Building into build/"
mkdir -p build
if ! { cmake -S . -B build -DPHI_TESTS=OFF &&
    cmake --build build -j "$jobs"; } >build/quickstart.log 2>&1; then
    tail -n 30 build/quickstart.log >&2
    echo "The build failed; all of it is in build/quickstart.log" >&2
    exit 1
fi

phiconv=build/phiconv
model=reference/sample/phi-openstax
text=reference/sample/text/primer.txt
out=build/quickstart
mkdir -p "$out"

outputs=()
files=()
for type in f16 q8_0 q5_1 q5_0 q4_1 q4_0; do
    file=$out/phi-openstax-$type.gguf
    files+=("$file")
    outputs+=(-t "$type=$file")
done
echo "Quantizing $model"
"$phiconv" quantize "$model" "${outputs[@]}" --force --quiet

echo "Measuring on $text"
echo
"$phiconv" eval-ppl "${files[@]}" --reference "$model" -f "$text"
