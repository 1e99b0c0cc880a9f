/* Others' text as people may be shown it. */
#include "../contact/text.h"

#include "binding.h"

#include <stdio.h>

/* The escape of a character within a JSON text: one that is valid there, for the same character. */
static void json_escape(const char *s, size_t n, char escape[AW_ESCAPE_MAX])
{
    uint32_t cp;
    (void)aw_utf8_step(s, n, &cp);
    if (cp < 0x10000)
        snprintf(escape, AW_ESCAPE_MAX, "\\u%04X", (unsigned)cp);
    else
        snprintf(escape, AW_ESCAPE_MAX, "\\u%04X\\u%04X", (unsigned)(0xD800 + ((cp - 0x10000) >> 10)),
                 (unsigned)(0xDC00 + (cp & 0x3FF)));
}

/*
 * posix.visible(text [, style]) -> text
 * Others' text as it may be shown to people, on a terminal or anywhere: what would steer the terminal, or not be seen,
 * is written as "\n", "\x1B", "\u{202E}". The style "lines" leaves newlines and tabs; "json" newlines, and escapes as
 * JSON does: for a JSON text, which then says the same. The result is UTF-8 whatever the text was.
 */
static int visible(lua_State *L)
{
    static const char *const styles[] = {"line", "lines", "json", NULL};
    size_t n;
    const char *s = luaL_checklstring(L, 1, &n);
    int style = luaL_checkoption(L, 2, "line", styles);
    lua_settop(L, 1);
    if (aw_is_plain(s, n))
        return 1;
    luaL_Buffer out;
    luaL_buffinit(L, &out);
    for (size_t i = 0; i < n;) {
        char escape[AW_ESCAPE_MAX];
        size_t step = aw_escape(s + i, n - i, escape);
        bool kept = !escape[0] || (style > 0 && (s[i] == '\n' || (style == 1 && s[i] == '\t')));
        if (!kept && style == 2)
            json_escape(s + i, n - i, escape);
        if (kept)
            luaL_addlstring(&out, s + i, step);
        else
            luaL_addstring(&out, escape);
        i += step;
    }
    luaL_pushresult(&out);
    return 1;
}

void awl_open_visible(lua_State *L)
{
    lua_pushcfunction(L, visible);
    lua_setfield(L, -2, "visible");
}
