#!/usr/bin/env bash
# Lays a release out as a repository of a model hub: the files of the release
# and .gitattributes, by which Git LFS takes the large ones.
#
#   publish-layout.sh [OPTIONS] RELEASE REPOSITORY
#
#   --phiconv FILE  the program that checks RELEASE first (phiconv)
#   --link          make hard links where that works, no copies
#   --max-size N    refuse files of more than N bytes (50000000000, what hubs
#                   take at most); release --split-max-size makes smaller ones
#   --prune         remove what a clone has besides
#   -h, --help      this text
#
# REPOSITORY is made and appears when it is complete; or it is the clone of a
# repository, a folder with .git: then its files are replaced by those of the
# release. What else it has would make verify-release refuse it and is refused
# here, unless --prune is given.
#
# Nothing is uploaded. What to do next is printed.
set -euo pipefail
shopt -s inherit_errexit

phiconv=phiconv link=0 prune=0 max_size=50000000000
# Hubs refuse larger files that Git LFS does not have.
most_in_git=$((10 * 1024 * 1024))

die() {
    echo "publish-layout.sh: $*" >&2
    exit 2
}

operands=()
while [ $# -gt 0 ]; do
    case $1 in
    --phiconv | --max-size)
        [ $# -ge 2 ] || die "$1 needs a value"
        if [ "$1" = --phiconv ]; then phiconv=$2; else max_size=$2; fi
        shift
        ;;
    --link) link=1 ;;
    --prune) prune=1 ;;
    -h | --help)
        sed -n '2,/^set /{s/^# \{0,1\}//;/^set /d;p}' "$0"
        exit 0
        ;;
    -?*) die "unknown option $1; --help lists them" ;;
    *) operands+=("$1") ;;
    esac
    shift
done
[ ${#operands[@]} = 2 ] || die "expected RELEASE and REPOSITORY"
[[ $max_size =~ ^[0-9]+$ ]] || die "--max-size $max_size: expected a number"
release=${operands[0]%/} repository=${operands[1]%/}
command -v "$phiconv" >/dev/null || die "$phiconv: is not there: --phiconv FILE"

# What is published is what was released.
"$phiconv" verify-release "$release" -q
if [ -e "$repository" ] && [ ! -e "$repository/.git" ]; then
    die "$repository: exists already, and is no clone of a repository"
fi

mapfile -t files < <(cut -c 67- "$release/SHA256SUMS")
files+=(SHA256SUMS)
for signature in SHA256SUMS.minisig SHA256SUMS.asc; do
    [ ! -e "$release/$signature" ] || files+=("$signature")
done

attributes() {
    local name
    echo "*.gguf filter=lfs diff=lfs merge=lfs -text"
    echo "*.phipack filter=lfs diff=lfs merge=lfs -text"
    for name in "${files[@]}"; do
        [[ $name == *.gguf || $name == *.phipack ]] ||
            [ "$(stat -c %s "$release/$name")" -le $most_in_git ] ||
            echo "$name filter=lfs diff=lfs merge=lfs -text"
    done
    # Hashes are of bytes: no line ends are to be changed.
    echo "* -text"
}

for name in "${files[@]}"; do
    size=$(stat -c %s "$release/$name")
    [ "$size" -le "$max_size" ] ||
        die "$name: has $size bytes, at most $max_size are taken;" \
            "phiconv release --split-max-size makes smaller files"
done

# What a clone has that is not of the release.
others=()
for path in "$repository"/* "$repository"/.[!.]*; do
    name=${path##*/}
    [ -e "$path" ] || [ -L "$path" ] || continue
    case " .git .gitattributes ${files[*]} " in
    *" $name "*) ;;
    *) others+=("$name") ;;
    esac
done
[ ${#others[@]} = 0 ] || [ $prune = 1 ] ||
    die "${others[0]}: is not of this release; --prune removes it from" \
        "$repository"

# Beside the target, so that it appears at once.
work=$(mktemp -d "$repository.XXXXXX")
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
for name in "${files[@]}"; do
    if [ $link = 0 ] || ! ln "$release/$name" "$work/$name" 2>/dev/null; then
        cp --preserve=mode,timestamps "$release/$name" "$work/$name"
    fi
done
attributes >"$work/.gitattributes"

if [ -e "$repository" ]; then
    for name in "${others[@]}"; do
        rm -rf "${repository:?}/$name"
    done
    for name in "${files[@]}" .gitattributes; do
        mv -f "$work/$name" "$repository/$name"
    done
else
    mv "$work" "$repository"
fi
"$phiconv" verify-release "$repository" -q

cat <<END
$repository: $((${#files[@]} + 1)) files, ready. To publish them:
  cd $repository
  git lfs install --local
  git add -A && git commit -m "Release" && git push
END
