# What phiconv does not convert is shown all the same, and what is no model is
# refused with what it is.
cp -r "$SAMPLE" m && chmod -R u+w m
sed -i 's/PhiForCausalLM/LlamaForCausalLM/; s/"phi"/"llama"/' m/config.json
$PHICONV inspect m
echo "code $?"
$PHICONV inspect m --json >json && head -c 300 json
echo
for f in m/config.json m nowhere . /dev/null; do
    rm -f m/*.safetensors
    $PHICONV inspect "$f"
    echo "code $?"
done
printf 'version https://git-lfs.github.com/spec/v1\n' >lfs.safetensors
$PHICONV inspect lfs.safetensors
echo "code $?"
: >empty
$PHICONV inspect empty
mkfifo pipe
$PHICONV inspect pipe
$PHICONV inspect "$SAMPLE" --compare x --hash
$PHICONV inspect "$SAMPLE" --diffable --json
# Nothing from a file reaches the terminal as it is: a name and a value with
# control characters.
str() { # length in one byte, as u64, and the text
    printf "\\x$(printf %02x ${#1})\0\0\0\0\0\0\0%s" "$1"
}
key=a.b text=$'b\r\n\e]0;title\a"\\' name=$'t\e[31m'
{
    printf 'GGUF\3\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0'
    str "$key" && printf '\10\0\0\0' && str "$text"
    str "$name" && printf '\1\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0'
    printf '\0\0\0\0\0\0\0\0'
} >e.gguf
truncate -s %32 e.gguf && printf '\0\0\200\77' >>e.gguf
$PHICONV inspect e.gguf -m -t
$PHICONV inspect e.gguf --diffable
$PHICONV inspect e.gguf --json | grep -o '"metadata.*"origin'
