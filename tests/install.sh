#!/usr/bin/env bash
# What users install: packages that lintian likes, a library that programs
# are built with by pkg-config, manual pages, completion.
#
#   tests/install.sh BUILD-FOLDER
#
# The folder has been built. Nothing is installed into this system.
set -euo pipefail

build=$(realpath "$1")
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
triplet=$(dpkg-architecture -qDEB_HOST_MULTIARCH)

fail() {
    echo "install: $*"
    exit 1
}

echo "-- packages"
cmake -S . -B "$build" -DCMAKE_INSTALL_PREFIX=/usr >/dev/null
cmake --build "$build" -j "$(getconf _NPROCESSORS_ONLN)" >/dev/null
(cd "$build" && cpack -B "$work/packages") >"$work/cpack.log" 2>&1 ||
    fail "cpack: $(tail -n 20 "$work/cpack.log")"
debs=("$work"/packages/*.deb)
[ ${#debs[@]} = 3 ] || fail "there are ${#debs[@]} packages, not 3"
lintian --allow-root --fail-on error,warning "${debs[@]}"
for deb in "${debs[@]}"; do
    dpkg-deb -x "$deb" "$work/root"
done
# cmake --install and the tarball bring the same files.
DESTDIR=$work/installed cmake --install "$build" >/dev/null
mkdir "$work/tar"
tar -xzf "$work"/packages/*.tar.gz -C "$work/tar" --strip-components 1
list() { (cd "$1" && find . ! -type d | sort); }
diff <(list "$work/root") <(list "$work/installed")
diff <(list "$work/root") <(list "$work/tar")
# The package for the program needs the libraries that it uses.
dpkg-deb -f "$work"/packages/phiconv_*.deb Depends | tr -d '\n' |
    grep -q 'libc6.*libcjson1.*libpcre2-8-0.*libssl3.*zlib1g' ||
    fail "dependencies: $(dpkg-deb -f "$work"/packages/phiconv_*.deb Depends)"
# What was built here must not show.
grep -rl "$PWD" "$work/root" && fail "names the folder that it was built in"
(cd "$work/root/usr/bin" && ./phiconv --version)

echo "-- examples, with pkg-config"
export PKG_CONFIG_SYSROOT_DIR=$work/root
pc=$work/root/usr/lib/$triplet/pkgconfig
export PKG_CONFIG_PATH=$pc
flags=$(pkg-config --cflags --libs phiconv)
for example in "$work"/root/usr/share/doc/libphiconv-dev/examples/*.c; do
    name=$(basename "$example" .c)
    # shellcheck disable=SC2086 # several words
    gcc -std=c11 -Wall -Wextra -Wpedantic -Werror "$example" $flags \
        -o "$work/$name"
    # Against the archive, with all that it needs.
    # shellcheck disable=SC2046
    PKG_CONFIG_SYSROOT_DIR='' gcc -std=c11 "$example" \
        -I"$work/root/usr/include" \
        "$work/root/usr/lib/$triplet/libphiconv.a" \
        $(PKG_CONFIG_SYSROOT_DIR='' pkg-config --static --libs phiconv |
            sed 's/-lphiconv\b//') -o "$work/${name}_archive"
done
LD_LIBRARY_PATH=$work/root/usr/lib/$triplet tests/examples.sh \
    "$work/example_inspect" "$work/example_quantize"
tests/examples.sh "$work/example_inspect_archive" \
    "$work/example_quantize_archive"
ldd "$work/example_inspect_archive" | grep -q phiconv && fail "not the archive"
# C++ sees the same header.
echo '#include <phiconv.h>
int main() { return phiconv_version() == nullptr; }' >"$work/plus.cc"
# shellcheck disable=SC2086
g++ -Wall -Wextra -Werror "$work/plus.cc" $flags -o "$work/plus"
LD_LIBRARY_PATH=$work/root/usr/lib/$triplet "$work/plus"

echo "-- manual pages"
n=0
for page in "$work"/root/usr/share/man/man1/*.gz; do
    gunzip -c "$page" >"$work/page.1"
    mandoc -T lint -W style "$work/page.1" || fail "$page: mandoc"
    LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -E UTF-8 -l \
        -Tutf8 -Z "$work/page.1" 2>"$work/man.err" >/dev/null
    [ ! -s "$work/man.err" ] || fail "$page: $(cat "$work/man.err")"
    n=$((n + 1))
done
[ "$n" = $((1 + $(find tools -name 'cmd_*.c' | wc -l))) ] || fail "$n pages"

echo "-- completion"
PATH=$work/root/usr/bin:$PATH
share=$work/root/usr/share
bash -n "$share/bash-completion/completions/phiconv"
shellcheck -s bash "$share/bash-completion/completions/phiconv"
zsh -n "$share/zsh/vendor-completions/_phiconv"
zsh -fc "fpath=($share/zsh/vendor-completions \$fpath)
    autoload -U compinit && compinit -u -D
    [[ \$_comps[phiconv] = _phiconv ]]"
fish=$share/fish/vendor_completions.d/phiconv.fish
fish --no-execute "$fish"
[ "$(fish -c "source $fish; complete -C 'phiconv quant'" | cut -f 1)" = \
    quantize ] || fail "fish does not complete a command"
fish -c "source $fish; complete -C 'phiconv eval-ppl --act '" | cut -f 1 |
    grep -qx exact || fail "fish does not complete a value"
echo "install: all well"
