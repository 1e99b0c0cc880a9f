/* What a command line needs of its terminal, and plain Lua does not have. Nothing happens by itself. */
#include "signals.h"

#include "posix.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SIGNALS_MT "awork.signals"

static int check_fd(lua_State *L)
{
    lua_Integer fd = luaL_checkinteger(L, 1);
    luaL_argcheck(L, fd >= 0 && fd < 1 << 20, 1, "no file descriptor");
    return (int)fd;
}

/*
 * posix.open_standard()
 * Opens standard input, output and error where they are closed, so that no file or connection gets their number; to
 * use them fails as before. For a program that is its own master, before all else.
 */
static int open_standard(lua_State *L)
{
    (void)L;
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 &&
            errno == EBADF) /* the lowest one free, therefore the one that open gives */
            (void)open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
    return 0;
}

/* posix.isatty(fd) -> boolean */
static int is_a_terminal(lua_State *L)
{
    lua_pushboolean(L, isatty(check_fd(L)) == 1);
    return 1;
}

/* posix.terminal_width(fd) -> columns, or nil if it is no terminal or does not say */
static int terminal_width(lua_State *L)
{
    struct winsize size;
    if (ioctl(check_fd(L), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        lua_pushinteger(L, size.ws_col);
    else
        lua_pushnil(L);
    return 1;
}

/*
 * posix.catch_signals() -> signals, or nil, message
 * The first SIGINT, SIGTERM or SIGHUP is noted from now on, and interrupts what blocks; a second one of the same
 * ends the process. SIGPIPE is ignored. Handlers are the process's, not a state's: only a program that is its own
 * master calls this, and only one holds them at a time.
 */
static int catch_signals(lua_State *L)
{
    struct aw_signals *signals = lua_newuserdatauv(L, sizeof *signals, 0);
    memset(signals, 0, sizeof *signals);
    luaL_setmetatable(L, SIGNALS_MT);
    int err = aw_signals_catch(signals);
    if (!err)
        return 1;
    lua_pushnil(L);
    lua_pushstring(L, strerror(err));
    return 2;
}

/* signals:pending() -> "INT", "TERM" or "HUP", whichever came first, or nil */
static int signals_pending(lua_State *L)
{
    struct aw_signals *signals = luaL_checkudata(L, 1, SIGNALS_MT);
    int number = signals->held ? aw_signals_pending() : 0;
    if (number)
        lua_pushstring(L, number == SIGINT ? "INT" : number == SIGTERM ? "TERM" : "HUP");
    else
        lua_pushnil(L);
    return 1;
}

/*
 * signals:leave(at_once): whether the first signal is noted (false), or ends the process at once with 128 + its number:
 * for as long as there is nothing to save
 */
static int signals_leave(lua_State *L)
{
    struct aw_signals *signals = luaL_checkudata(L, 1, SIGNALS_MT);
    luaL_checktype(L, 2, LUA_TBOOLEAN);
    if (signals->held)
        aw_signals_leave(lua_toboolean(L, 2));
    return 0;
}

/* signals:close(): as it was before; may be called again. Also __gc and __close. */
static int signals_close(lua_State *L)
{
    aw_signals_restore(luaL_checkudata(L, 1, SIGNALS_MT));
    return 0;
}

void awp_open_terminals(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"pending", signals_pending},
        {"leave", signals_leave},
        {"close", signals_close},
        {NULL, NULL},
    };
    static const luaL_Reg meta[] = {
        {"__gc", signals_close},
        {"__close", signals_close},
        {NULL, NULL},
    };
    static const luaL_Reg functions[] = {
        {"open_standard", open_standard},
        {"isatty", is_a_terminal},
        {"terminal_width", terminal_width},
        {"catch_signals", catch_signals},
        {NULL, NULL},
    };
    luaL_newmetatable(L, SIGNALS_MT);
    luaL_setfuncs(L, meta, 0);
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
    luaL_setfuncs(L, functions, 0);
}
