#!/usr/bin/env bash
# The scripts around releases, with real keys of minisign and gpg.
#
#   tests/release/scripts.sh PHICONV
set -euo pipefail

phiconv=$(realpath "$1")
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
export GNUPGHOME=$work/gnupg
finish() {
    gpgconf --kill all || true
    rm -rf "$work"
}
trap finish EXIT
mkdir -m 700 "$GNUPGHOME"
cd "$work"
unset SOURCE_DATE_EPOCH

fail() {
    echo "scripts.sh: $*" >&2
    exit 1
}

# refused CODE PATTERN COMMAND...
refused() {
    local code=0 want=$1 pattern=$2
    shift 2
    "$@" >said 2>&1 || code=$?
    [ $code = "$want" ] || fail "$*: exit code $code, expected $want: $(<said)"
    grep -q -- "$pattern" said || fail "$*: nothing like '$pattern': $(<said)"
}

minisign -G -W -p test.pub -s test.key >/dev/null
minisign -G -W -p other.pub -s other.key >/dev/null
for name in release other; do
    gpg --batch --quiet --passphrase '' --quick-generate-key \
        "$name <$name@example.org>" ed25519 sign never 2>/dev/null
    gpg --export "$name@example.org" >"$name.gpg"
done
gpg --export --armor release@example.org >armored.asc

make=$root/tools/release/make-release.sh
publish=$root/tools/release/publish-layout.sh
sample=$root/reference/sample
release() { # FOLDER OPTIONS...
    local out=$1
    shift
    "$make" --phiconv "$phiconv" -o "$out" "$@" -- "$sample/phi-openstax" \
        --lora "$sample/adapters/physics" -t q4_0 -c 256 -q --max-kld 0.02 \
        --base-model openstax/phi --eval "$sample/text/physics.txt"
}
verify() {
    "$phiconv" verify-release "$@"
}

# Help says what there is; mistakes end with 2 and nothing is there.
"$make" --help | grep -q -- '--minisign-key FILE'
"$publish" --help | grep -q -- '--max-size N'
python3 "$root/tools/release/sbom.py" --help >/dev/null
refused 2 'unknown option --sign' "$make" --sign
refused 2 'no folder' "$make" -- model
refused 2 'nothing to release' "$make" -o out
refused 2 'needs a value' "$make" -o
refused 2 'cannot be read' "$make" --phiconv x -o out --minisign-key none -- m
refused 2 'no secret key' "$make" --phiconv x -o out --gpg-key none -- m
refused 2 'expected seconds' env SOURCE_DATE_EPOCH=now \
    "$make" --phiconv x -o out -- m
refused 2 'expected RELEASE and REPOSITORY' "$publish" one
refused 2 'unknown option' "$publish" --upload a b
[ ! -e out ]

# A gate that fails is the end of it.
refused 1 'gate max-kld failed' "$make" --phiconv "$phiconv" -o out -- \
    "$sample/phi-openstax" -t q2_k -c 256 --max-kld 0.02 \
    --eval "$sample/text/physics.txt"
[ ! -e out ] && [ ! -e out.tar ] && [ ! -e out.spdx.json ]

# Twice the same release: the same archive, byte for byte.
export SOURCE_DATE_EPOCH=1700000000
mkdir a b
release a/phi --minisign-key test.key >/dev/null
sleep 1.1 # another second, and another moment for minisign
release b/phi --minisign-key test.key >/dev/null
cmp a/phi.tar b/phi.tar
cmp a/phi.spdx.json b/phi.spdx.json
mkdir unpacked
tar -C unpacked -xf a/phi.tar
diff -r a/phi unpacked/phi
[ "$(stat -c %Y unpacked/phi/README.md)" = $SOURCE_DATE_EPOCH ]
refused 2 'exists already' release a/phi
release a/phi --force --minisign-key test.key --gpg-key release@example.org \
    >/dev/null

# A key with a password, which nobody and somebody gives.
printf 'pw\npw\n' | minisign -G -p secret.pub -s secret.key >/dev/null 2>&1
mkdir c
refused 2 'complete, but not signed: minisign' release c/phi \
    --minisign-key secret.key </dev/null
[ ! -e c/phi.tar ] && [ ! -e c/phi/SHA256SUMS.minisig ]
printf 'pw\n' | release c/phi --force --minisign-key secret.key >/dev/null 2>&1
verify c/phi --minisign-key secret.pub | grep -q 'minisig: good'

# Signatures: good, of another key, of other files, missing.
verify a/phi --minisign-key test.pub --gpg-key release.gpg |
    grep -q 'SHA256SUMS.asc: good'
verify a/phi --minisign-key "$(tail -n 1 test.pub)" >said
grep -q 'SHA256SUMS.minisig: good' said
grep -q 'SHA256SUMS.asc: not checked' said
refused 1 'minisig: is no signature' verify a/phi --minisign-key other.pub
refused 1 'asc: is no signature' verify a/phi --gpg-key other.gpg
refused 2 'gpg --dearmor' verify a/phi --gpg-key armored.asc
refused 4 'cannot be opened' verify a/phi --gpg-key nowhere
refused 4 'minisign-key needs the program' env PATH=/nowhere \
    "$phiconv" verify-release a/phi --minisign-key test.pub
