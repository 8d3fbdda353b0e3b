# shellcheck shell=bash
# For cases: signals to a program that is seen at work when they come. What
# starts it may ignore them, as a script does for what it starts with &; so the
# program has them as they are by default.
begin() { # COMMAND...
    env --default-signal=INT,TERM,HUP "$@" &
    pid=$!
}

# Until it has a handler for the signal, or has ended without one.
wait_for_handler() { # SIGNAL
    local bit=$(($(kill -l "$1") - 1)) key value name

    while kill -0 "$pid" 2>/dev/null; do
        while read -r key value; do
            case $key in
            Name:) name=$value ;;
            SigCgt:)
                # Before, it was bash and env.
                [ "$name" != "${PHICONV##*/}" ] ||
                    [ $((16#$value >> bit & 1)) = 0 ] || return 0
                ;;
            esac
        done 2>/dev/null <"/proc/$pid/status"
    done
    echo "no handler for SIG$1 was seen"
    return 1
}

# The signal comes as soon as a temporary file or folder is there. A program
# without a handler leaves it there, one that ignores the signal makes MADE, and
# so does one that heeds it too late; or it was faster, but not every time.
at_work() { # SIGNAL MADE COMMAND...
    local signal=$1 made=$2 code try begun never
    shift 2
    exec {never}<> <(:)
    for try in 1 2 3 4 5 6 7 8 9 10; do
        [ "$try" = 1 ] || rm -rf "$made"
        begin "$@"
        begun=(.*.tmp)
        while [ ! -e "${begun[0]}" ] && kill -0 "$pid" 2>/dev/null; do
            # A millisecond, of which `sleep` would take several.
            read -r -t 0.001 -u "$never"
            begun=(.*.tmp)
        done
        kill -s "$signal" "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null # bash would say of what it died
        code=$?
        [ -e "$made" ] || break
    done
    exec {never}>&-
    echo "SIG$signal at work: code $code"
    ls -A
}
