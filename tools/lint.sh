#!/bin/sh
# lint.sh [quick]: what can be said of the sources without running them. The last line says `N passed, N failed`.
# cppcheck and clang-tidy take part where they are installed; quick leaves them out.
set -u
MAKE=${MAKE:-make}
log=build/log/lint
mkdir -p "$log"
passed=0 failed=0
has() { command -v "$1" >/dev/null; }
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
# The C of the repository; nothing that was built.
c=$(find src test examples bench prove fuzz -path prove/node_modules -prune -o -name '*.c' -print 2>/dev/null | LC_ALL=C sort)
h=$(find src test examples bench prove fuzz -path prove/node_modules -prune -o -name '*.h' -print 2>/dev/null | LC_ALL=C sort)
check() {
    name=$1
    shift
    if "$@" >"$log/$name.log" 2>&1 </dev/null; then
        passed=$((passed + 1))
        echo "ok    $name"
    else
        failed=$((failed + 1))
        echo "FAIL  $name"
        head -n 60 "$log/$name.log"
    fi
}
skip() { echo "--    $1: $2"; }

# No trailing blanks, no tabs but in Makefiles, a newline at the end: what .editorconfig says.
text() {
    bad=0
    for file in $(find . \( -name build -o -name 'build-*' -o -name .git -o -name node_modules \) -prune -o -type f \
        \( -name '*.[ch]' -o -name '*.lua' -o -name '*.def' -o -name '*.sh' -o -name '*.md' -o -name '*.rockspec' \) -print); do
        case $file in *.md) ;; *) grep -nH '[[:blank:]]$' "$file" && bad=1 ;; esac
        grep -nHP '\t' "$file" && bad=1
        [ -z "$(tail -c 1 "$file")" ] || { echo "$file: no newline at the end" && bad=1; }
    done
    return $bad
}
format() { clang-format --dry-run --Werror $c $h; }
cppcheck_() {
    cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
        --suppress=missingIncludeSystem -Isrc -D_POSIX_C_SOURCE=200809L -DLIBCURL_VERSION_NUM=0x075800 -j "$jobs" src
}
tidy() {
    echo "$c" | grep '^src/' | xargs -P "$jobs" -n 4 sh -c 'clang-tidy --quiet "$@" -- -std=c11 -D_POSIX_C_SOURCE=200809L \
        -D_DEFAULT_SOURCE $(pkg-config --cflags lua5.4 libcurl libmicrohttpd gnutls)' tidy
}

check luacheck luacheck -q --no-color .
check text text
# Versions of clang-format disagree: the tree is formatted by 14, Debian 12's.
case $(clang-format --version 2>/dev/null) in
*" 14."*) check clang-format format ;;
*) skip clang-format "version 14 is not installed" ;;
esac
check gcc-warnings $MAKE -s --no-print-directory -j"$jobs" gcc-build
check clang-warnings $MAKE -s --no-print-directory -j"$jobs" clang-build
if [ "${1:-}" != quick ]; then
    if has cppcheck; then check cppcheck cppcheck_; else skip cppcheck "not installed"; fi
    if has clang-tidy; then check clang-tidy tidy; else skip clang-tidy "not installed"; fi
fi
check rockspecs lua5.4 tools/rockspec.lua
for tool in tools/check-*.lua; do
    [ -f "$tool" ] || continue
    check "$(basename "$tool" .lua)" env LUA_PATH="$(pwd)/lua/?.lua;$(pwd)/lua/?/init.lua;;" LUA_CPATH="$(pwd)/build/?.so;;" \
        lua5.4 "$tool"
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
