#!/bin/sh
# specs.sh HOW BUILD [FILE...]: runs the busted specs against the build in BUILD.
# HOW: plain; quick, fewer random cases and not the long ones; asan, valgrind, coverage; or generational, incremental or
# cycles: with Lua's collector as such. plain and quick give each file a process of its own, some of them side by side.
# HALF=1 or HALF=2: every second file, beginning with the first or the second.
# The last line says `N passed, N failed`.
set -u
how=$1 build=$2
shift 2
top=$(pwd)
busted=$(command -v busted) || exit 1
export LUA_PATH="$top/lua/?.lua;$top/lua/?/init.lua;$top/spec/?.lua;;"
lpath="lua/?.lua;lua/?/init.lua;spec/?.lua"
export LUA_CPATH="$top/$build/?.so;;"
export AWORK_BUILD="$build" AWORK_CHECK="$how"
# What part of its random cases a spec goes through: under a tool each of them costs 10 to 50 times as much.
case $how in
plain) export AWORK_EFFORT=1 ;;
valgrind) export AWORK_EFFORT=0.005 ;;
*) export AWORK_EFFORT=0.02 ;;
esac
# Those that take long even with few cases, beginning with the longest: first in plain, so that none is left over at the
# end, and not in quick.
long="linear locale desired_crash linear_desired cli_terminal"
# What a tool has nothing to find in: valgrind sees the C, so not the specs of what is Lua alone, and of documents; those
# of linear time measure it, and what they call the others call too, but for linear_spec's hostile texts, for ASan.
case $how in
valgrind) without="-e /desired_ -e /format_ -e /docs_ -e /filter_ -e /linear_" ;;
asan) without="-e /linear_desired_" ;;
coverage) without="-e /linear_" ;;
*) without= ;;
esac
if [ $# -eq 0 ]; then
    set -- $(ls spec/*_spec.lua)
    case $how in
    asan | valgrind | coverage) set -- $(ls "$@" | grep -v $without) ;;
    plain | quick)
        first= match=
        for name in $long; do
            first="$first spec/${name}_spec.lua" match="$match -e /${name}_spec"
        done
        [ "$how" = plain ] || first=
        set -- $first $(ls "$@" | grep -v $match)
        ;;
    esac
fi
if [ -n "${HALF:-}" ]; then
    set -- $(printf '%s\n' "$@" | awk -v half="$HALF" 'NR % 2 == half % 2')
fi
part=$how${HALF:+-$HALF}
log=build/log/specs-$part
mkdir -p "$log"

# Several files: a process for each.
if [ $# -gt 1 ] && { [ "$how" = plain ] || [ "$how" = quick ]; }; then
    . tools/lanes.sh
    rm -f "$log"/*
    export SPECS_LOG="$log"
    # One more than there are processors: specs wait, too.
    lanes $(($(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2) + 1)) "tools/specs.sh $how $build" "$@"
    passed=0 failed=0 bad=
    for file in "$@"; do
        file=$log/$(basename "$file" .lua).log
        last=$(tail -n 1 "$file" | grep -x '[0-9]* passed, [0-9]* failed')
        p=${last%% *} f=${last#*, } f=${f%% *}
        [ -n "$last" ] || p=0 f=1
        passed=$((passed + p)) failed=$((failed + f))
        # What failed comes last, where it is looked for.
        if [ "$f" = 0 ]; then cat "$file"; else bad="$bad $file"; fi
    done
    for file in $bad; do
        echo "--- $file"
        cat "$file"
    done
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ]
    exit
fi
if [ -n "${SPECS_LOG:-}" ]; then
    exec >"$SPECS_LOG/$(basename "$1" .lua).log" 2>&1 </dev/null
    out=$SPECS_LOG/$(basename "$1" .lua).out
    unset SPECS_LOG
else
    out=$log/out
fi
report=build/log/report-$part
rm -f "$report".*

# Specs tagged #process start other programs; they say nothing about memory.
# Modules stay loaded until the end, so that what they leak has a name and a root.
skip=
keep() {
    skip=--exclude-tags=process
    cc -shared -fPIC -o "build/keep-$part.so" tools/keep.c || exit 1
}
case $how in
asan)
    keep
    export ASAN_OPTIONS="detect_leaks=1:abort_on_error=0:log_path=$top/$report:exitcode=99:detect_stack_use_after_return=1"
    export UBSAN_OPTIONS="print_stacktrace=1:log_path=$top/$report"
    export LSAN_OPTIONS="suppressions=$top/tools/lsan.supp:print_suppressions=0"
    run="env LD_PRELOAD=$(gcc -print-file-name=libasan.so):$top/build/keep-$part.so lua5.4"
    ;;
valgrind)
    keep
    run="env LD_PRELOAD=$top/build/keep-$part.so valgrind -q --leak-check=full --show-leak-kinds=definite
        --errors-for-leak-kinds=definite --error-exitcode=99 --num-callers=25 --fair-sched=yes
        --suppressions=$top/tools/valgrind.supp --log-file=$top/$report.%p lua5.4"
    ;;
coverage)
    cc -O2 -shared -fPIC $(pkg-config --cflags lua5.4) -o "$build/luacov.so" tools/luacov.c -pthread || exit 1
    mkdir -p "$build/lua"
    export AWORK_COVERAGE="$top/$build/lua" AWORK_LUACOV="$top/$build/luacov.so" LUA_INIT="@$top/tools/luacov.lua"
    # The sandbox's own state reads no LUA_INIT; its first module, found here before the real one, is watched too.
    shadow=$build/shadow
    mkdir -p "$shadow/awork/sandbox"
    cat >"$shadow/awork/sandbox/server.lua" <<LUA
dofile "$top/tools/luacov.lua"
return dofile "$top/lua/awork/sandbox/server.lua"
LUA
    lpath="$shadow/?.lua;$lpath"
    export LUA_PATH="$top/$shadow/?.lua;$LUA_PATH"
    run=lua5.4
    ;;
# The collector as a hostile host may have set it: young collections after each percent; always under way, with as
# little work as may be at each allocation; a whole cycle each time that memory has grown by 4 %. (With no pause at all it
# is one for each allocation, which takes hours.)
generational)
    export LUA_INIT='collectgarbage("generational", 1, 20)'
    run=lua5.4
    ;;
incremental)
    export LUA_INIT='collectgarbage("incremental", 100, 100, 2)'
    run=lua5.4
    ;;
cycles)
    export LUA_INIT='collectgarbage("incremental", 104, 1000, 10)'
    run=lua5.4
    ;;
*) run=lua5.4 ;;
esac

$run "$busted" -o plainTerminal --lpath="$lpath" --cpath="$build/?.so" $skip "$@" >"$out" 2>&1 &
child=$!
trap 'kill "$child"; exit 130' INT TERM
wait "$child"
code=$?
cat "$out"
# Tests that did not pass, and reports of the tool, which count one each.
count() { sed -n "s/.*[^0-9]*\b\([0-9][0-9]*\) $1.*/\1/p" "$out" | tail -n 1; }
passed=$(count success) failed=$(count failure) errors=$(count error)
failed=$((${failed:-0} + ${errors:-0}))
for file in "$report".*; do
    [ -s "$file" ] || continue
    echo "--- $file"
    cat "$file"
    failed=$((failed + 1))
done
[ "$code" = 0 ] || [ "$failed" -gt 0 ] || failed=1
echo "${passed:-0} passed, $failed failed"
[ "$failed" = 0 ]
