#!/bin/sh
# deps.sh demo|test|bench|prove: what `make demo`, `make test` and so on need is here, or gets installed.
# Quiet and without a call of apt when nothing is missing. On a system without apt, or without
# the right to use it, names what to install and stops with 1.
set -u
missing=
names=

# need PACKAGE NAME COMMAND...: PACKAGE is Debian's, NAME what other systems know it as.
need() {
    package=$1 name=$2
    shift 2
    "$@" >/dev/null 2>&1 </dev/null && return
    missing="$missing $package"
    names="$names
  $name"
}
has() { command -v "$1"; }
pc() { pkg-config --exists "$@"; }
lua() { lua5.4 -e "require '$1'"; }
fuzzer() { [ -f "$(clang -print-file-name=libclang_rt.fuzzer-x86_64.a)" ] || ls "$(clang -print-resource-dir)"/lib/*/libclang_rt.fuzzer*.a; }
# The certificates libcurl trusts, where it has a file for them: specs of TLS need one.
certificates() {
    file=$(curl-config --ca) || return 1
    [ -z "$file" ] || [ -s "$file" ]
}
headers() { cc -E -x c -include stdio.h /dev/null; }

# What is missing now, of one set or the other.
look() {
    missing= names=
    need make "GNU make" has make
    need gcc "gcc" has gcc
    need libc6-dev "the C library's headers" headers
    need pkg-config "pkg-config" has pkg-config
    need lua5.4 "Lua 5.4, its interpreter as lua5.4" has lua5.4
    need liblua5.4-dev "Lua 5.4's headers, with lua5.4.pc" pc lua5.4
    need lua-cjson "lua-cjson for Lua 5.4" lua cjson
    need libcurl4-openssl-dev "libcurl's headers, 7.80 or later" pc "libcurl >= 7.80"
    need libmicrohttpd-dev "libmicrohttpd's headers (for the sandbox)" pc libmicrohttpd
    need libgnutls28-dev "GnuTLS's headers (for the sandbox)" pc gnutls
    case $1 in test) look_test ;; bench) look_bench ;; prove) look_test && look_prove ;; esac
}
look_bench() {
    need nginx-light "nginx" has /usr/sbin/nginx
    need wrk "wrk" has wrk
    need gnuplot-nox "gnuplot" has gnuplot
    need lua5.1 "Lua 5.1, for bindings that have nothing newer" has lua5.1
    need lua-curl "lua-curl for Lua 5.1" lua5.1 -e "require 'curl' require 'cjson'"
    need lua-http "lua-http for Lua 5.1" lua5.1 -e "require 'http.client'"
    need lua-socket "luasocket for Lua 5.4" lua socket.http
    need python3-aiohttp "aiohttp for Python 3" /usr/bin/python3 -c "import aiohttp"
    need python3-requests "requests for Python 3" /usr/bin/python3 -c "import requests"
    need nodejs "Node.js" has node
    need npm "npm" has npm
}
look_prove() {
    need libclang-rt-dev "clang's runtime, with libFuzzer" fuzzer
    need nodejs "Node.js" has node
    need npm "npm" has npm
}
look_test() {
    need ca-certificates "CA certificates" certificates
    need lua-argparse "argparse for Lua 5.4" lua argparse
    need lua-busted "busted for Lua 5.4" lua busted
    need openssl "OpenSSL's command, openssl" has openssl
    need lua-check "luacheck" has luacheck
    need lua-luv "luv for Lua 5.4" lua luv
    need lua-cqueues "cqueues for Lua 5.4" lua cqueues
    need lua-socket "LuaSocket for Lua 5.4" lua socket
    need lua-luaossl "luaossl for Lua 5.4" lua openssl.ssl.context
    need luarocks "LuaRocks, 3.8 or later" has luarocks
    need clang "clang" has clang
    need clang-format "clang-format" has clang-format
    need valgrind "valgrind" has valgrind
    need locales "definitions of locales, for localedef" [ -f /usr/share/i18n/locales/tr_TR ]
}

look "$1"
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    printf 'Please install, then run this again:%s\n' "$names" >&2
    exit 1
fi
if [ "$(id -u)" = 0 ]; then
    root=
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    root="sudo -n"
else
    printf 'Please install what is missing, then run this again:\n  apt-get install%s\n' "$missing" >&2
    exit 1
fi

log=build/log/apt.log
mkdir -p build/log
apt() {
    $root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" \
        </dev/null >>"$log" 2>&1
}
# The package lists may be missing or stale: then, and only then, they are fetched. Their lock has no
# time limit to set, hence the tries.
update() {
    for pause in 5 20 60 0; do
        apt update && return
        sleep "$pause"
    done
    return 1
}
echo "installing:$missing"
: >"$log"
# shellcheck disable=SC2086 # a list of words
apt install --no-install-recommends $missing || {
    update
    apt install --no-install-recommends $missing
} || {
    tail -n 20 "$log" >&2
    printf 'apt-get could not install:%s\n' "$missing" >&2
    exit 1
}
look "$1"
[ -z "$missing" ] || {
    printf 'Still missing after apt-get installed it:%s\n' "$names" >&2
    exit 1
}
