#!/bin/sh
# Manual pages and completion, printed by the program itself, and the
# changelog, as packages want them.
#
#   tools/make-pages.sh PHICONV CHANGELOG DIR COMMAND...
set -eu
phiconv=$1
changelog=$2
dir=$3
shift 3

mkdir -p "$dir"
cd "$dir"
"$phiconv" help --man | gzip -9n >phiconv.1.gz
for command; do
    "$phiconv" help --man "$command" | gzip -9n >"phiconv-$command.1.gz"
done
"$phiconv" help --completion bash >phiconv
"$phiconv" help --completion zsh >_phiconv
"$phiconv" help --completion fish >phiconv.fish
gzip -9nc "$changelog" >changelog.gz
