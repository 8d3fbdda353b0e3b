# Every kernel has a name: types come from the tables of those for every
# machine, operations from the structures that their tables fill.
$PHICONV bench --list | sort >list
kernels=$ROOT/libconv/kernels
types() { # the kind of a table's functions
    sed -n "/^const $1 .*NDTYPES\] = {/,/^};/p" "$kernels"/generic/*.c |
        grep -o 'PHI_[A-Z0-9_]*\] =' | grep -v NDTYPES |
        sed 's/^PHI_//; s/\] =//' | tr '[:upper:]' '[:lower:]'
}
unpacked() {
    grep -ho 'PHI_[A-Z0-9_]*\] = unpack' "$kernels/unpack_panel_body.h" |
        sed 's/^PHI_//; s/\].*//' | tr '[:upper:]' '[:lower:]'
}
members() { # of a structure of kernels
    sed -n "/^struct $1 {/,/^};/{s/.*(\*\([a-z0-9_]*\))(.*/\1/p
        s/^ *[a-z0-9_]*_fn \([a-z0-9_]*\);/\1/p}" "$kernels/kernels.h"
}
{
    printf 'peak.%s\n' int8 f32 f32_apart read
    for type in $(unpacked); do
        printf '%s\n' "unpack.$type" "gemm_i8.$type.fast" \
            "gemm_i8.$type.exact" "gemm_blocks.$type.fast" \
            "gemm_blocks.$type.exact"
    done
    types phi_quantize_fn | sed 's/^/quantize./'
    types phi_widen_fn | sed 's/^/widen./'
    members phi_vec_kernels | sed 's/^/vec./'
    members phi_gemm_kernels | sed 's/^/gemm_/'
    printf '%s\n' act.fast act.exact lora model.exact model.fast
} | sort >tables
diff tables list && echo "$(grep -c '^quantize' list) quantizers," \
    "$(grep -c '^unpack' list) unpackers, $(grep -c '^vec' list) operations"
# Patterns choose; a model of floats has one way to be computed.
$PHICONV bench --list -k 'gemm_i8.q4_?.fast' -k 'vec.*'
$PHICONV bench "$SAMPLE" --list -k 'model*'
$PHICONV bench --list --json | python3 -c '
import json, sys
print(*json.load(sys.stdin)["names"], sep="\n")' | sort | cmp - list
