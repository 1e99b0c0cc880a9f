#!/bin/sh
# coverage.sh BUILD: runs the C tests and the specs with the instrumented build, prints one table of lines reached.
set -u
build=$1
rm -rf "$build/lua"
mkdir -p "$build/lua" build/log
find "$build" -name '*.gcda' -exec rm -f {} +
code=0
tools/c-tests.sh "$build" >build/log/coverage-c-tests.log 2>&1 || {
    tail -n 60 build/log/coverage-c-tests.log
    code=1
}
tools/specs.sh coverage "$build" >build/log/coverage-specs.log 2>&1 || {
    tail -n 60 build/log/coverage-specs.log
    code=1
}
lua5.4 tools/coverage.lua "$build" "$build/lua" 94 || code=1
exit $code
