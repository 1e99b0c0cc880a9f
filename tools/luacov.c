/*
 * Which lines of lua/awork run: luaopen_luacov watches a Lua state and all its coroutines. When the process
 * ends, the lines go to the directory that AWORK_COVERAGE names, for coverage.lua to read. In C, because a hook
 * in Lua makes every line some thirty times as slow; and a hook in C is passed on to new coroutines.
 */
#include <lauxlib.h>
#include <lua.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILES = 256, LINES = 4096, NAME = 128 };

static struct file {
    char name[NAME]; /* from lua/awork/ on */
    atomic_bool ran[LINES];
} files[FILES];
static atomic_int count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct file *find(const char *name)
{
    int n = atomic_load(&count);
    for (int i = 0; i < n; i++)
        if (strcmp(files[i].name, name) == 0)
            return &files[i];
    return NULL;
}

static struct file *find_or_add(const char *name)
{
    struct file *file = find(name);
    if (file != NULL || strlen(name) >= NAME)
        return file;
    pthread_mutex_lock(&lock);
    file = find(name);
    if (file == NULL && atomic_load(&count) < FILES) {
        file = &files[atomic_load(&count)];
        strcpy(file->name, name);
        atomic_fetch_add(&count, 1);
    }
    pthread_mutex_unlock(&lock);
    return file;
}

static void hook(lua_State *L, lua_Debug *ar)
{
    static _Thread_local struct file *last;
    const char *name;

    lua_getinfo(L, "S", ar);
    if (ar->source[0] != '@' || (name = strstr(ar->source, "lua/awork/")) == NULL)
        return;
    if (last == NULL || strcmp(last->name, name) != 0)
        last = find_or_add(name);
    if (last != NULL && ar->currentline >= 0 && ar->currentline < LINES)
        atomic_store_explicit(&last->ran[ar->currentline], 1, memory_order_relaxed);
}

/* Also when the last state that uses this is closed and it is unloaded; the file is added to. */
__attribute__((destructor)) static void write_out(void)
{
    const char *directory = getenv("AWORK_COVERAGE");
    char path[4096];
    FILE *out;

    if (directory == NULL || count == 0)
        return;
    snprintf(path, sizeof path, "%s/%ld", directory, (long)getpid());
    out = fopen(path, "a");
    if (out == NULL)
        return;
    for (int i = 0; i < count; i++)
        for (int line = 0; line < LINES; line++)
            if (files[i].ran[line])
                fprintf(out, "%s %d\n", files[i].name, line);
    fclose(out);
}

__attribute__((visibility("default"))) int luaopen_luacov(lua_State *L);

int luaopen_luacov(lua_State *L)
{
    lua_sethook(L, hook, LUA_MASKLINE, 0);
    lua_pushboolean(L, 1);
    return 1;
}
