#!/bin/sh
# Manual pages and completion, printed by the program itself, and the
# changelog, as packages want them.
#
#   tools/make-pages.sh PHICONV CHANGELOG DIR CONTACT COMMAND...
set -eu
program=$1
changelog=$2
dir=$3
contact=$4
shift 4

here=$(cd "$(dirname "$0")" && pwd)

mkdir -p "$dir"
cd "$dir"
"$program" help --man | gzip -9n >phiconv.1.gz
for command; do
    "$program" help --man "$command" | gzip -9n >"phiconv-$command.1.gz"
done
"$program" help --completion bash >phiconv
"$program" help --completion zsh >_phiconv
"$program" help --completion fish >phiconv.fish
gzip -9nc "$changelog" >changelog.gz

# Debian's own changelog, of this revision alone: the date is the version's.
version=$("$program" --version | cut -d ' ' -f 2)
date=$(sed -n 's/.*PHICONV_DATE "\(.*\)".*/\1/p' "$here/version.h")
gzip -9nc >changelog.Debian.gz <<END
phiconv ($version-0) unstable; urgency=medium

  * Version $version: see changelog.gz.

 -- $contact  $(LC_ALL=C date -u -R -d "$date")
END
