#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the bill of materials of a release folder: SPDX 2.3 as JSON.

  sbom.py RELEASE [--commit HASH]

Packages are the release with all its files and their SHA-256, signatures that
are there among them, the model and adapters that it was made from, phiconv,
and the libraries that phiconv is linked with. The date is SOURCE_DATE_EPOCH's.
The same release makes the same text.
"""

import argparse
import datetime
import hashlib
import json
import os
import re
import string
import subprocess
import sys

# Debian's package of each, its name for pkg-config, its license.
LIBRARIES = [
    ("zlib", "zlib", "Zlib"),
    ("cJSON", "libcjson", "MIT"),
    ("PCRE2", "libpcre2-8", "BSD-3-Clause"),
    ("OpenSSL", "libcrypto", "Apache-2.0"),
]

# What may be in an SPDXID, but the dash.
PLAIN = string.ascii_letters + string.digits + "."

# Of SHA256SUMS, and therefore not in it.
SIGNATURES = ("SHA256SUMS.minisig", "SHA256SUMS.asc")


def identifier(kind, text):
    """An SPDXID: letters, digits, points and dashes.

    A dash is two, any other byte a dash and its two digits in hex: two names
    never have the same.
    """
    text = "".join(chr(c) if chr(c) in PLAIN else "--" if c == ord("-")
                   else "-%02X" % c for c in text.encode())
    return "SPDXRef-%s-%s" % (kind, text)


def version_of(module):
    try:
        found = subprocess.run(["pkg-config", "--modversion", module],
                               capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()


def package(kind, name, version=None, **more):
    made = {
        "SPDXID": identifier(kind, name),
        "name": name,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
    }
    if version:
        made["versionInfo"] = version
    made.update(more)
    return made


def checksum(digest):
    return [{"algorithm": "SHA256", "checksumValue": digest}]


def file_of(name, folder, digest):
    kind = "TEXT" if re.search(r"\.(md|json|html)$|^[A-Z]", name) else "BINARY"
    with open(os.path.join(folder, name), "rb") as f:
        sha1 = hashlib.sha1()
        for piece in iter(lambda: f.read(1 << 20), b""):
            sha1.update(piece)
    if name.endswith((".gguf", ".phipack")):
        kind = "BINARY"
    return {
        "SPDXID": identifier("File", name),
        "fileName": "./" + name,
        "fileTypes": [kind],
        # SPDX 2.3 wants SHA-1 of every file; SHA-256 is what counts.
        "checksums": [{"algorithm": "SHA1", "checksumValue": sha1.hexdigest()}]
        + checksum(digest),
        "licenseConcluded": "NOASSERTION",
        "copyrightText": "NOASSERTION",
    }


def verification_code(files):
    """As SPDX defines it: of the sorted SHA-1 of all files."""
    sums = sorted(f["checksums"][0]["checksumValue"] for f in files)
    return hashlib.sha1("".join(sums).encode()).hexdigest()


def license_of(manifest):
    """SPDX's name of the model's license, where hubs have the same."""
    known = {"mit": "MIT", "apache-2.0": "Apache-2.0",
             "cc-by-4.0": "CC-BY-4.0", "cc-by-sa-4.0": "CC-BY-SA-4.0",
             "cc-by-nc-4.0": "CC-BY-NC-4.0", "cc0-1.0": "CC0-1.0"}
    return known.get(manifest["model"].get("license"), "NOASSERTION")


def inputs_of(manifest):
    source = manifest["source"]
    # One hash for all its files: of what SHA256SUMS of them would hold.
    lines = "".join("%s  %s\n" % (f["sha256"], f["name"])
                    for f in source["files"])
    yield package("Model", source.get("name", "model"),
                  primaryPackagePurpose="SOURCE",
                  licenseDeclared=license_of(manifest),
                  comment="SHA-256 is of the list of its files' hashes:\n"
                  + lines,
                  checksums=checksum(
                      hashlib.sha256(lines.encode()).hexdigest()))
    for i, adapter in enumerate(manifest["adapters"]):
        yield package("Adapter-%d" % (i + 1), adapter["name"],
                      primaryPackagePurpose="SOURCE",
                      comment="scale %s" % adapter["scale"],
                      checksums=checksum(adapter["sha256"]))


def tools_of(manifest, commit):
    more = {"sourceInfo": "git commit " + commit} if commit else {}
    yield package("Tool", "phiconv", manifest["tool"]["version"],
                  licenseDeclared="MIT", primaryPackagePurpose="APPLICATION",
                  **more)
    for name, module, license in LIBRARIES:
        yield package("Library", name, version_of(module),
                      licenseDeclared=license,
                      primaryPackagePurpose="LIBRARY")


def document(folder, commit):
    name = os.path.basename(os.path.abspath(folder))
    with open(os.path.join(folder, "manifest.json"), encoding="utf-8") as f:
        manifest = json.load(f)
    with open(os.path.join(folder, "SHA256SUMS"), "rb") as f:
        sums = f.read()
    hashes = dict(line.split("  ", 1)[::-1]
                  for line in sums.decode().splitlines())
    hashes["SHA256SUMS"] = hashlib.sha256(sums).hexdigest()
    for signature in SIGNATURES:
        if os.path.exists(os.path.join(folder, signature)):
            with open(os.path.join(folder, signature), "rb") as f:
                hashes[signature] = hashlib.sha256(f.read()).hexdigest()
    files = [file_of(n, folder, hashes[n]) for n in sorted(hashes)]
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))
    created = datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc)

    release = package("Release", name, filesAnalyzed=True,
                      licenseDeclared=license_of(manifest),
                      primaryPackagePurpose="ARCHIVE",
                      packageVerificationCode={
                          "packageVerificationCodeValue":
                          verification_code(files)},
                      licenseInfoFromFiles=["NOASSERTION"])
    inputs = list(inputs_of(manifest))
    tools = list(tools_of(manifest, commit))
    relations = [("SPDXRef-DOCUMENT", "DESCRIBES", release["SPDXID"])]
    relations += [(release["SPDXID"], "CONTAINS", f["SPDXID"]) for f in files]
    relations += [(release["SPDXID"], "GENERATED_FROM", p["SPDXID"])
                  for p in inputs]
    relations += [(tools[0]["SPDXID"], "BUILD_TOOL_OF", release["SPDXID"])]
    relations += [(tools[0]["SPDXID"], "DEPENDS_ON", p["SPDXID"])
                  for p in tools[1:]]
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": name,
        # Unique to what it describes, and an address of nothing.
        "documentNamespace": "urn:sha256:" + hashes["SHA256SUMS"],
        "creationInfo": {
            "created": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": ["Tool: phiconv-" + manifest["tool"]["version"]],
        },
        "packages": [release] + inputs + tools,
        "files": files,
        "relationships": [
            {"spdxElementId": a, "relationshipType": kind,
             "relatedSpdxElement": b} for a, kind, b in relations],
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("release")
    parser.add_argument("--commit", default="")
    args = parser.parse_args()
    json.dump(document(args.release, args.commit), sys.stdout, indent=2,
              ensure_ascii=False)
    print()


if __name__ == "__main__":
    main()
