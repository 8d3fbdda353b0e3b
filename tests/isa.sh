#!/usr/bin/env bash
# Looks at the machine code: an instruction of an extension may stand only in
# files whose suffix says so (*_avx2.c, *_avx512vnni.c, ...), and a fused
# multiply and add only in the kernels that are defined so (gemm_*), since the
# same bits on every machine depend on both, and where peaks are measured. Nor
# is a function of libm called whose last bits depend on library and processor;
# roots, roundings and signs are exact.
#
#   tests/isa.sh OBJDUMP NM ARCHIVE-OR-OBJECT...
set -euo pipefail

objdump=$1
nm=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# All but the reference, whose results are compared within bounds.
inexact='exp(2|10|m1)?|log(2|10|1p|b)?|pow|cbrt|hypot|erfc?|[lt]gamma'
inexact="_*($inexact|a?(sin|cos|tan)h?|sincos|atan2)[fl]?(_r|_finite)?(@.*)?"
"$nm" -A "$@" >"$work/names" 2>/dev/null
grep -v 'ref_[a-z]*\.c\.o:' "$work/names" |
    grep -E " U $inexact\$" >"$work/found" || true
if [ -s "$work/found" ]; then
    echo "functions of libm that are not exact:"
    cat "$work/found"
    failed=1
fi

