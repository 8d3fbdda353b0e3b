#!/usr/bin/env bash
# What a program that links the library gets to see: names with phi_ and
# phiconv_ alone, and no data that anybody could write to.
#
#   tests/symbols.sh NM ARCHIVE...
#   tests/symbols.sh NM --shared LIBRARY HEADER
#
# Of a shared library: the functions of its header, all of them and no others.
set -euo pipefail

nm=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

if [ "$1" = --shared ]; then
    "$nm" -D --defined-only "$2" | awk '{ print $3 }' | sort >"$work/have"
    sed -n 's/.*\(phiconv_[a-z0-9_]*\)(.*/\1/p' "$3" |
        grep -v '_fn$' | sort -u >"$work/all"
    # The comment at the top calls some, too; each has a declaration.
    if ! diff "$work/all" "$work/have"; then
        echo "the functions of the header (<) and of the library (>) differ"
        exit 1
    fi
    echo "symbols: clean, $(wc -l <"$work/have") functions"
    exit 0
fi

"$nm" -A "$@" 2>/dev/null >"$work/all"
echo "symbols: $(wc -l <"$work/all")"
# Else this script sees nothing.
grep -q ' T phi_' "$work/all"

# 32-bit code has helpers of the compiler's.
ours='phi_|phiconv_|_?_?start|__x86\.get_pc'
grep -E ' [A-TV-Z] ' "$work/all" |
    grep -vE " U | [A-Z] ($ours)" >"$work/found" || true
if [ -s "$work/found" ]; then
    echo "visible names that do not begin with phi_ or phiconv_:"
    sort "$work/found" | head
    failed=1
fi

# B b C: zeros, D d: values, G g S s: small ones. Tables of pointers that the
# loader fills in and locks (.data.rel.ro) are shown as D or d, too.
grep -E ' [BbCGgSs] ' "$work/all" >"$work/found" || true
if [ -s "$work/found" ]; then
    echo "data that can be written:"
    sort "$work/found" | head
    failed=1
fi
# Pointers that can be written are in .data.rel.local if the code is for any
# address, and in .data.rel if they are to other files.
for archive in "$@"; do
    if ! { "${OBJDUMP:-objdump}" -t "$archive" >"$work/table" &&
        grep -q ' \.text' "$work/table"; }; then
        echo "$archive: objdump shows nothing"
        exit 1
    fi
    grep -E ' \.t?(data|bss)(\.[A-Za-z0-9_]+)*[[:space:]]' "$work/table" |
        grep -vE '\.data\.rel\.ro|[[:space:]]d[[:space:]]+\.' \
            >"$work/found" || true
    if [ -s "$work/found" ]; then
        echo "data that can be written in $archive:"
        head "$work/found"
        failed=1
    fi
done

[ $failed = 0 ] && echo "symbols: clean"
exit $failed
