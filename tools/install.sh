#!/bin/sh
# install.sh install|uninstall DESTDIR PREFIX LUAVER BUILD: what `make install` and `make uninstall` do.
set -eu
action=$1 prefix=$3 luaver=$4 build=$5
root=$2$prefix

# put FILE DIRECTORY MODE [NAME]: one file, to be there or to be gone.
put() {
    target=$2/${4:-${1##*/}}
    if [ "$action" = install ]; then
        mkdir -p "$2"
        install -m "$3" "$1" "$target"
    else
        rm -f "$target"
    fi
}
# The files that match, if any does.
files() {
    for file in "$@"; do
        [ -f "$file" ] && echo "$file"
    done
    return 0
}

for file in $(cd lua && find awork -name '*.lua' | LC_ALL=C sort); do
    put "lua/$file" "$root/share/lua/$luaver/${file%/*}" 644
done
for file in awork/core.so awork/posix.so awork/sandbox/core.so; do
    [ "$action" = uninstall ] || [ -f "$build/$file" ] || continue
    put "$build/$file" "$root/lib/lua/$luaver/${file%/*}" 755
done
put src/awork.h "$root/include" 644
put "$build/libawork.a" "$root/lib" 644
if [ "$action" = install ]; then
    cat >"$build/awork.pc" <<PC
prefix=$prefix
Name: awork
Description: Create and validate awork.com contact infos: the C module of the Lua module awork, for C hosts
Version: $(sed -n 's/^#define AW_VERSION "\(.*\)"/\1/p' src/http/global.h)
Requires: lua$luaver libcurl
Cflags: -I\${prefix}/include
Libs: -L\${prefix}/lib -lawork -lm -pthread
PC
fi
put "$build/awork.pc" "$root/lib/pkgconfig" 644
# Run by the Lua that it is installed for.
for file in $(files bin/*); do
    [ "$action" = uninstall ] || sed "1s|lua5.4$|${LUA:-lua5.4}|" "$file" >"$build/${file##*/}"
    put "$build/${file##*/}" "$root/bin" 755
done
for file in $(files man/*.1); do put "$file" "$root/share/man/man1" 644; done
for file in $(files completions/*.bash); do
    put "$file" "$root/share/bash-completion/completions" 644 "$(basename "$file" .bash)"
done
for file in $(files completions/_*); do put "$file" "$root/share/zsh/site-functions" 644; done
for file in $(files completions/*.fish); do put "$file" "$root/share/fish/vendor_completions.d" 644; done
for file in $(files types/*.lua); do put "$file" "$root/share/awork/types" 644; done

if [ "$action" = uninstall ]; then
    for directory in "$root/share/lua/$luaver/awork" "$root/lib/lua/$luaver/awork" "$root/share/awork"; do
        [ ! -d "$directory" ] || find "$directory" -depth -type d -exec rmdir {} + 2>/dev/null || :
    done
fi
