# A program that is killed while it checks a signature has not said that it is
# bad; this was called a difference, with exit code 1.
exec 2>/dev/null # the shell's word on who was terminated
mkdir out bin
echo text >out/manifest.json
(cd out && sha256sum manifest.json >SHA256SUMS && echo signature >SHA256SUMS.minisig)
PATH=$PWD/bin:$PATH
stub() {
    printf '#!/bin/sh\n%s\n' "$1" >bin/minisign
    chmod +x bin/minisign
    $PHICONV verify-release out --minisign-key ./key 2>&1
    echo "code $?"
}
echo key >key
stub 'kill -KILL $$'
# Ctrl-C, which both get.
stub 'kill -TERM $PPID; kill -TERM $$'
stub 'kill -TERM $PPID; exit 2'
stub 'exit 2'
