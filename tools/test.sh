#!/bin/sh
# test.sh: everything `make test` checks, one line a stage, the last line their sum.
# The whole output of a stage is in build/log/NAME.log; a failed stage shows the end of it.
set -u
log=build/log
mkdir -p "$log"
total_passed=0 total_failed=0
begin=$(date +%s)
MAKE=${MAKE:-make}
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
build() { $MAKE -s --no-print-directory -j"$jobs" "$@"; }

# suite NAME COMMAND...: adds the counts on the last line of what COMMAND prints.
# check NAME COMMAND...: one check, passed or failed; also for a suite that is run again under a tool,
# of which only the failures are counted one by one.
suite() { stage suite "$@"; }
check() { stage check "$@"; }
stage() {
    kind=$1 name=$2
    shift 2
    file=$log/$(echo "$name" | tr ' /' '__').log
    start=$(date +%s)
    "$@" >"$file" 2>&1 </dev/null
    code=$?
    p=$(sed -n '$s/^\([0-9][0-9]*\) passed, [0-9][0-9]* failed$/\1/p' "$file")
    f=$(sed -n '$s/^[0-9][0-9]* passed, \([0-9][0-9]*\) failed$/\1/p' "$file")
    note=
    [ -z "$p" ] || note="$p passed, $f failed"
    if [ "$code" != 0 ] && [ "${f:-0}" = 0 ]; then f=1; fi
    if [ "$kind" = check ] || [ -z "$p" ]; then
        if [ "${f:-0}" = 0 ]; then p=1; else p=0; fi
    fi
    total_passed=$((total_passed + p)) total_failed=$((total_failed + ${f:-0}))
    if [ "${f:-0}" = 0 ]; then
        printf 'ok    %-38s %4ds  %s\n' "$name" "$(($(date +%s) - start))" "$note"
    else
        printf 'FAIL  %-38s %4ds  %s\n' "$name" "$(($(date +%s) - start))" "$note"
        tail -n 60 "$file" | sed 's/^/      /'
        echo "      ... all of it in $file"
    fi
    [ "${f:-0}" = 0 ]
}

# valgrind takes the longest, and one core: it works beside the other stages.
valgrind() {
    wait "$beside"
    code=$?
    beside=
    cat "$log/beside.log"
    return $code
}
# A share of what `make prove` does in full.
prove() {
    build "build/prove/$1" && "build/prove/$1" build "$2"
}
beside=
trap '[ -z "$beside" ] || kill "$beside"' EXIT
trap 'exit 130' INT TERM

check "build" build all c-tests
tools/specs.sh valgrind build >"$log/beside.log" 2>&1 </dev/null &
beside=$!
suite "C tests" tools/c-tests.sh build
suite "specs" tools/specs.sh plain build
suite "lint" tools/lint.sh quick
suite "rocks" tools/check-rock.sh
check "build for ASan+UBSan" build asan-build
check "C tests under ASan+UBSan" tools/c-tests.sh build-asan
check "specs under ASan+UBSan" tools/specs.sh asan build-asan
check "build for TSan" build tsan-build
check "C tests under TSan" tools/c-tests.sh build-tsan
check "allocations that fail, a share" prove memory 0.004
check "threads, forks, signals, a share" prove threads 0.03
check "build for coverage" build cov-build
check "coverage" tools/coverage.sh build-cov && sed -n 's/^\(file  \|src\|lua\|all\)/      &/p' "$log/coverage.log"
check "specs under valgrind" valgrind

echo "$(($(date +%s) - begin)) seconds in all"
echo "$total_passed passed, $total_failed failed"
[ "$total_failed" = 0 ]
