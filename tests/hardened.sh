#!/usr/bin/env bash
# The program was built as CMakeLists.txt says under PHI_HARDEN.
#
#   tests/hardened.sh PROGRAM
set -euo pipefail

failed=0
expect() { # what, pattern, text
    if ! grep -qE "$2" <<<"$3"; then
        echo "not there: $1"
        failed=1
    fi
}
headers=$(readelf -Wldh "$1")
names=$(nm -D "$1")
expect "position independence" 'Type: +DYN' "$headers"
expect "relocations that become read-only" 'GNU_RELRO' "$headers"
expect "binding at the start" 'BIND_NOW|Flags: .*NOW' "$headers"
expect "a stack that holds no code" 'GNU_STACK.* RW ' "$headers"
expect "the stack protector" '__stack_chk_fail' "$names"
expect "fortified calls" '_chk@|_chk$' "$names"
[ $failed = 0 ] && echo "hardened: all there"
exit $failed
