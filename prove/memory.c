/*
 * Every allocation fails: for each public call listed in memory.lua, the first, the second, and so on to the
 * last, once and from then on. Lua's allocator, libcurl's, and malloc itself for all else (our core, libc, TLS),
 * apart and together.
 *
 *     memory BUILD [SHARE [CASE]]      SHARE 1, the default: every one; 0.02: one in fifty; CASE: what begins so
 *
 * A call ends in a memory error or nil, err (memory.lua judges), works when it is made again with memory back, and
 * when its state is closed no byte, handle or descriptor is left.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dladdr */
#endif
#include "awork.h"

#include <curl/curl.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <lauxlib.h>
#include <link.h>
#include <lualib.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);
void __libc_free(void *p);

/* Processes that sweep side by side: what libcurl loses sight of is waited for until its deadline. */
enum { WORKERS = 8 };

/* ---- what fails ---- */

enum { LUA = 1, CURL_MEM = 2, SYSTEM = 4, SERVER = 8 };
enum { ONCE = 1, PAIR = 2, ON = 3 };

static _Thread_local bool main_thread;
/* Set by the main thread while no other one of ours allocates; read by the sandbox's as well. */
static atomic_uint armed;
static atomic_long seen, after;
static atomic_int how;
static atomic_bool fired;

/*
 * Where lua-cjson is. The sandbox alone uses it; it ends the process where it gets no memory, and loses its
 * buffers where Lua gets none.
 */
static uintptr_t cjson_from, cjson_to;

static bool of_cjson(const void *from)
{
    return (uintptr_t)from >= cjson_from && (uintptr_t)from < cjson_to;
}

static bool refused(unsigned source, void *from)
{
    if (of_cjson(from))
        return false;
    if (!(armed & source) || (source != SERVER) != main_thread)
        return false;
    long n = seen++ - after;
    bool fails = n >= 0 && (how == ON || n < how);
    if (fails) {
        fired = true;
        errno = ENOMEM;
    }
    return fails;
}

/* ---- what is left ---- */

enum { SLOTS = 1 << 18 };
struct block {
    void *p;
    size_t size;
    unsigned source;
    void *from;
};
static struct block blocks[SLOTS];
static size_t block_count;
static atomic_flag busy = ATOMIC_FLAG_INIT;
static bool tracking;

static size_t slot_of(const void *p)
{
    return (size_t)(((uintptr_t)p >> 4) * 0x9e3779b97f4a7c15u >> 46) % SLOTS;
}

static void track(void *p, size_t size, unsigned source, void *from)
{
    if (!p || !tracking || !main_thread || of_cjson(from))
        return;
    while (atomic_flag_test_and_set(&busy))
        ;
    if (block_count < SLOTS / 2) {
        size_t i = slot_of(p);
        while (blocks[i].p)
            i = (i + 1) % SLOTS;
        blocks[i] = (struct block){p, size, source, from};
        block_count++;
    }
    atomic_flag_clear(&busy);
}

static void untrack(const void *p)
{
    if (!p || block_count == 0)
        return;
    while (atomic_flag_test_and_set(&busy))
        ;
    size_t i = slot_of(p);
    while (blocks[i].p && blocks[i].p != p)
        i = (i + 1) % SLOTS;
    if (blocks[i].p) {
        block_count--;
        for (size_t j = i;;) {
            j = (j + 1) % SLOTS;
            if (!blocks[j].p)
                break;
            size_t home = slot_of(blocks[j].p);
            if ((j - home) % SLOTS >= (j - i) % SLOTS) {
                blocks[i] = blocks[j];
                i = j;
            }
        }
        blocks[i].p = NULL;
    }
    atomic_flag_clear(&busy);
}

/* ---- the three allocators ---- */

#define INSTEAD __attribute__((visibility("default"), noinline))
#define CALLER  __builtin_return_address(0)

static unsigned system_source(void)
{
    return main_thread ? SYSTEM : SERVER;
}

INSTEAD void *malloc(size_t size)
{
    void *p = refused(system_source(), CALLER) ? NULL : __libc_malloc(size);
    track(p, size, SYSTEM, CALLER);
    return p;
}

INSTEAD void *calloc(size_t count, size_t size)
{
    void *p = refused(system_source(), CALLER) ? NULL : __libc_calloc(count, size);
    track(p, count * size, SYSTEM, CALLER);
    return p;
}

static void *resize(void *old, size_t size, unsigned source, void *from)
{
    if (refused(source, from))
        return NULL;
    void *p = __libc_realloc(old, size);
    if (p || size == 0)
        untrack(old);
    track(p, size, source == SERVER ? SYSTEM : source, from);
    return p;
}

INSTEAD void *realloc(void *old, size_t size)
{
    return resize(old, size, system_source(), CALLER);
}

