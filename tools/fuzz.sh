#!/bin/sh
# fuzz.sh SECONDS [TARGET...]: runs each fuzz target for so long, from the seeds in fuzz/corpus and what earlier runs
# found (build-fuzz/corpus). With RUNS=n so often at most; with SECONDS 0 it takes as long as that does. Says how often
# each ran and what it reached. An input that fails stays in build-fuzz/found.
set -u
seconds=$1
shift
[ $# -gt 0 ] || set -- $(ls build-fuzz/fuzz)
export ASAN_OPTIONS="detect_leaks=1:allocator_may_return_null=1:quarantine_size_mb=16:malloc_context_size=8" UBSAN_OPTIONS="print_stacktrace=1"
mkdir -p build-fuzz/found build/log
failed=0
for target in "$@"; do
    corpus=build-fuzz/corpus/$target log=build/log/fuzz-$target.log
    mkdir -p "$corpus" "fuzz/corpus/$target"
    dict=
    [ -f "fuzz/$target.dict" ] && dict="-dict=fuzz/$target.dict"
    # Long enough for all that a target reads, and no longer: what is short runs more often.
    case $target in
    validation | csv) max=160 ;;
    vcard) max=256 ;;
    json) max=384 ;;
    plan | journal) max=1200 ;;
    *) max=512 ;;
    esac
    # A state of Lua keeps memory from run to run; what leaks is looked for at the end.
    "build-fuzz/fuzz/$target" -detect_leaks=0 -max_total_time="$seconds" -max_len=$max -timeout=20 -rss_limit_mb=2048 -reload=0 \
        -print_funcs=0 -print_final_stats=1 -artifact_prefix="build-fuzz/found/$target-" $dict ${RUNS:+-runs=$RUNS} \
        "$corpus" "fuzz/corpus/$target" >"$log" 2>&1 </dev/null
    code=$?
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    lines=$(sed -n 's/^lines of Lua reached: //p' "$log")
    if [ $code != 0 ]; then
        failed=$((failed + 1))
        grep -a -m 3 -E 'FUZZ:|ERROR: |SUMMARY|runtime error' "$log"
        tail -n 15 "$log"
    fi
    echo "prove: fuzz $target: ${runs:-0} executions (${edges:-0} edges of C${lines:+, $lines lines of Lua}), $((code != 0)) findings"
done
[ $failed = 0 ]
