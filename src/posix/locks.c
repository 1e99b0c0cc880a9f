/* A lock among all that write to one workspace from this machine, and the checksum of what is noted of that. */
#include "crc.h"
#include "lock.h"

#include "posix.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOCK_MT "awork.lock"

/* Bytes of what a holder may say of itself, and of that with the number of its process. */
enum { NOTE_MAX = 480, HOLDER_MAX = 512 };

/*
 * lock:close(): releases it; again: nothing. Also __gc and __close: it takes no memory, for a collector that can't
 * release a lock does not try again. Its upvalue is the metatable.
 */
static int lock_close(lua_State *L)
{
    struct aw_lock *lock = awl_check_kind(L, 1, 1, LOCK_MT);
    lua_getiuservalue(L, 1, 1);
    aw_lock_release(lock, lua_tostring(L, -1));
    return 0;
}

/*
 * posix.lock_file(path, note) -> lock; or nil, message; or nil, message, note of the one that holds it
 * The lock is held until it is closed, is collected, or the process ends. What others read is "process N " and the note.
 */
static int lock_file(lua_State *L)
{
    size_t n;
    luaL_checktype(L, 1, LUA_TSTRING);
    const char *path = lua_tolstring(L, 1, &n);
    luaL_argcheck(L, n > 0 && strlen(path) == n, 1, "no path: empty, or with a zero byte");
    luaL_checktype(L, 2, LUA_TSTRING);
    const char *note = lua_tolstring(L, 2, &n);
    luaL_argcheck(L, n < NOTE_MAX && strlen(note) == n, 2, "less than 480 bytes, no zero among them");
    struct aw_lock *lock = lua_newuserdatauv(L, sizeof *lock, 1);
    aw_lock_init(lock);
    luaL_setmetatable(L, LOCK_MT);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    char holder[HOLDER_MAX], us[HOLDER_MAX];
    int prefix = snprintf(us, sizeof us, "process %ld ", (long)getpid());
    snprintf(us + prefix, sizeof us - (size_t)prefix, "%s", note);
    int err = aw_lock_take(lock, path, us, holder, sizeof holder);
    if (err == AW_LOCK_HELD && strncmp(holder, us, (size_t)prefix) == 0) {
        /* Ours, perhaps of an apply that had no memory left even to close it. */
        lua_gc(L, LUA_GCCOLLECT);
        err = aw_lock_take(lock, path, us, holder, sizeof holder);
    }
    if (!err)
        return 1;
    lua_pushnil(L);
    if (err == AW_LOCK_HELD) {
        lua_pushfstring(L, "%s: it is held", path);
        lua_pushstring(L, holder);
        return 3;
    }
    lua_pushfstring(L, "%s: %s", path, strerror(err));
    return 2;
}

/* posix.home() -> the home directory of this process's user, as the system knows it, or nil, message */
static int home(lua_State *L)
{
    char path[PATH_MAX];
    int err = aw_home_directory(path, sizeof path);
    if (!err) {
        lua_pushstring(L, path);
        return 1;
    }
    lua_pushnil(L);
    lua_pushstring(L, strerror(err));
    return 2;
}

/* core.crc32(text) -> integer: its CRC-32. */
static int crc32(lua_State *L)
{
    size_t n;
    luaL_checktype(L, 1, LUA_TSTRING);
    const char *text = lua_tolstring(L, 1, &n);
    lua_pushinteger(L, (lua_Integer)aw_crc32(0, text, n));
    return 1;
}

void awp_open_locks(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"lock_file", lock_file},
        {"home", home},
        {"crc32", crc32},
        {NULL, NULL},
    };
    luaL_newmetatable(L, LOCK_MT);
    lua_pushvalue(L, -1);
    lua_pushcclosure(L, lock_close, 1);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "__gc");
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "__close");
    lua_createtable(L, 0, 1);
    lua_insert(L, -2);
    lua_setfield(L, -2, "close");
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
    luaL_setfuncs(L, functions, 0);
}
