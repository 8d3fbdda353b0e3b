# shellcheck shell=bash
# For cases that make calls of the system fail, or die before them.
if [ -n "${WRAPPER:-}" ]; then
    echo "skipped: another program makes the calls"
    exit 77
fi
if ! strace -qq true 2>/dev/null; then
    echo "skipped: no strace here, or no leave to trace"
    exit 77
fi
export ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0"
