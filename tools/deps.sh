# shellcheck shell=bash
# Sourced by the scripts: finds and installs the Debian packages they need.
# need_packages PACKAGE... returns only when all of them are installed.

# What a build needs, on Debian 12 and its relatives.
# shellcheck disable=SC2034 # used by the scripts that source this
BUILD_PACKAGES=(gcc libc6-dev make cmake pkg-config zlib1g-dev libcjson-dev
    libpcre2-dev libssl-dev)
# shellcheck disable=SC2034
TEST_PACKAGES=(check xz-utils)

is_installed() {
    dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null | grep -q '^ii'
}

need_packages() {
    local missing=() package run=()

    if [ "${PHICONV_NO_INSTALL:-}" = 1 ]; then
        return 0
    fi
    if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null
    then
        echo "This system has no apt-get. Install these, or what your" >&2
        echo "system calls them, and set PHICONV_NO_INSTALL=1:" >&2
        echo "  $*" >&2
        exit 1
    fi
    for package in "$@"; do
        is_installed "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ]; then
        if ! command -v sudo >/dev/null; then
            echo "These packages are missing, and there is no sudo:" >&2
            echo "  ${missing[*]}" >&2
            echo "Install them as root: apt-get install ${missing[*]}" >&2
            exit 1
        fi
        run=(sudo)
    fi
    echo "Installing ${missing[*]}"
    # An old package list names versions that the servers no longer have.
    "${run[@]}" apt-get update -qq
    "${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
        --no-install-recommends "${missing[@]}" >/dev/null
}