INSTEAD void free(void *p)
{
    untrack(p);
    __libc_free(p);
}

static unsigned curl_source(void)
{
    return main_thread ? CURL_MEM : SERVER;
}

static void *curl_malloc(size_t size)
{
    void *p = refused(curl_source(), NULL) ? NULL : __libc_malloc(size);
    track(p, size, CURL_MEM, CALLER);
    return p;
}

static void *curl_calloc(size_t count, size_t size)
{
    void *p = refused(curl_source(), NULL) ? NULL : __libc_calloc(count, size);
    track(p, count * size, CURL_MEM, CALLER);
    return p;
}

static void *curl_realloc(void *old, size_t size)
{
    return resize(old, size, curl_source(), CALLER);
}

static char *curl_strdup(const char *s)
{
    size_t size = strlen(s) + 1;
    char *p = curl_malloc(size);
    if (p)
        memcpy(p, s, size);
    return p;
}

static long lua_bytes;

/* Lua counts on a smaller block being had always. */
static void *lua_alloc(void *ud, void *old, size_t osize, size_t nsize)
{
    (void)ud;
    if (!old)
        osize = 0;
    if (nsize == 0) {
        __libc_free(old);
        lua_bytes -= (long)osize;
        return NULL;
    }
    if (nsize > osize && refused(LUA, NULL))
        return NULL;
    void *p = __libc_realloc(old, nsize);
    if (p)
        lua_bytes += (long)nsize - (long)osize;
    return p;
}

/* ---- what memory.lua calls ---- */

/* A call that does not end is a finding, too. */
enum { LONGEST = 120 /* seconds; a call has deadlines of 0.5 */ };

static void hangs(int number)
{
    static const char text[] = "memory: a call does not end\n";
    (void)number;
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    _exit(1);
}

/* attempt(fn, sources, how, n) -> whether it returned, whether one failed, how many there were, two results */
static int attempt(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    unsigned sources = (unsigned)luaL_checkinteger(L, 2);
    how = (int)luaL_checkinteger(L, 3);
    after = luaL_checkinteger(L, 4);
    lua_settop(L, 1);
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    lua_pushvalue(L, 1);
    seen = 0;
    fired = false;
    alarm(LONGEST);
    armed = sources;
    int status = lua_pcall(L, 0, 2, 0);
    armed = 0;
    alarm(0);
    if (status != LUA_OK)
        lua_pushnil(L);
    lua_pushboolean(L, status == LUA_OK);
    lua_pushboolean(L, fired);
    lua_pushinteger(L, seen);
    lua_rotate(L, 2, 3);
    return 5;
}

/* entries(directory) -> the names in it, sorted, as one text */
static int entries(lua_State *L)
{
    struct dirent **list;
    int count = scandir(luaL_checkstring(L, 1), &list, NULL, alphasort);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (int i = 0; i < count; i++) {
        if (list[i]->d_name[0] != '.') {
            luaL_addstring(&b, list[i]->d_name);
            luaL_addchar(&b, ' ');
        }
        free(list[i]);
    }
    if (count >= 0)
        free(list);
    luaL_pushresult(&b);
    return 1;
}

/* interrupt(): SIGINT, as by Ctrl-C */
static int interrupt(lua_State *L)
{
    (void)L;
    (void)raise(SIGINT);
    return 0;
}

static int descriptors(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n;
}

/* Called for each module: notes where the one is that has cjson's function. */
static int look_for_cjson(struct dl_phdr_info *info, size_t size, void *function)
{
    uintptr_t at = (uintptr_t)function;
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *h = &info->dlpi_phdr[i];
        uintptr_t from = info->dlpi_addr + h->p_vaddr;
        if (h->p_type == PT_LOAD && at >= from && at < from + h->p_memsz) {
            cjson_from = from;
            cjson_to = from + h->p_memsz;
            return 1;
        }
    }
    return 0;
}

static lua_CFunction cjson, posix, sandbox_core;
static char build[4096];

/* A C module's function, found as `require` finds it; loaded for as long as L lives. */
static lua_CFunction must_load(lua_State *L, const char *module, const char *function)
{
    lua_pushfstring(L,
                    "local path = assert(package.searchpath('%s', '%s/?.so;' .. package.cpath))\n"
                    "return assert(package.loadlib(path, '%s'))",
                    module, build, function);
    if (luaL_dostring(L, lua_tostring(L, -1))) {
        fprintf(stderr, "memory: %s\n", lua_tostring(L, -1));
        exit(1);
    }
    return lua_tocfunction(L, -1);
}

