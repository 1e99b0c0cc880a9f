#!/bin/sh
# check-rock.sh: builds both rocks from a copy of the checkout, offline, into an empty tree, and requires them from there.
# The last line says `N passed, N failed`.
set -u
top=$(pwd)
work=$top/build/rock
rm -rf "$work"
mkdir -p "$work/src"
passed=0 failed=0
ok() {
    what=$1
    shift
    if "$@" >"$work/out" 2>&1 </dev/null; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL: $what: $*"
        cat "$work/out"
    fi
}

# Only what is in the repository, so that no stray file helps.
if git rev-parse --git-dir >/dev/null 2>&1; then
    git ls-files -z | tar cf - --null --ignore-failed-read -T - 2>/dev/null | tar xf - -C "$work/src"
else
    tar cf - --exclude='./build*' . | tar xf - -C "$work/src"
fi
cd "$work/src" || exit 1
export HOME="$work/home"
mkdir -p "$HOME"
tree=$work/tree
rocks="luarocks --lua-version 5.4"

for rock in awork awork-sandbox; do
    ok "lint" $rocks lint "$rock-scm-1.rockspec"
    ok "make" $rocks make --deps-mode=none --tree "$tree" "$rock-scm-1.rockspec"
done

# The tree alone; for the sandbox also cjson, which is no part of it, from where this Lua finds C modules.
cjson=$(lua5.4 -e 'print(package.searchpath("cjson", package.cpath))')
mkdir -p "$work/cjson" "$work/elsewhere"
cp "$cjson" "$work/cjson/"
cd "$work/elsewhere" || exit 1
alone="env -i LUA_PATH=$tree/share/lua/5.4/?.lua;$tree/share/lua/5.4/?/init.lua LUA_CPATH=$tree/lib/lua/5.4/?.so"
with_cjson="$alone;$work/cjson/?.so"
ok "require awork" $alone /usr/bin/env lua5.4 -e '
    local awork = require "awork"
    assert(awork.validate { type = "phone", subType = "work", value = "+49 30 1234567" })'
ok "require awork.sandbox" $with_cjson /usr/bin/env lua5.4 -e '
    local server = require "awork.sandbox".start { port = 0 }
    local client = require "awork".client { base_url = server.url, token = server.token }
    assert(client.contact_infos:create(server.user_ids[1], { type = "email", subType = "work", value = "a@example.com" }))
    client:close()
    server.stop()'
ok "run awork-contacts" "$tree/bin/awork-contacts" types
for module in $(cd "$top/lua" && find awork -name '*.lua' | sed 's/\.lua$//; s/\/init$//; s/\//./g' | LC_ALL=C sort); do
    ok "find $module" $alone /usr/bin/env lua5.4 -e "assert(package.searchpath('$module', package.path))"
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
