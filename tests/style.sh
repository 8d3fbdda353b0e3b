#!/usr/bin/env bash
# Checks what needs no build: format, shell scripts, widths, file names, and
# that includes follow the arrows of ARCHITECTURE.md. Prints each offence.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

failed=0
offence() {
    printf '%s\n' "$*"
    failed=1
}

# Our own text files; what belongs to the sample model is data.
mapfile -t files < <(git ls-files --cached --others --exclude-standard |
    grep -v '^reference/sample/' | grep -v '^tests/.*/data/')
mapfile -t sources < <(printf '%s\n' "${files[@]}" | grep '\.[ch]$')
mapfile -t scripts < <(printf '%s\n' "${files[@]}" |
    xargs grep -lE '^#!.*(bash|/sh)$|shellcheck shell=')

echo "style: ${#sources[@]} C files, ${#scripts[@]} shell scripts"

clang-format-14 --dry-run -Werror "${sources[@]}" || failed=1
shellcheck -x "${scripts[@]}" || failed=1

# Tabs, blanks at line ends, missing final newlines, lines over 80 columns.
for f in "${sources[@]}" "${scripts[@]}"; do
    grep -nP '\t| +$' "$f" | sed "s|^|$f:|" | grep . && failed=1
    [ -z "$(tail -c 1 "$f")" ] || offence "$f: no newline at the end"
    awk -v f="$f" '{ s = $0; gsub(/[\200-\277]/, "", s) }
        length(s) > 80 { print f ":" NR ": " length(s) " columns"; bad = 1 }
        END { exit bad }' "$f" || failed=1
done

# What a test left in the tree is none of it.
for f in $(printf '%s\n' "${files[@]}" | sed 's|/.*||' | sort -u); do
    case $f in
    .ci | .clang-* | .editorconfig | .git* | CMake* | *.md | LICENSE) ;;
    docs | formats | libconv | reference | tests | tools) ;;
    *) offence "$f: does not belong at the top" ;;
    esac
done

# A file name says which file it is, wherever it is quoted.
printf '%s\n' "${sources[@]}" | sed 's|.*/||' | sort | uniq -d |
    grep . && offence "file names are not unique"

# Past 600 lines a file asks to be split.
for f in "${sources[@]}"; do
    n=$(wc -l <"$f")
    [ "$n" -le 600 ] || offence "$f: $n lines, at most 600"
done

# Each C file begins with its license.
for f in "${sources[@]}"; do
    head -n 1 "$f" | grep -q 'SPDX-License-Identifier: MIT' ||
        offence "$f: no SPDX line"
done

# folder | folders that it may include, besides its own; those of libconv
# without their front part
arrows='
libconv/base    |
libconv/cpu     |
libconv/tensor  | base
libconv/kernels | base tensor cpu
libconv/quant   | base tensor kernels
libconv/lora    | base tensor kernels
libconv/text    | base tensor
libconv/convert | base tensor kernels quant lora text cpu
libconv/engine  | base tensor kernels quant lora text cpu
formats/api     | base tensor kernels quant lora text cpu convert engine formats
formats         | base tensor lora
tools           | base tensor kernels quant lora text cpu convert engine formats
reference       |
tests           | libconv formats tools reference
'
room_of() { # the row of the table that a path belongs to
    local path=$1 row
    while IFS='|' read -r row _; do
        row=${row%% *}
        if [ -n "$row" ] && [[ $path == "$row"/* ]]; then
            echo "$row"
            return
        fi
    done <<<"$arrows"
}
for f in "${sources[@]}"; do
    room=$(room_of "$f")
    allowed=$(awk -F'|' -v r="$room" '{ split($1, a, " ") }
        a[1] == r { print $2 }' <<<"$arrows")
    while read -r target; do
        [ -f "$target" ] ||
            offence "$f: #include \"$target\" is not written from the root"
        ok=0
        for a in $room $allowed; do
            [[ $target == "$a"/* || $target == libconv/"$a"/* ]] && ok=1
        done
        [ $ok = 1 ] || offence "$f: may not include $target"
    done < <(sed -n 's/^ *#include "\(.*\)".*/\1/p' "$f")
done

[ $failed = 0 ] && echo "style: clean"
exit $failed