static void set_path(lua_State *L)
{
    luaL_openlibs(L);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(L, luaopen_awork_core);
    lua_setfield(L, -2, "awork.core");
    lua_pushcfunction(L, cjson);
    lua_setfield(L, -2, "cjson");
    lua_pushcfunction(L, posix);
    lua_setfield(L, -2, "awork.posix");
    lua_pushcfunction(L, sandbox_core);
    lua_setfield(L, -2, "awork.sandbox.core");
    lua_pop(L, 1);
    if (luaL_dostring(L, "package.path = 'lua/?.lua;lua/?/init.lua;prove/?.lua;' .. package.path")) {
        fprintf(stderr, "memory: %s\n", lua_tostring(L, -1));
        exit(1);
    }
    lua_getglobal(L, "package");
    lua_pushfstring(L, "%s/?.so;", build);
    lua_getfield(L, -2, "cpath");
    lua_concat(L, 2);
    lua_setfield(L, -2, "cpath");
    lua_pop(L, 1);
    lua_register(L, "attempt", attempt);
    lua_register(L, "entries", entries);
    lua_register(L, "interrupt", interrupt);
}

/* memory.lua's function `name` with one integer; its first two results as integers. */
static bool run(lua_State *L, const char *name, lua_Integer argument, const char *world, double share,
                lua_Integer *a, lua_Integer *b)
{
    lua_getglobal(L, "require");
    lua_pushstring(L, "memory");
    if (lua_pcall(L, 1, 1, 0) != LUA_OK)
        goto failed;
    lua_getfield(L, -1, name);
    lua_pushinteger(L, argument);
    lua_pushstring(L, world);
    lua_pushnumber(L, share);
    if (lua_pcall(L, 3, 2, 0) != LUA_OK)
        goto failed;
    *a = lua_tointeger(L, -2);
    *b = lua_tointeger(L, -1);
    lua_settop(L, 0);
    return true;
failed:
    fprintf(stderr, "memory: %s(%d): %s\n", name, (int)argument, luaL_tolstring(L, -1, NULL));
    return false;
}

/*
 * What others keep or lose: glibc the stacks of ended threads for the next ones, and with each what the linker
 * gave it; OpenSSL some bytes when a handshake runs out of memory.
 */
static bool of_others(const struct block *b, Dl_info *info)
{
    if (!dladdr(b->from, info))
        info->dli_fname = info->dli_sname = NULL;
    return info->dli_fname &&
           (strstr(info->dli_fname, "/ld-linux") || strstr(info->dli_fname, "/libcrypto."));
}

/* What is still there of a state that was closed; findings. */
static int left(const char *what, int fds_before)
{
    int findings = 0, fds = 0;
    for (int i = 0; i < 200 && (fds = descriptors()) != fds_before; i++)
        usleep(10000);
    if (fds != fds_before) {
        fprintf(stderr, "%s: %d descriptors left\n", what, fds - fds_before);
        findings++;
    }
    if (lua_bytes != 0) {
        fprintf(stderr, "%s: %ld bytes of Lua's left\n", what, lua_bytes);
        findings++;
    }
    int shown = 0;
    for (size_t i = 0; i < SLOTS && block_count > 0; i++) {
        Dl_info info;
        if (!blocks[i].p || of_others(&blocks[i], &info))
            continue;
        if (shown++ == 0)
            findings++;
        if (shown <= 6)
            fprintf(stderr, "%s: %zu bytes of %s left, from %s %s+%#lx\n", what, blocks[i].size,
                    blocks[i].source == CURL_MEM ? "libcurl's" : "malloc's",
                    info.dli_fname ? info.dli_fname : "?", info.dli_sname ? info.dli_sname : "?",
                    info.dli_fname ? (unsigned long)((char *)blocks[i].from - (char *)info.dli_fbase) : 0);
    }
    memset(blocks, 0, sizeof blocks);
    block_count = 0;
    lua_bytes = 0;
    return findings;
}

struct sweep {
    lua_Integer number, tried, found;
    const char *world;
    double share;
    bool failed;
};

/* In a thread of its own: what TLS keeps for each thread goes with it. */
static void *sweep_in_thread(void *arg)
{
    struct sweep *s = arg;
    main_thread = true;
    tracking = s->share > 0;
    lua_State *L = lua_newstate(lua_alloc, NULL);
    s->failed = !L;
    if (L) {
        set_path(L);
        s->failed = !run(L, "sweep", s->number, s->world, s->share, &s->tried, &s->found);
        lua_close(L);
    }
    tracking = false;
    return NULL;
}

/* One case in a state of its own. Returns findings; adds to `failures`. */
static int sweep(lua_Integer number, const char *name, const char *world, double share, lua_Integer *failures)
{
    struct sweep s = {.number = number, .world = world, .share = share};
    int fds = descriptors();
    pthread_t thread;
    if (pthread_create(&thread, NULL, sweep_in_thread, &s) != 0)
        return 1;
    pthread_join(thread, NULL);
    int findings = s.failed + (int)s.found;
    if (share > 0)
        findings += left(name, fds);
    lua_bytes = 0;
    *failures += s.tried;
    return findings;
}

