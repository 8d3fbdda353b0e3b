#!/usr/bin/env bash
# Builds phiconv and shows what it does: quantizes the bundled sample model
# and measures every file against its float source, merges an adapter and
# measures the result beside its base.
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

# The commands are those of the README, in a folder where the names are short.
mkdir -p build/quickstart
cd build/quickstart
# Copies: what is tried there must not change the sample itself.
sample=../../reference/sample
rm -rf phi-openstax physics
cp -r $sample/phi-openstax $sample/adapters/physics .
cp $sample/text/{primer,physics}.txt .
PATH=$PWD/..:$PATH

outputs=()
files=()
for type in f16 q8_0 q6_k q5_k_m q4_k_m q4_0; do
    files+=("$type.gguf")
    outputs+=(-t "$type=$type.gguf")
done

show() {
    echo
    echo "\$ $*"
    "$@"
}
show phiconv quantize phi-openstax -q --force "${outputs[@]}"
show phiconv eval-ppl "${files[@]}" --reference phi-openstax -f primer.txt
show phiconv merge-lora phi-openstax physics -o phi-physics -q --force
show phiconv eval-ppl phi-openstax phi-physics -f physics.txt -c 256
echo
echo "The files are in build/quickstart, and so is what the README's commands"
echo "name: cd build/quickstart && PATH=\$PWD/..:\$PATH"
