#!/bin/sh
# make bench: validation beside others; HTTP beside others, against nginx and against the sandbox; the memory of a
# million rows (ROWS=…); how long a step takes.
# What is not there (npm without a registry, say) is named and left out.
set -eu
cd "$(dirname "$0")"
out=../build/bench
mkdir -p "$out" ../build/log
npm ci --no-audit --no-fund >../build/log/npm.log 2>&1 || echo "npm could not install undici and ajv: left out"
# shellcheck disable=SC2046 # a list of flags
"${CC:-cc}" -std=c11 -O2 -shared -fPIC $(pkg-config --cflags lua5.4) -o "$out/validate_floor.so" validate_floor.c
{
    LUA_CPATH="$out/?.so;$LUA_CPATH" "${LUA:-lua5.4}" validate.lua "$@"
    if [ -d node_modules/ajv ]; then
        "${LUA:-lua5.4}" validate_schema.lua | node validate_ajv.mjs
    fi
} | tee "$out/validate.txt"
echo
./run.py --server nginx
echo
./run.py --server sandbox --only awork
echo
./with_sandbox.py -- "${LUA:-lua5.4}" million.lua "${ROWS:-1000000}" | tee "$out/million.txt"
echo
make -s -C .. prove-step
