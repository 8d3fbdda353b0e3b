#!/usr/bin/env bash
# What a program that links the library gets to see: names with phi_ alone,
# and no data that anybody could write to.
#
#   tests/symbols.sh NM ARCHIVE...
set -euo pipefail

nm=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

"$nm" -A "$@" 2>/dev/null >"$work/all"
echo "symbols: $(wc -l <"$work/all")"
# Else this script sees nothing.
grep -q ' T phi_' "$work/all"

grep -E ' [A-TV-Z] ' "$work/all" | grep -vE ' U | [A-Z] (phi_|_?_?start)' \
    >"$work/found" || true
if [ -s "$work/found" ]; then
    echo "visible names that do not begin with phi_:"
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
for archive in "$@"; do
    "${OBJDUMP:-objdump}" -t "$archive" |
        grep -E ' \.t?(data|bss)(\.[A-Za-z0-9_]+)?[[:space:]]' |
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
