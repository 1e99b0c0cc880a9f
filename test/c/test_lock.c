/* src/posix/lock.c and src/posix/crc.c. */
#include "../../src/posix/crc.h"
#include "../../src/posix/lock.h"
#include "check.h"
#include "guard.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/awork-lock-XXXXXX";
static char path[64];

/* "" if the lock can be had, else what its holder says. */
static const char *held_by(void)
{
    static char holder[32];
    struct aw_lock other;
    aw_lock_init(&other);
    int err = aw_lock_take(&other, path, "other", holder, sizeof holder);
    aw_lock_release(&other, path);
    return err == 0 ? "" : err == AW_LOCK_HELD ? holder : strerror(err);
}

static void one_holder(void)
{
    struct aw_lock lock;
    aw_lock_init(&lock);
    aw_lock_release(&lock, path); /* nothing is held */
    CHECK(aw_lock_take(&lock, path, "first", NULL, 0) == 0);
    CHECK(strcmp(held_by(), "first") == 0);
    CHECK(aw_lock_take(&(struct aw_lock){-1, 0}, path, "", NULL, 0) == AW_LOCK_HELD);
    aw_lock_release(&lock, path);
    CHECK(strcmp(held_by(), "") == 0);
    aw_lock_release(&lock, path);
    CHECK(aw_lock_take(&lock, dir, "", NULL, 0) == EISDIR);
    CHECK(aw_lock_take(&lock, "/tmp/awork-no-such-dir/lock", "", NULL, 0) == ENOENT);
    char link[sizeof path];
    snprintf(link, sizeof link, "%s/link", dir);
    CHECK(symlink("elsewhere", link) == 0);
    CHECK(aw_lock_take(&lock, link, "", NULL, 0) == ELOOP);
    CHECK(unlink(link) == 0);
}

/* Many take it and let go of it at once: never two at a time, though each removes the file. */
enum { RIVALS = 4, ROUNDS = 100 };

static void rivals(void)
{
    char inside[sizeof path];
    snprintf(inside, sizeof inside, "%s/inside", dir);
    pid_t pids[RIVALS];
    for (int i = 0; i < RIVALS; i++) {
        pids[i] = fork();
        if (pids[i] != 0)
            continue;
        int wrong = 0;
        for (int had = 0; had < ROUNDS;) {
            struct aw_lock lock;
            aw_lock_init(&lock);
            if (aw_lock_take(&lock, path, "rival", NULL, 0) != 0)
                continue;
            had++;
            wrong += mkdir(inside, 0700) < 0; /* it is there: somebody else is inside */
            wrong += rmdir(inside) < 0;
            aw_lock_release(&lock, path);
        }
        _exit(wrong > 0);
    }
    for (int i = 0; i < RIVALS; i++) {
        int status = -1;
        while (waitpid(pids[i], &status, 0) < 0 && errno == EINTR)
            ;
        CHECK(status == 0);
    }
}

static int status_of(pid_t pid)
{
    int status = -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

/* A child of fork has the descriptor too: it can neither release the lock nor keep it. */
static void forked(void)
{
    struct aw_lock lock;
    int gate[2];
    aw_lock_init(&lock);
    CHECK(pipe(gate) == 0);
    CHECK(aw_lock_take(&lock, path, "parent", NULL, 0) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct aw_lock copy = lock;
        aw_lock_release(&copy, path);
        _exit(0);
    }
    CHECK(status_of(pid) == 0);
    CHECK(strcmp(held_by(), "parent") == 0);
    pid = fork();
    if (pid == 0) {
        char c;
        (void)close(gate[1]);
        ssize_t n = read(gate[0], &c, 1); /* until the parent lets go */
        _exit(n != 0);
    }
    (void)close(gate[0]);
    aw_lock_release(&lock, path);
    CHECK(strcmp(held_by(), "") == 0);
    (void)close(gate[1]);
    CHECK(status_of(pid) == 0);
}

/* The kernel lets go for one that dies. */
static void died(void)
{
    int ready[2];
    char c;
    CHECK(pipe(ready) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct aw_lock lock;
        aw_lock_init(&lock);
        c = aw_lock_take(&lock, path, "child", NULL, 0) == 0 ? 'y' : 'n';
        ssize_t n = write(ready[1], &c, 1);
        (void)n;
        for (;;)
            (void)pause();
    }
    CHECK(read(ready[0], &c, 1) == 1 && c == 'y');
    CHECK(strcmp(held_by(), "child") == 0);
    CHECK(kill(pid, SIGKILL) == 0);
    (void)status_of(pid);
    CHECK(strcmp(held_by(), "") == 0);
    (void)close(ready[0]);
    (void)close(ready[1]);
}

/* The vectors that are printed everywhere, and the checksum of parts. */
static void crc(void)
{
    static const struct {
        const char *text;
        uint32_t crc;
    } vectors[] = {
        {"", 0x00000000},
        {"a", 0xE8B7BE43},
        {"abc", 0x352441C2},
        {"123456789", 0xCBF43926},
        {"The quick brown fox jumps over the lazy dog", 0x414FA339},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        size_t n = strlen(vectors[i].text);
        CHECK(aw_crc32(0, guarded(vectors[i].text, n), n) == vectors[i].crc);
        for (size_t cut = 0; cut <= n; cut++) {
            uint32_t head = aw_crc32(0, vectors[i].text, cut);
            CHECK(aw_crc32(head, vectors[i].text + cut, n - cut) == vectors[i].crc);
        }
    }
    unsigned char zeros[32] = {0};
    CHECK(aw_crc32(0, zeros, sizeof zeros) == 0x190A55AD);
}

static void home(void)
{
    char found[PATH_MAX];
    int err = aw_home_directory(found, sizeof found);
    CHECK(err == ENOENT || (err == 0 && found[0] == '/'));
    if (!err)
        CHECK(aw_home_directory(found, 1) == ERANGE);
}

int main(void)
{
    CHECK(mkdtemp(dir) != NULL);
    snprintf(path, sizeof path, "%s/lock", dir);
    one_holder();
    rivals();
    forked();
    died();
    crc();
    home();
    CHECK(access(path, F_OK) < 0); /* nothing is left of it */
    CHECK(rmdir(dir) == 0);
    return check_report();
}
