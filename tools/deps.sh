# shellcheck shell=bash
# Sourced by the scripts: finds and installs the Debian packages they need.
# need_packages PACKAGE... returns only when all of them are installed.

# What a build needs, on Debian 12 and its relatives.
# shellcheck disable=SC2034 # used by the scripts that source this
BUILD_PACKAGES=(gcc libc6-dev make cmake pkg-config zlib1g-dev libcjson-dev
    libpcre2-dev libssl-dev)
# shellcheck disable=SC2034
TEST_PACKAGES=(check xz-utils python3 strace minisign gnupg)

# NAME is this machine's, NAME:ARCHITECTURE another's.
is_installed() {
    local name=$1
    [[ $name == *:* ]] || name="$name:$(dpkg --print-architecture)"
    dpkg-query -W -f '${db:Status-Abbrev}\n' "$name" 2>/dev/null |
        grep -q '^ii' ||
        # Packages for all architectures have none.
        dpkg-query -W -f '${db:Status-Abbrev} ${Architecture}\n' "$1" \
            2>/dev/null | grep -q '^ii.* all$'
}

# as_root COMMAND...
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "This needs root, and there is no sudo: $*" >&2
        exit 1
    fi
}

need_apt() {
    if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null
    then
        echo "This system has no apt-get. Install these, or what your" >&2
        echo "system calls them, and set PHICONV_NO_INSTALL=1:" >&2
        echo "  $*" >&2
        exit 1
    fi
}

# need_architecture NAME: its packages can be installed, as PACKAGE:NAME.
need_architecture() {
    [ "${PHICONV_NO_INSTALL:-}" != 1 ] || return 0
    need_apt "libraries for $1"
    if ! dpkg --print-foreign-architectures | grep -qx "$1"; then
        echo "Adding the architecture $1"
        as_root dpkg --add-architecture "$1"
    fi
}

need_packages() {
    local missing=() package

    [ "${PHICONV_NO_INSTALL:-}" != 1 ] || return 0
    need_apt "$@"
    for package in "$@"; do
        is_installed "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
        echo "These packages are missing, and there is no sudo:" >&2
        echo "  ${missing[*]}" >&2
        echo "Install them as root: apt-get install ${missing[*]}" >&2
        exit 1
    fi
    echo "Installing ${missing[*]}"
    # An old package list names versions that the servers no longer have.
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
        --no-install-recommends "${missing[@]}" >/dev/null
}
