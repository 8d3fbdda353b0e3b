#!/usr/bin/env bash
# Makes everything that a release of a model consists of, so that it can be
# made again to the same bytes: builds phiconv, runs "phiconv release", signs,
# and writes an archive and a bill of materials beside the folder.
#
#   make-release.sh [OPTIONS] -o DIR -- MODEL RELEASE-OPTIONS...
#
#   -o DIR               the folder; DIR.tar and DIR.spdx.json are made too
#   --minisign-key FILE  sign SHA256SUMS with this secret key of minisign, whose
#                        password is asked for, or read from standard input
#   --gpg-key ID         sign it with this key of gpg (GNUPGHOME, if set)
#   --phiconv FILE       use this program and build none
#   --build DIR          build in DIR (build-release of this repository)
#   --twice              build in two places and compare the programs
#   --force              replace what is there
#   -h, --help           this text
#
# What follows -- goes to phiconv release: phiconv release --help.
#
#   make-release.sh -o my-phi-gguf --minisign-key my.key -- \
#       my-phi -t q8_0 -t q4_k_m --eval text.txt --max-kld 0.02
#
# Dates are SOURCE_DATE_EPOCH's; if it is not set, those of this repository's
# last commit. A signature of minisign is the same each time, one of gpg has
# the time in it.
#
# Exit codes are phiconv's: 1 if a gate has failed, and nothing is published.
set -euo pipefail
shopt -s inherit_errexit

root=$(cd "$(dirname "$0")/../.." && pwd)
out='' minisign_key='' gpg_key='' phiconv='' build='' twice=0 force=0

die() {
    echo "make-release.sh: $*" >&2
    exit 2
}

value() { # OPTION [VALUE]
    [ $# -ge 2 ] || die "$1 needs a value"
    printf '%s' "$2"
}

while [ $# -gt 0 ]; do
    case $1 in
    -o | --output) out=$(value "${@:1:2}"); shift ;;
    --minisign-key) minisign_key=$(value "${@:1:2}"); shift ;;
    --gpg-key) gpg_key=$(value "${@:1:2}"); shift ;;
    --phiconv) phiconv=$(value "${@:1:2}"); shift ;;
    --build) build=$(value "${@:1:2}"); shift ;;
    --twice) twice=1 ;;
    --force) force=1 ;;
    -h | --help)
        sed -n '2,/^set /{s/^# \{0,1\}//;/^set /d;p}' "$0"
        exit 0
        ;;
    --) shift; break ;;
    *) die "unknown option $1; --help lists them" ;;
    esac
    shift
done
while [[ $out == ?*/ ]]; do out=${out%/}; done
[ -n "$out" ] || die "no folder: -o DIR"
[ $# -gt 0 ] || die "nothing to release: -- MODEL -t TYPE --eval TEXT"
[ -z "$phiconv" ] || [ $twice = 0 ] || die "--twice builds, --phiconv does not"
if [ $force = 0 ]; then
    for path in "$out" "$out.tar" "$out.spdx.json"; do
        [ ! -e "$path" ] || die "$path: exists already; --force replaces it"
    done
fi

# Missing programs are better noticed before an hour of work.
needed=(tar sha256sum python3)
[ -z "$minisign_key" ] || needed+=(minisign)
[ -z "$gpg_key" ] || needed+=(gpg)
[ -n "$phiconv" ] || needed+=(cmake cc)
for program in "${needed[@]}"; do
    command -v "$program" >/dev/null || die "this needs $program"
done
[ -z "$minisign_key" ] || [ -r "$minisign_key" ] ||
    die "$minisign_key: cannot be read"
[ -z "$gpg_key" ] || gpg --batch --list-secret-keys "$gpg_key" >/dev/null \
    2>&1 || die "gpg has no secret key $gpg_key"

# The date of everything.
commit=$(git -C "$root" rev-parse HEAD 2>/dev/null || true)
if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
    SOURCE_DATE_EPOCH=$(git -C "$root" log -1 --format=%ct 2>/dev/null ||
        stat -c %Y "$root/CHANGELOG.md")
fi
[[ $SOURCE_DATE_EPOCH =~ ^[0-9]+$ ]] ||
    die "SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH: expected seconds since 1970"
export SOURCE_DATE_EPOCH
export LC_ALL=C.UTF-8 TZ=UTC

# build_in DIR: paths of this machine are not in what is built.
build_in() {
    local map="-ffile-prefix-map=$root=."
    if ! { cmake -S "$root" -B "$1" -DCMAKE_BUILD_TYPE=Release \
        -DPHI_TESTS=OFF -DCMAKE_C_FLAGS="$map" &&
        cmake --build "$1" --target phiconv \
            -j "$(getconf _NPROCESSORS_ONLN)"; } >"$1.log" 2>&1
    then
        tail -n 20 "$1.log" >&2
        die "the build failed; see $1.log"
    fi
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -z "$phiconv" ]; then
    build=${build:-$root/build-release}
    build_in "$build"
    phiconv=$build/phiconv
    if [ $twice = 1 ]; then
        build_in "$work/again"
        cmp "$phiconv" "$work/again/phiconv" ||
            die "two builds made two programs"
        echo "built twice: $(sha256sum <"$phiconv" | cut -c 1-64)"
    fi
fi

options=()
[ $force = 0 ] || options=(--force)
"$phiconv" release "$@" -o "$out" "${options[@]}"

# Signatures are of SHA256SUMS, which has the hashes of everything else.
sums=$out/SHA256SUMS
name=${out##*/}
if [ -n "$minisign_key" ]; then
    # It asks for the key's password, if there is one, or reads it.
    minisign -S -q -s "$minisign_key" -m "$sums" -x "$sums.minisig" \
        -c "signature of SHA256SUMS" -t "$name" ||
        die "$out: is complete, but not signed: minisign failed"
fi
if [ -n "$gpg_key" ]; then
    gpg --batch --yes --quiet --local-user "$gpg_key" --armor --detach-sign \
        --output "$sums.asc" "$sums" ||
        die "$out: is complete, but not signed: gpg failed"
fi
"$phiconv" verify-release "$out"

python3 "$root/tools/release/sbom.py" "$out" \
    --commit "$commit" >"$work/sbom"
# Names, times, owners and modes that do not depend on this machine.
tar --sort=name --format=posix --numeric-owner --owner=0 --group=0 \
    --mode='u=rwX,go=rX' --mtime="@$SOURCE_DATE_EPOCH" \
    --pax-option='exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime' \
    -C "$(dirname "$out")" -cf "$work/tar" "$name"
mv -f "$work/sbom" "$out.spdx.json"
mv -f "$work/tar" "$out.tar"
(cd "$(dirname "$out")" && sha256sum "$name.tar" "$name.spdx.json")
