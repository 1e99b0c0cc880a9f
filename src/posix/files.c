/* Files that must be on disk before a request goes out: the undo journal; results, whole or not there; secrets. */
#include "file.h"
#include "output.h"

#include "posix.h"

#include <stdio.h>
#include <string.h>

#define JOURNAL_MT "awork.journal_file"
#define OUTPUT_MT  "awork.output_file"

struct journal {
    int fd; /* -1 when closed */
};

static const char *check_path(lua_State *L, int arg)
{
    size_t n;
    luaL_checktype(L, arg, LUA_TSTRING);
    const char *path = lua_tolstring(L, arg, &n);
    luaL_argcheck(L, n > 0 && strlen(path) == n, arg, "no path: empty, or with a zero byte");
    return path;
}

/* true, or nil and a message for an errno. */
static int answer(lua_State *L, int err, const char *path)
{
    if (!err) {
        lua_pushboolean(L, 1);
        return 1;
    }
    lua_pushnil(L);
    if (path)
        lua_pushfstring(L, "%s: %s", path, strerror(err));
    else
        lua_pushstring(L, strerror(err));
    return 2;
}

/*
 * posix.journal_open(path) -> journal, or nil, message
 * Creates a file that must not exist yet, mode 0600, for appending.
 */
static int journal_open(lua_State *L)
{
    const char *path = check_path(L, 1);
    struct journal *journal = lua_newuserdatauv(L, sizeof *journal, 0);
    journal->fd = -1;
    luaL_setmetatable(L, JOURNAL_MT);
    int err = aw_file_create(path, &journal->fd);
    return err ? answer(L, err, path) : 1;
}

static struct journal *check_journal(lua_State *L)
{
    struct journal *journal = luaL_checkudata(L, 1, JOURNAL_MT);
    luaL_argcheck(L, journal->fd >= 0, 1, "the journal is closed");
    return journal;
}

/* journal:write(text) -> true, or nil, message */
static int journal_write(lua_State *L)
{
    struct journal *journal = check_journal(L);
    size_t n;
    luaL_checktype(L, 2, LUA_TSTRING);
    const char *text = lua_tolstring(L, 2, &n);
    return answer(L, aw_file_append(journal->fd, text, n), NULL);
}

/* journal:sync() -> true, or nil, message: returns once all that was written is on disk. */
static int journal_sync(lua_State *L)
{
    return answer(L, aw_file_sync(check_journal(L)->fd), NULL);
}

/* journal:close() -> true, or nil, message; again: true. Also __gc and __close. */
static int journal_close(lua_State *L)
{
    struct journal *journal = luaL_checkudata(L, 1, JOURNAL_MT);
    int fd = journal->fd;
    journal->fd = -1;
    return answer(L, fd >= 0 ? aw_file_close(fd) : 0, NULL);
}

/* true, or nil and what is wrong with an output, in words that help. */
static int answer_output(lua_State *L, int err, const char *path)
{
    static const char *const texts[] = {
        [-AW_OUTPUT_NO_READER] = "nobody has opened this named pipe for reading",
        [-AW_OUTPUT_DIRECTORY] =
            "its directory can't be written to, and the new text is written beside it first: name "
            "a file elsewhere, or write to standard output",
        [-AW_OUTPUT_MOUNTED] =
            "it is a mount point, which can't be replaced: name a file elsewhere, or write to "
            "standard output",
    };
    if (err >= 0)
        return answer(L, err, path);
    lua_pushnil(L);
    lua_pushfstring(L, "%s: %s", path, texts[-err]);
    return 2;
}

/* The output's name, for messages, is its user value. */
static const char *output_name(lua_State *L)
{
    lua_getiuservalue(L, 1, 1);
    return lua_tostring(L, -1);
}

/*
 * posix.open_output(path) -> output, or nil, message
 * A file for results: a regular one is whole or as it was (see output.h), anything else is written into.
 */
static int open_output(lua_State *L)
{
    const char *path = check_path(L, 1);
    struct aw_output *output = lua_newuserdatauv(L, sizeof *output, 1);
    aw_output_init(output);
    luaL_setmetatable(L, OUTPUT_MT);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    int err = aw_output_open(output, path);
    return err ? answer_output(L, err, path) : 1;
}