cp -r a/phi changed
sed -i 's/phiconv/phiconv!/' changed/README.md
cut -c 67- a/phi/SHA256SUMS >names
(cd changed && xargs sha256sum <../names >sums && mv sums SHA256SUMS)
refused 1 'minisig: is no signature' verify changed --minisign-key test.pub
refused 1 'asc: is no signature' verify changed --gpg-key release.gpg
rm changed/SHA256SUMS.*
refused 1 'minisig: is missing' verify changed --minisign-key test.pub
refused 1 'asc: is missing' verify changed --gpg-key release.gpg

# The bill of materials is SPDX 2.3 and says what is there.
python3 - a/phi.spdx.json a/phi <<'END'
import hashlib, json, os, re, sys

d = json.load(open(sys.argv[1]))
assert d["spdxVersion"] == "SPDX-2.3" and d["dataLicense"] == "CC0-1.0"
assert d["SPDXID"] == "SPDXRef-DOCUMENT" and d["name"] == "phi"
assert re.fullmatch(r"[a-z][a-z0-9+.-]*:[^#\s]+", d["documentNamespace"])
assert d["creationInfo"]["created"] == "2023-11-14T22:13:20Z"
ids = ["SPDXRef-DOCUMENT"]
for thing in d["packages"] + d["files"]:
    assert re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", thing["SPDXID"]), thing
    ids.append(thing["SPDXID"])
    for c in thing.get("checksums", []):
        length = {"SHA1": 40, "SHA256": 64}[c["algorithm"]]
        assert re.fullmatch("[0-9a-f]{%d}" % length, c["checksumValue"])
assert len(set(ids)) == len(ids), "an id twice"
for r in d["relationships"]:
    assert r["spdxElementId"] in ids and r["relatedSpdxElement"] in ids, r
for p in d["packages"]:
    for key in ("name", "downloadLocation", "licenseConcluded",
                "licenseDeclared", "copyrightText", "filesAnalyzed"):
        assert key in p, (p["name"], key)
    assert p["filesAnalyzed"] == ("packageVerificationCode" in p)
listed = sorted(f["fileName"][2:] for f in d["files"])
assert listed == sorted(os.listdir(sys.argv[2])), listed
assert {"SHA256SUMS.minisig", "SHA256SUMS.asc"} <= set(listed), listed
sha1 = []
for f in d["files"]:
    data = open(os.path.join(sys.argv[2], f["fileName"]), "rb").read()
    got = {c["algorithm"]: c["checksumValue"] for c in f["checksums"]}
    assert got == {"SHA1": hashlib.sha1(data).hexdigest(),
                   "SHA256": hashlib.sha256(data).hexdigest()}, f
    sha1.append(got["SHA1"])
code = hashlib.sha1("".join(sorted(sha1)).encode()).hexdigest()
assert d["packages"][0]["packageVerificationCode"] == {
    "packageVerificationCodeValue": code}
names = {p["name"] for p in d["packages"]}
assert {"phi", "physics", "phiconv", "zlib", "OpenSSL"} <= names, names
# The hashes are the base's, which no adapter is in.
assert "Phi Openstax" in names and "Phi Openstax + physics" not in names
END

# Names that differ by a dash alone have identifiers of their own.
"$phiconv" release "$sample/phi-openstax" -t q4_0=a_b -t q4_0=a-b \
    -t q4_0=a--b -t q4_0=a-5Fb -c 64 --chunks 2 --gate-on mean -q -o dashes \
    --eval "$sample/text/physics.txt"
python3 "$root/tools/release/sbom.py" dashes >dashes.json
python3 -c 'import json
ids = [f["SPDXID"] for f in json.load(open("dashes.json"))["files"]]
assert len(ids) == 9 == len(set(ids)), ids'

# The layout of a hub: a new one, links, a clone, what is too large.
"$publish" --phiconv "$phiconv" a/phi hub >said
grep -q '^  git lfs install' said
diff -r a/phi hub >said || true
[ "$(<said)" = "Only in hub: .gitattributes" ]
grep -qx '\*.gguf filter=lfs diff=lfs merge=lfs -text' hub/.gitattributes
verify hub --minisign-key test.pub | grep -q 'beside it'
refused 2 'exists already' "$publish" --phiconv "$phiconv" a/phi hub
refused 2 'at most 1000000' "$publish" --phiconv "$phiconv" \
    --max-size 1000000 a/phi small
[ ! -e small ]
mkdir clone clone/.git
touch clone/.git/HEAD clone/picture.png
cp a/phi/LICENSE clone/README.md
refused 2 'picture.png: is not of this release' "$publish" \
    --phiconv "$phiconv" --link a/phi clone
cmp -s clone/README.md a/phi/LICENSE
"$publish" --phiconv "$phiconv" --link --prune a/phi clone >/dev/null
[ -e clone/.git/HEAD ] && [ ! -e clone/picture.png ]
[ clone/README.md -ef a/phi/README.md ]
printf x >>a/phi/LICENSE
refused 1 'LICENSE: SHA-256 is' "$publish" --phiconv "$phiconv" a/phi hub2
[ ! -e hub2 ]
echo "scripts: all as expected"
