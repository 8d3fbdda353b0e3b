#!/usr/bin/env bash
# Runs one case and compares what it prints with what is written down.
#
#   tests/cli/run.sh PHICONV CASE.sh [--update]
#
# CASE.sh       the commands, in bash, run in an empty folder; they see
#               $PHICONV, $SAMPLE (the model), $TEXT and $ROOT
# CASE.out .err expected output; a line that begins with "~ " is a pattern
#               for [[ == ]]: "~ *" matches any line
# CASE.exit     expected exit code; 0 without the file
# WRAPPER       is put in front of the program: valgrind, qemu-aarch64
#
# No case may expect exit code 86: with it, a sanitizer says that it found
# something. By themselves they end with 1, which is a verdict of doctor's.
set -u

phiconv=$(realpath "$1")
case=$(realpath "$2")
here=${case%.sh}
root=$(cd "$(dirname "$0")/../.." && pwd)
# Unquoted on purpose in the cases: WRAPPER is several words.
PHICONV="${WRAPPER:+$WRAPPER }$phiconv"

# Wherever the tree lies, its path is as long, and has no odd characters. In
# memory, if there are 4 GiB, a third of the time goes; the fault matrix is for
# disks. A case may run a program of its own, which not every folder allows.
work=/tmp/phiconv-cli.XXXXXX
memory=/dev/shm
runs_programs() {
    local probe code
    probe=$(mktemp "$1/phi-probe.XXXXXX") || return
    printf '#!/bin/sh\n' >"$probe"
    chmod +x "$probe"
    "$probe" 2>/dev/null
    code=$?
    rm "$probe"
    return $code
}
if [ -w $memory ] && runs_programs $memory &&
    [ "$(df --output=avail $memory | tail -n 1)" -gt 4194304 ]
then
    work=$memory/phi-cli.XXXXXX
fi
work=$(mktemp -d $work)
trap 'chmod -R u+w "$work/run"; rm -rf "$work"' EXIT
mkdir "$work/run"
ln -s "$root" "$work/root"
ROOT=$work/root
SAMPLE=$ROOT/reference/sample/phi-openstax
TEXT=$ROOT/reference/sample/text/primer.txt
export ROOT SAMPLE TEXT PHICONV
for tool in ASAN UBSAN LSAN MSAN TSAN; do
    name=${tool}_OPTIONS
    export "$name=${!name:+${!name}:}exitcode=86"
done
(cd "$work/run" && LC_ALL=C.UTF-8 bash "$case") \
    >"$work/out" 2>"$work/err" </dev/null
code=$?
# Paths of this machine are not part of what is expected; a byte of zero, which
# bash passes over, shows.
sed -i "s|$ROOT/|ROOT/|g; s|$work/run|WORK|g; s|\x00|\\\\0|g" \
    "$work/out" "$work/err"

want_code=0
[ -f "$here.exit" ] && want_code=$(cat "$here.exit")
if [ $code = 77 ] && [ "$want_code" != 77 ]; then
    cat "$work/out" # skipped, and says why
    exit 77
fi
if [ $code = 86 ]; then
    cat "$work/out" "$work/err"
    echo "exit code 86: a sanitizer found something"
    exit 1
fi
if [ "${3:-}" = --update ]; then
    cp "$work/out" "$here.out"
    cp "$work/err" "$here.err"
    for kind in out err; do
        [ -s "$here.$kind" ] || rm -f "$here.$kind"
    done
    rm -f "$here.exit"
    [ $code = 0 ] || echo $code >"$here.exit"
    exit 0
fi

# A last line without an end is one, but `read` fails at it.
matches() { # got, expected
    local line pattern
    exec 3<"$1" 4<"$2"
    while IFS= read -r pattern <&4 || [ -n "$pattern" ]; do
        IFS= read -r line <&3 || [ -n "$line" ] || return 1
        if [[ $pattern == "~ "* ]]; then
            # shellcheck disable=SC2053 # a pattern, on purpose
            [[ $line == ${pattern#"~ "} ]] || return 1
        elif [[ $line != "$pattern" ]]; then
            return 1
        fi
    done
    IFS= read -r line <&3 || [ -n "$line" ] && return 1
    # Both end in a newline, or neither.
    [ "$(wc -l <"$1")" = "$(wc -l <"$2")" ]
}

status=0
if [ "$code" != "$want_code" ]; then
    echo "exit code $code, expected $want_code"
    status=1
fi
for kind in out err; do
    want=$here.$kind
    [ -f "$want" ] || want=/dev/null
    if ! matches "$work/$kind" "$want"; then
        echo "$kind differs (- expected, + got):"
        diff -u "$want" "$work/$kind" | tail -n +3
        status=1
    fi
done
[ $status = 0 ] || echo "repeat: tests/cli/run.sh $1 $2"
exit $status
