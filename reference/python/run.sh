#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# run.sh VENV PHICONV: every cross-check of a phiconv binary against the
# published Python packages.  VENV is a folder for a virtual environment; it is
# made, and requirements.txt installed into it, when it is not there.  With
# PHICONV_TEST_DATA set, also the checks that need its larger texts.
set -euo pipefail

if [ $# -ne 2 ]; then
    echo "usage: run.sh VENV PHICONV" >&2
    exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
venv=$1
phiconv=$(realpath "$2")
sample=$here/../sample
model=$sample/phi-openstax
primer=$sample/text/primer.txt

if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
fi
"$venv/bin/pip" install --quiet -r "$here/requirements.txt"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# check NAME COMMAND...: runs one check, goes on after a failure
check() {
    echo "== $1"
    shift
    if ! "$@"; then
        failed=$((failed + 1))
    fi
}
python=("$venv/bin/python" -W ignore)

check "goldens in the tree" "${python[@]}" "$here/make_goldens.py" \
    --check "$here/../golden"
check "tokenizer" "${python[@]}" "$here/check_tokenizer.py" \
    "$phiconv" "$model" "$primer"
check "tokenizer's cases" "${python[@]}" "$here/make_tokenizer_cases.py" \
    --check "$model" "$here/../../tests/golden/tokenizer-cases.json"
check "forward" "${python[@]}" "$here/check_forward.py" \
    "$phiconv" "$model" --text "$primer"
check "forward, windows of 128" "${python[@]}" "$here/check_forward.py" \
    "$phiconv" "$model" --text "$primer" --n-ctx 128 --windows 16

check "random models" "${python[@]}" "$here/check_configs.py" "$phiconv"
check "random adapters" "${python[@]}" "$here/check_merge.py" "$phiconv"
check "exported folders" "${python[@]}" "$here/check_export.py" \
    "$phiconv" "$model" --text "$primer"

for type in f32 f16 bf16 q8_0 q4_0 q4_1 q5_0 q5_1; do
    file=$work/$type.gguf
    check "quantize $type" "$phiconv" quantize "$model" -t "$type" -o "$file"
    check "gguf $type" "${python[@]}" "$here/check_gguf.py" \
        "$file" --source "$model" --text "$primer"
    check "quantize $type, pure" "$phiconv" quantize "$model" -t "$type" \
        --pure --force -o "$file"
    check "gguf $type, pure" "${python[@]}" "$here/check_gguf.py" \
        "$file" --source "$model"
    rm -f "$file"
done

if [ -n "${PHICONV_TEST_DATA:-}" ]; then
    data=$PHICONV_TEST_DATA
    check "goldens of the test data" "${python[@]}" "$here/make_goldens.py" \
        --check "$data/goldens/phi-openstax" --texts "$data/sample/text"
    check "tokenizer on long texts" "${python[@]}" \
        "$here/check_tokenizer.py" "$phiconv" "$model" --cases 0 --data "$data"
    check "tokenizer of phi-2" "${python[@]}" \
        "$here/check_tokenizer.py" "$phiconv" "$data/phi-2" --data "$data"
else
    echo "PHICONV_TEST_DATA is not set: the long texts are skipped"
fi

echo "$failed of the checks above failed"
[ "$failed" -eq 0 ]
