/* Files that are on disk when the function returns: modes, what is refused, whole or not at all. */
#include "core/file.h"

#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[] = "/tmp/awork-file-XXXXXX";

static const char *in_root(const char *name)
{
    static char paths[4][128];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", root, name);
    return path;
}

static unsigned mode_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (unsigned)st.st_mode & 0777U : 0;
}

static const char *content_of(const char *path)
{
    static char buffer[64];
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    size_t n = fread(buffer, 1, sizeof buffer - 1, f);
    buffer[n] = '\0';
    fclose(f);
    return buffer;
}

static void test_create(void)
{
    int fd = -1;
    CHECK(aw_file_create(in_root("journal"), &fd) == 0);
    CHECK(mode_of(in_root("journal")) == 0600);
    CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(aw_file_append(fd, "one\n", 4) == 0);
    CHECK(aw_file_append(fd, "", 0) == 0);
    CHECK(aw_file_append(fd, "two\n", 4) == 0);
    CHECK(aw_file_sync(fd) == 0);
    CHECK(aw_file_close(fd) == 0);
    CHECK_STR(content_of(in_root("journal")), "one\ntwo\n");

    int other = -1;
    CHECK(aw_file_create(in_root("journal"), &other) == EEXIST);
    /* A descriptor for the file and none for its directory, which can't be synced then: no file is left. */
    struct rlimit before = {0, 0}, few;
    int next = dup(0);
    CHECK(next >= 0 && getrlimit(RLIMIT_NOFILE, &before) == 0);
    close(next);
    few = before;
    few.rlim_cur = (rlim_t)next + 1;
    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
    CHECK(aw_file_create(in_root("half"), &other) == EMFILE);
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(access(in_root("half"), F_OK) != 0);
    CHECK(other == -1);
    CHECK(symlink("nowhere", in_root("link")) == 0);
    CHECK(aw_file_create(in_root("link"), &other) == EEXIST);
    CHECK(aw_file_create(in_root("absent/journal"), &other) == ENOENT);
    CHECK(aw_file_append(-1, "x", 1) == EBADF);
    CHECK(aw_file_sync(-1) == EBADF);
    CHECK(aw_file_close(-1) == EBADF);

    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (full >= 0) {
        CHECK(aw_file_append(full, "x", 1) == ENOSPC);
        CHECK(aw_file_sync(full) == 0);
        CHECK(aw_file_close(full) == 0);
    }
}

static void test_replace(void)
{
    CHECK(aw_file_replace(in_root("plan"), "old", 3) == 0);
    CHECK(mode_of(in_root("plan")) == 0600);
    CHECK(aw_file_replace(in_root("plan"), "newer", 5) == 0);
    CHECK_STR(content_of(in_root("plan")), "newer");
    CHECK(aw_file_replace(in_root("absent/plan"), "x", 1) == ENOENT);
    /* The target is a directory: the file beside it is gone again. */
    CHECK(aw_file_make_dirs(in_root("dir")) == 0);
    CHECK(aw_file_replace(in_root("dir"), "x", 1) != 0);
    char command[160];
    snprintf(command, sizeof command, "ls %s | grep -c '^dir\\.' >/dev/null", root);
    CHECK(system(command) != 0);
}

static void test_make_dirs(void)
{
    CHECK(aw_file_make_dirs(in_root("a//b/c/")) == 0);
    CHECK(mode_of(in_root("a/b/c")) == 0700);
    CHECK(aw_file_make_dirs(in_root("a/b/c")) == 0);
    CHECK(aw_file_make_dirs("/") == 0);
    CHECK(aw_file_make_dirs(in_root("plan")) == ENOTDIR);
    CHECK(aw_file_make_dirs(in_root("plan/below")) == ENOTDIR);
}

static void test_read_private(void)
{
    char data[8];
    size_t n;
    unsigned mode;
    CHECK(aw_file_replace(in_root("secret"), "12345678", 8) == 0);
    CHECK(aw_file_read_private(in_root("secret"), data, sizeof data, &n, &mode) == 0);
    CHECK(n == 8 && memcmp(data, "12345678", 8) == 0 && mode == 0600);
    CHECK(aw_file_read_private(in_root("secret"), data, 7, &n, &mode) == EFBIG);
    static const unsigned exposed[] = {0640, 0604, 0620, 0602, 0610, 0601};
    for (size_t i = 0; i < sizeof exposed / sizeof *exposed; i++) {
        CHECK(chmod(in_root("secret"), exposed[i]) == 0);
        CHECK(aw_file_read_private(in_root("secret"), data, sizeof data, &n, &mode) == AW_FILE_EXPOSED);
        CHECK(mode == exposed[i] && n == 0);
    }
    CHECK(chmod(in_root("secret"), 0400) == 0);
    CHECK(aw_file_read_private(in_root("secret"), data, sizeof data, &n, &mode) == 0);
    /* Given away: only root can do that, and nobody is asked to be. */
    if (geteuid() == 0) {
        CHECK(chown(in_root("secret"), 12345, (gid_t)-1) == 0);
        CHECK(aw_file_read_private(in_root("secret"), data, sizeof data, &n, &mode) == AW_FILE_FOREIGN);
    }
    CHECK(unlink(in_root("secret")) == 0);
    CHECK(aw_file_read_private(in_root("secret"), data, sizeof data, &n, &mode) == ENOENT);
    CHECK(aw_file_read_private(root, data, sizeof data, &n, &mode) == EISDIR);
}

int main(void)
{
    if (!mkdtemp(root)) {
        perror("mkdtemp");
        return 1;
    }
    test_create();
    test_replace();
    test_make_dirs();
    test_read_private();
    char command[64];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    if (system(command) != 0)
        return 1;
    return check_report();
}