static struct aw_output *check_output(lua_State *L)
{
    struct aw_output *output = luaL_checkudata(L, 1, OUTPUT_MT);
    luaL_argcheck(L, output->fd >= 0, 1, "the file is closed");
    return output;
}

/* output:write(text) -> true, or nil, message */
static int output_write(lua_State *L)
{
    struct aw_output *output = check_output(L);
    size_t n;
    luaL_checktype(L, 2, LUA_TSTRING);
    const char *text = lua_tolstring(L, 2, &n);
    return answer_output(L, aw_output_write(output, text, n), output_name(L));
}

/* output:commit() -> true, or nil, message: on disk and in its place; closed in any case. */
static int output_commit(lua_State *L)
{
    struct aw_output *output = check_output(L);
    return answer_output(L, aw_output_commit(output), output_name(L));
}

/* output:close(): without a commit nothing is left of it; may be called again. Also __gc and __close. */
static int output_close(lua_State *L)
{
    aw_output_close(luaL_checkudata(L, 1, OUTPUT_MT));
    return 0;
}

/*
 * posix.write_file(path, text) -> true, or nil, message
 * The file, mode 0600 if it is new, has its old content or the new one, never a part; on disk when this returns.
 */
static int write_file(lua_State *L)
{
    const char *path = check_path(L, 1);
    size_t n;
    luaL_checktype(L, 2, LUA_TSTRING);
    const char *text = lua_tolstring(L, 2, &n);
    struct aw_output output;
    aw_output_init(&output);
    int err = aw_output_open(&output, path);
    if (!err)
        err = aw_output_write(&output, text, n);
    if (!err)
        err = aw_output_commit(&output);
    aw_output_close(&output); /* nothing above can raise */
    return answer_output(L, err, path);
}

/* posix.same_file(path, other) -> boolean: do both name one file that is there? "-" as other: standard input. */
static int same_file(lua_State *L)
{
    lua_pushboolean(L, aw_output_same(check_path(L, 1), check_path(L, 2)));
    return 1;
}

/* posix.make_dirs(path) -> true, or nil, message: the directory, and those above it, mode 0700. */
static int make_dirs(lua_State *L)
{
    const char *path = check_path(L, 1);
    return answer(L, aw_file_make_dirs(path), path);
}

/*
 * posix.read_private(path) -> text, or nil, message
 * A secret of at most 16 KiB. Refused if its group or others may read or write it, or if it is another user's.
 */
static int read_private(lua_State *L)
{
    const char *path = check_path(L, 1);
    char data[16 * 1024];
    size_t length;
    unsigned mode;
    int err = aw_file_read_private(path, data, sizeof data, &length, &mode);
    if (err == AW_FILE_EXPOSED || err == AW_FILE_FOREIGN) {
        char octal[8];
        snprintf(octal, sizeof octal, "%04o", mode);
        lua_pushnil(L);
        if (err == AW_FILE_EXPOSED)
            lua_pushfstring(L, "%s: others than its owner may read or write it (mode %s): chmod 600 it", path,
                            octal);
        else
            lua_pushfstring(L, "%s: it belongs to another user", path);
        return 2;
    }
    if (err)
        return answer(L, err, path);
    lua_pushlstring(L, data, length);
    return 1;
}

void awp_open_files(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"write", journal_write},
        {"sync", journal_sync},
        {"close", journal_close},
        {NULL, NULL},
    };
    static const luaL_Reg meta[] = {
        {"__gc", journal_close},
        {"__close", journal_close},
        {NULL, NULL},
    };
    static const luaL_Reg output_methods[] = {
        {"write", output_write},
        {"commit", output_commit},
        {"close", output_close},
        {NULL, NULL},
    };
    static const luaL_Reg output_meta[] = {
        {"__gc", output_close},
        {"__close", output_close},
        {NULL, NULL},
    };
    static const luaL_Reg functions[] = {
        {"journal_open", journal_open},
        {"open_output", open_output},
        {"write_file", write_file},
        {"same_file", same_file},
        {"make_dirs", make_dirs},
        {"read_private", read_private},
        {NULL, NULL},
    };
    luaL_newmetatable(L, JOURNAL_MT);
    luaL_setfuncs(L, meta, 0);
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
    luaL_newmetatable(L, OUTPUT_MT);
    luaL_setfuncs(L, output_meta, 0);
    luaL_newlib(L, output_methods);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
    luaL_setfuncs(L, functions, 0);
}
