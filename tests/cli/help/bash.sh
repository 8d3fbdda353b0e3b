# Completion as bash does it: the script is sourced, and asked.
$PHICONV help --completion bash >script
# shellcheck source=/dev/null
. ./script
mkdir folder && touch 'a file.gguf' b.txt
complete -p phiconv
ask() {
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    COMPREPLY=()
    _phiconv
    printf '%s:' "$*"
    printf ' [%s]\n' "${COMPREPLY[@]}" | sort | tr -d '\n'
    echo
}
ask phiconv ''
ask phiconv qu
ask phiconv --v
ask phiconv quantize --no
ask phiconv quantize m -t q4_k
ask phiconv quantize m --type = q5_k
ask phiconv quantize m --output =
ask phiconv quantize m --split-max-tensors ''
ask phiconv export m -o f
ask phiconv inspect a
ask phiconv eval-ppl b.txt --act ''
ask phiconv eval-ppl b.txt --act e
ask phiconv tokenize --progress ''
ask phiconv help set
ask phiconv help --completion ''
ask phiconv nothing ''
