#!/bin/sh
# test.sh [check]: everything `make test` checks, or the quick part of it that `make check` does; one more stage at a
# time than there are processors, since tests wait, too. One line a stage, as they end; the last line is their sum.
# The whole output of a stage is in build/log/NAME.log; a failed stage shows the end of it.
# test.sh stage NAME: one of the stages, whose builds are there.
set -u
log=build/log
mkdir -p "$log"
MAKE=${MAKE:-make}
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
build() { $MAKE -s --no-print-directory -j"$jobs" "$@"; }
file_of() { echo "$log/$(echo "$1" | tr ' /' '__')"; }

# suite NAME COMMAND...: adds the counts on the last line of what COMMAND prints.
# check NAME COMMAND...: one check, passed or failed; also for a suite that is run again under a tool,
# of which only the failures are counted one by one.
suite() { stage suite "$@"; }
check() { stage check "$@"; }
stage() {
    kind=$1 name=$2
    shift 2
    file=$(file_of "$name")
    start=$(date +%s)
    "$@" >"$file.log" 2>&1 </dev/null
    code=$?
    p=$(sed -n '$s/^\([0-9][0-9]*\) passed, [0-9][0-9]* failed$/\1/p' "$file.log")
    f=$(sed -n '$s/^[0-9][0-9]* passed, \([0-9][0-9]*\) failed$/\1/p' "$file.log")
    note=
    [ -z "$p" ] || note="$p passed, $f failed"
    if [ "$code" != 0 ] && [ "${f:-0}" = 0 ]; then f=1; fi
    if [ "$kind" = check ] || [ -z "$p" ]; then
        if [ "${f:-0}" = 0 ]; then p=1; else p=0; fi
    fi
    # All at once: other stages print too.
    {
        if [ "${f:-0}" = 0 ]; then result="ok   "; else result="FAIL "; fi
        printf '%s %-38s %4ds  %s\n' "$result" "$name" "$(($(date +%s) - start))" "$note"
        if [ "${f:-0}" != 0 ]; then
            tail -n 60 "$file.log" | sed 's/^/      /'
            echo "      ... all of it in $file.log"
        elif [ "$name" = coverage ]; then
            sed -n 's/^\(file  \|src\|lua\|all\)/      &/p' "$file.log"
        fi
    } >"$file.said"
    cat "$file.said"
    echo "$p ${f:-0}" >"$file.result"
    [ "${f:-0}" = 0 ]
}

luacheck_() { luacheck -q --no-color .; }

run() {
    case $1 in
    build) check "$1" build all c-tests ;;
    "build for ASan+UBSan") check "$1" build asan-build ;;
    "build for TSan") check "$1" build tsan-build ;;
    "build for coverage") check "$1" build cov-build ;;
    "build for proofs") check "$1" build build/prove/memory build/prove/threads ;;
    "C tests") suite "$1" tools/c-tests.sh build ;;
    "C tests under ASan+UBSan") check "$1" tools/c-tests.sh build-asan ;;
    "C tests under TSan") check "$1" tools/c-tests.sh build-tsan ;;
    specs) suite "$1" tools/specs.sh plain build ;;
    "specs, the quick ones") suite "$1" tools/specs.sh quick build ;;
    "specs under ASan+UBSan") check "$1" tools/specs.sh asan build-asan ;;
    "specs under valgrind, a half") check "$1" env HALF=1 tools/specs.sh valgrind build ;;
    "specs under valgrind, the other") check "$1" env HALF=2 tools/specs.sh valgrind build ;;
    coverage) check "$1" tools/coverage.sh build-cov ;;
    lint) suite "$1" tools/lint.sh quick ;;
    luacheck) check "$1" luacheck_ ;;
    rocks) suite "$1" tools/check-rock.sh ;;
    # A share of what `make prove` does in full.
    "allocations that fail, a share") check "$1" build/prove/memory build 0.004 ;;
    "threads, forks, signals, a share") check "$1" build/prove/threads build 0.03 ;;
    *) echo "no stage $1" && exit 2 ;;
    esac
}

# The builds first, of which each uses all processors; then the rest, what takes longest first.
builds=
case ${1:-all} in
stage)
    run "$2"
    exit
    ;;
check) set -- "specs, the quick ones" "C tests" "luacheck" ;;
all)
    builds="ASan+UBSan TSan coverage proofs"
    set -- "specs under valgrind, a half" "specs under valgrind, the other" "specs" "coverage" \
        "specs under ASan+UBSan" "lint" "C tests" \
        "C tests under ASan+UBSan" "rocks" "C tests under TSan" "allocations that fail, a share" \
        "threads, forks, signals, a share"
    ;;
*)
    sed -n '2,/^set/s/^# //p' "$0"
    exit 2
    ;;
esac
begin=$(date +%s)
rm -f "$log"/*.result
if run build; then
    for what in $builds; do
        run "build for $what"
    done
    . tools/lanes.sh
    lanes $((jobs + 1)) "tools/test.sh stage" "$@"
else
    builds=
    set --
fi

total_passed=0 total_failed=0
count() {
    p=0 f=1 # of a stage that was killed
    [ ! -f "$(file_of "$1").result" ] || read -r p f <"$(file_of "$1").result"
    total_passed=$((total_passed + p)) total_failed=$((total_failed + f))
}
for what in $builds; do
    count "build for $what"
done
for name in build "$@"; do
    count "$name"
done
echo "$(($(date +%s) - begin)) seconds in all"
echo "$total_passed passed, $total_failed failed"
[ "$total_failed" = 0 ]