# "format file function mnemonic operands" a line; GNU's objdump or LLVM's.
"$objdump" -d --no-show-raw-insn "$@" | awk '
    /file format / { format = $NF; file = $0
                     sub(/:[ \t]*file format.*/, "", file)
                     gsub(/.*[\/(]|\)$/, "", file); next }
    /^[0-9a-f]+ <.*>:$/ { name = $2; gsub(/[<>:]/, "", name); next }
    /^ *[0-9a-f]+:[ \t]/ { sub(/^ *[0-9a-f]+:[ \t]*/, ""); sub(/ *[#<].*/, "")
                           gsub(/[ \t]+/, " "); print format, file, name, $0 }
' >"$work/code"
echo "isa: $(wc -l <"$work/code") instructions"
if [ ! -s "$work/code" ]; then
    echo "$objdump shows none"
    exit 1
fi

# refuse WHAT FILES PATTERN: no instruction of these files matches. Both are
# extended expressions; the pattern sees "mnemonic operands".
refuse() {
    awk -v files="$2" -v pattern="$3" '
        $2 ~ files { text = $0; sub(/^[^ ]+ [^ ]+ [^ ]+ /, "", text)
                     if (text ~ pattern) print $2 ": " $3 ": " text }
    ' "$work/code" >"$work/found"
    if [ -s "$work/found" ]; then
        echo "$1 ($(wc -l <"$work/found") instructions):"
        sort "$work/found" | head -n 10
        failed=1
    fi
}

# Files of a suffix hold what it promises: else this script sees nothing.
expect() { # suffix, pattern
    if ! grep -E "^[^ ]+ [^ ]*_$1\\.c\\.o .*($2)" "$work/code" >"$work/found"
    then
        echo "no code with $2 in *_$1.c: what is compared here?"
        failed=1
    fi
}

any='.'
# Files in which nothing may be fused: all but gem*, products, and pea*, peaks.
unfused='^(ge[^m]|g[^e]|p[^e]|pe[^a]|[^gp])'
plain_x86='_(avx2|avxvnni|avx512|avx512vnni|shani)\.c\.o$'
case $(awk '{ print $1; exit }' "$work/code") in
elf64-x86-64)
    expect avx2 %ymm
    expect avx512 %zmm
    expect avxvnni '{vex} vpdpbusd .*%ymm|vpdpbusd .*%ymm'
    expect avx512vnni 'vpdpbusd .*%zmm'
    expect avx2 vfmadd
    expect shani sha256rnds2
    refuse "fused" "$unfused" '^vfn?m(add|sub)'
    # In all other files: neither wide registers, nor VEX or EVEX forms of
    # SSE instructions, nor what came after SSE2.
    awk -v files="$plain_x86" '$2 !~ files' "$work/code" >"$work/plain"
    mv "$work/code" "$work/all"
    mv "$work/plain" "$work/code"
    refuse "AVX outside its files" "$any" '%[yz]mm|%k[0-7]|^v'
    refuse "newer than SSE2 outside its files" "$any" \
        '^(pshufb|palignr|pabs|phadd|haddp|pblend|blend|round[sp]|insertps)'
    refuse "newer than SSE2 outside its files" "$any" \
        '^(p(ins|ext)r[bdq]|pmul(ld|dq|hrsw)|pm(in|ax)(sb|sd|uw|ud)|ptest)'
    refuse "newer than x86-64 outside its files" "$any" \
        '^(popcnt|crc32|movbe|lzcnt|andn |bextr|bzhi|pdep|pext |mulx|rorx)'
    refuse "SHA outside its files" "$any" '^sha(1|256)'
    refuse "x87" "$any" '^f(ld|st|add|mul|sub|div|sqrt|ild|ist)'
    mv "$work/all" "$work/code"
    refuse "AVX in *_shani" '_shani\.c\.o$' '%[yz]mm|%k[0-7]|^v'
    refuse "SHA in *_avx*" '_avx[^.]*\.c\.o$' '^sha(1|256)'
    refuse "AVX-512 in *_avx2, *_avxvnni" '_(avx2|avxvnni)\.c\.o$' \
        '%zmm|%k[0-7]|%[xy]mm(1[6-9]|2[0-9]|3[01])'
    refuse "beyond AVX-512 F, BW, DQ, VL in *_avx512" '_avx512\.c\.o$' \
        '^vpdp'
    refuse "dot products in *_avx2" '_avx2\.c\.o$' '^vpdp'
    refuse "dot products of VNNI-INT8, -INT16" "$any" \
        '^vpdp(b(ss|su|uu)|w(su|us|uu))'
    refuse "beyond AVX-512 F, BW, DQ, VL" '_avx512(vnni)?\.c\.o$' \
        '^(vdp|vcvtne|vperm[it]?2?b |vpmultishift|vpopcnt|vpshufbit)'
    refuse "beyond AVX-512 F, BW, DQ, VL" '_avx512(vnni)?\.c\.o$' \
        '^(vpsh[lr]d[vwdq]|vgf2p8|vp2inter|vpmadd52|vpconflict|vplzcnt)'
    ;;
elf64-littleaarch64)
    expect neon ' v[0-9]+\.4s'
    expect neon ' fmla '
    refuse "fused" "$unfused" '^(fn?m(add|sub)|fml[as]|fmlal|bfml|fcmla)'
    expect dotprod ' sdot '
    expect i8mm ' usmmla '
    refuse "matrix products in *_dotprod" '_dotprod\.c\.o$' '^[su]+mmla'
    refuse "beyond SDOT and USMMLA" '_(dotprod|i8mm)\.c\.o$' \
        '^(bf[dmc]|sqrdml[as]h)|[ ,{]z[0-9]+\.|[ ,]p[0-9]+/'
    awk '$2 !~ /_(dotprod|i8mm)\.c\.o$/' "$work/code" >"$work/plain"
    mv "$work/code" "$work/all"
    mv "$work/plain" "$work/code"
    refuse "beyond Advanced SIMD of every AArch64" "$any" \
        '^([su]dot|[su]+mmla|bf[dmc])|[ ,{]z[0-9]+\.|[ ,]p[0-9]+/'
    mv "$work/all" "$work/code"
    ;;
*)
    echo "skipped: no rules for this machine"
    exit 77
    ;;
esac

# A kernel file exports tables, no code: a plain inline function in one could
# become everybody's copy.
grep -E '_(avx.*|shani|neon|dotprod|i8mm)\.c\.o' "$work/names" |
    grep -E ' [TWVu] ' >"$work/found" || true
if [ -s "$work/found" ]; then
    echo "code that others can call in files of an extension:"
    cat "$work/found"
    failed=1
fi

[ $failed = 0 ] && echo "isa: clean"
exit $failed