/* A sandbox in a process of its own: its descriptors and bytes are not ours. Writes what memory.lua wants to know. */
static pid_t serve(int *stop, char *world, size_t size)
{
    int to[2], from[2];
    if (pipe(to) != 0 || pipe(from) != 0)
        exit(1);
    pid_t pid = fork();
    if (pid == 0) {
        close(to[1]);
        close(from[0]);
        lua_State *L = luaL_newstate();
        set_path(L);
        lua_Integer a, b;
        lua_pushinteger(L, from[1]);
        lua_setglobal(L, "told");
        if (!run(L, "serve", 0, "", 0, &a, &b))
            _exit(1);
        lua_getglobal(L, "served");
        const char *text = lua_tostring(L, -1);
        if (!text || write(from[1], text, strlen(text)) < 0)
            _exit(1);
        close(from[1]);
        char byte;
        while (read(to[0], &byte, 1) > 0)
            ;
        lua_close(L);
        _exit(0);
    }
    close(to[0]);
    close(from[1]);
    size_t n = 0;
    for (ssize_t got; n + 1 < size && (got = read(from[0], world + n, size - 1 - n)) > 0;)
        n += (size_t)got;
    world[n] = '\0';
    close(from[0]);
    *stop = to[1];
    return pid;
}

/* What the workers share: the case that is next, and the sums. */
struct sums {
    atomic_llong next, failures;
    atomic_int calls, findings;
    char at[WORKERS][64]; /* what each is at: for when it crashes */
};

/* Takes one case after another, from the last, until there is none left; in a process with a sandbox of its own. */
static int work(struct sums *sums, char *at, double share, const char *only)
{
    static char world[1 << 16];
    lua_State *modules = luaL_newstate();
    luaL_openlibs(modules);
    cjson = must_load(modules, "cjson", "luaopen_cjson");
    posix = must_load(modules, "awork.posix", "luaopen_awork_posix");
    sandbox_core = must_load(modules, "awork.sandbox.core", "luaopen_awork_sandbox_core");
    dl_iterate_phdr(look_for_cjson, (void *)(uintptr_t)cjson);
    (void)signal(SIGALRM, hangs);
    int stop;
    pid_t server = serve(&stop, world, sizeof world);
    if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, curl_malloc, free, curl_realloc, curl_strdup, curl_calloc))
        return 1;

    lua_State *L = luaL_newstate();
    set_path(L);
    lua_Integer cases = 0, unused;
    if (!run(L, "count", 0, world, 0, &cases, &unused))
        return 1;
    for (lua_Integer i; (i = cases - atomic_fetch_add(&sums->next, 1)) > 0;) {
        if (!run(L, "name", i, world, 0, &unused, &unused))
            return 1;
        lua_getglobal(L, "case_name");
        snprintf(at, sizeof sums->at[0], "%s", lua_tostring(L, -1));
        lua_settop(L, 0);
        if (only && strncmp(only, at, strlen(only)) != 0)
            continue;
        lua_Integer failures = 0;
        time_t start = time(NULL);
        int findings = sweep(i, at, world, 0, &unused); /* what is made once a process */
        findings += sweep(i, at, world, share, &failures);
        sums->calls++;
        sums->findings += findings;
        sums->failures += failures;
        fprintf(stderr, "%-40s %8lld failures tried, %4ld s\n", at, (long long)failures,
                (long)(time(NULL) - start));
    }
    lua_close(L);
    lua_close(modules);
    close(stop);
    int status = 1;
    waitpid(server, &status, 0);
    return status != 0;
}

int main(int argc, char **argv)
{
    (void)signal(SIGINT, SIG_DFL); /* a shell that starts us in the background has it ignored */
    double share = argc > 2 ? atof(argv[2]) : 1;
    const char *only = argc > 3 ? argv[3] : NULL;
    snprintf(build, sizeof build, "%s", argc > 1 ? argv[1] : "build");
    struct sums *sums = mmap(NULL, sizeof *sums, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (sums == MAP_FAILED)
        return 1;
    pid_t workers[WORKERS];
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = fork();
        if (workers[i] == 0)
            _exit(work(sums, sums->at[i], share, only));
    }
    for (int i = 0; i < WORKERS; i++) {
        int status = -1;
        if (workers[i] > 0)
            waitpid(workers[i], &status, 0);
        if (status != 0) {
            fprintf(stderr, "memory: a worker ended with status %d at: %s\n", status, sums->at[i]);
            sums->findings++;
        }
    }
    printf("prove: memory: %lld allocation failures tried in %d calls, %d findings\n", sums->failures,
           sums->calls, sums->findings);
    return sums->findings != 0;
}
