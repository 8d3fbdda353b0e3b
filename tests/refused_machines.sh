#!/usr/bin/env bash
# A machine that would give other bytes is refused when phiconv is compiled.
#
#   tests/refused_machines.sh CC SOURCE-DIR
set -euo pipefail

cc=$1
cd "$2"
compile() {
    "$cc" -std=c11 -fsyntax-only -I. "$@" libconv/kernels/kernels.c
}

# refuses WORD FLAG...
refuses() {
    local word=$1 said
    shift
    if ! "$cc" "$@" -E - </dev/null >/dev/null 2>&1; then
        echo "skipped: $cc does not know $*"
        return
    fi
    if said=$(compile "$@" 2>&1); then
        echo "accepted: $*"
        exit 1
    fi
    if ! grep -q "error.*$word" <<<"$said"; then
        printf '%s: expected "%s", and it says\n%s\n' "$*" "$word" "$said"
        exit 1
    fi
}

compile
refuses big-endian -U__BYTE_ORDER__ -D__BYTE_ORDER__=4321
case $("$cc" -dumpmachine) in
x86_64-* | i?86-*) refuses binary32 -mfpmath=387 ;;
esac
