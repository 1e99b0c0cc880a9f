#!/bin/sh
# c-tests.sh BUILD [NAME...]: runs the C tests that were built in BUILD.
# A test prints `N passed, N failed` as its last line (test/c/check.h) and exits with 0 when all passed.
set -u
build=$1
shift
[ $# -gt 0 ] || set -- $(ls "$build/test")
export UBSAN_OPTIONS="print_stacktrace=1"
export TSAN_OPTIONS="halt_on_error=0:exitcode=66:suppressions=$(pwd)/tools/tsan.supp"
mkdir -p build/log
passed=0 failed=0
for name in "$@"; do
    log=build/log/c-$build-$name.log
    timeout --foreground 300 "$build/test/$name" >"$log" 2>&1 </dev/null
    code=$?
    p=$(sed -n 's/^\([0-9][0-9]*\) passed, [0-9][0-9]* failed.*/\1/p' "$log" | tail -n 1)
    f=$(sed -n 's/^[0-9][0-9]* passed, \([0-9][0-9]*\) failed.*/\1/p' "$log" | tail -n 1)
    [ "$code" = 0 ] || [ "${f:-0}" != 0 ] || f=1
    [ -n "$p" ] || { [ "$code" = 0 ] && p=1 || p=0; }
    passed=$((passed + p)) failed=$((failed + ${f:-0}))
    [ "${f:-0}" = 0 ] || {
        echo "--- $name (exit status $code)"
        tail -n 60 "$log"
    }
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
