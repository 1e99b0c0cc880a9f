#!/bin/sh
# prove.sh [STAGE...]: runs the proofs, all of them or those named, and ends with one table of what they counted.
#
# A stage is a target of the Makefile, prove-STAGE. What it tried and found it says in lines
#     prove: NAME: COUNT WHAT, N findings
# A stage that fails, or ends without such a line, is a finding itself. All of its output is in build/log/prove-STAGE.log.
set -u
MAKE=${MAKE:-make}
stages=$*
[ -n "$stages" ] || stages="memory threads collector differential openapi fuzz step once others wire tls secrets limits soak"
mkdir -p build/log
table=build/log/prove.table
: >"$table"
failed=0
for stage in $stages; do
    log=build/log/prove-$stage.log
    start=$(date +%s)
    echo "== $stage"
    $MAKE -s --no-print-directory "prove-$stage" >"$log" 2>&1 </dev/null
    code=$?
    took=$(($(date +%s) - start))
    grep -v '^prove: ' "$log" | tail -n 40
    grep '^prove: ' "$log" | while read -r line; do echo "$took|$line"; done >>"$table"
    if [ $code != 0 ] || ! grep -q '^prove: ' "$log"; then
        failed=$((failed + 1))
        grep -q '^prove: ' "$log" || echo "$took|prove: $stage: 0 runs: it failed, see $log, 1 findings" >>"$table"
    fi
done
echo
printf '%-14s %9s %8s  %s\n' stage findings seconds "what was tried"
sed 's/^\([0-9]*\)|prove: \([^:]*\): \(.*\), \([0-9]*\) findings$/\2|\4|\1|\3/' "$table" |
    while IFS='|' read -r name found took what; do
        printf '%-14s %9s %8s  %s\n' "$name" "$found" "$took" "$what"
    done
echo "$failed stages failed"
[ "$failed" = 0 ]
