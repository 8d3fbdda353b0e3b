#!/usr/bin/env bash
# Builds build-static/phiconv, a program without shared libraries: it runs on
# any Linux of this machine's kind.
#
#   tools/static.sh [-j N]
#
# All libraries that phiconv needs come as archives with Debian's packages,
# but for cJSON: without an archive of it, one is made of Debian's source of
# the version that is installed (one file), in build-static/archives.
set -euo pipefail

jobs=$(getconf _NPROCESSORS_ONLN)
while [ $# -gt 0 ]; do
    case $1 in
    -j)
        jobs=$2
        shift
        ;;
    -h | --help)
        sed -n '2,9s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    *)
        echo "tools/static.sh: unknown option $1" >&2
        exit 2
        ;;
    esac
    shift
done

cd "$(dirname "$0")/.."
# shellcheck source=tools/deps.sh
. tools/deps.sh
need_packages "${BUILD_PACKAGES[@]}"

# get_source PACKAGE=VERSION FOLDER: of Debian's sources, whose lists are kept
# in a folder of their own; the system's stay as they are.
get_source() {
    local apt options
    apt=$(mktemp -d)
    mkdir -p "$apt"/{parts,lists/partial,cache/archives/partial} "$2"
    sed 's/^Types:.*/Types: deb-src/' /etc/apt/sources.list.d/debian.sources \
        >"$apt/parts/src.sources"
    options=(-qq -o Dir::Etc::sourcelist=/dev/null
        -o "Dir::Etc::sourceparts=$apt/parts" -o "Dir::State::lists=$apt/lists"
        -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=root)
    apt-get "${options[@]}" update
    (cd "$2" && apt-get "${options[@]}" source "$1" >/dev/null)
    rm -rf "$apt"
}

archives=$PWD/build-static/archives
if ! find /usr/lib /usr/local/lib "$archives" -name libcjson.a 2>/dev/null |
    grep -q .; then
    need_packages dpkg-dev
    echo "Making libcjson.a of Debian's source of cJSON"
    # Another architecture's may be installed beside this machine's.
    version=$(dpkg-query -W -f '${Version}' \
        "libcjson-dev:$(dpkg --print-architecture)")
    rm -rf "$archives"
    mkdir -p "$archives"
    get_source "cjson=$version" "$archives/source"
    gcc -O2 -fPIE -fstack-protector-strong -D_FORTIFY_SOURCE=2 -c \
        "$archives"/source/cjson-*/cJSON.c -o "$archives/cJSON.o"
    ar rcsD "$archives/libcjson.a" "$archives/cJSON.o"
    rm -rf "$archives/source" "$archives/cJSON.o"
fi
mkdir -p build-static
if ! { CMAKE_LIBRARY_PATH="$archives" cmake --preset static &&
    cmake --build --preset static -j "$jobs" --target phiconv; } \
    >build-static/static.log 2>&1; then
    tail -n 40 build-static/static.log >&2
    echo "The build failed; all of it is in build-static/static.log" >&2
    exit 1
fi
ls -l build-static/phiconv
