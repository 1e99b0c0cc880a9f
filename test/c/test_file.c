/* Files that are on disk when the function returns: modes, what is refused, whole or not at all. */
#include "posix/file.h"
#include "posix/output.h"

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

static int replace(const char *path, const char *data)
{
    struct aw_output output;
    aw_output_init(&output);
    int err = aw_output_open(&output, path);
    if (!err)
        err = aw_output_write(&output, data, strlen(data));
    if (!err)
        err = aw_output_commit(&output);
    aw_output_close(&output);
    aw_output_close(&output);
    return err;
}

/* How many files of ours were left behind, in the root and one below it. */
static int left_behind(void)
{
    char command[160];
    snprintf(command, sizeof command, "exit $(ls -A %s %s/dir | grep -c '^\\.awork')", root, root);
    return system(command);
}

static bool is_link(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

static void test_replace(void)
{
    CHECK(aw_file_make_dirs(in_root("dir")) == 0);
    CHECK(replace(in_root("plan"), "old") == 0);
    CHECK(mode_of(in_root("plan")) == 0600);
    CHECK(chmod(in_root("plan"), 0640) == 0);
    CHECK(replace(in_root("plan"), "newer") == 0);
    CHECK_STR(content_of(in_root("plan")), "newer");
    CHECK(mode_of(in_root("plan")) == 0640);
    CHECK(replace(in_root("absent/plan"), "x") == ENOENT);
    CHECK(replace(in_root("plan/x"), "x") == ENOTDIR);
    CHECK(replace(in_root("dir"), "x") == EISDIR);
    CHECK(replace(in_root("dir/"), "x") == EISDIR);
    CHECK(replace("", "x") == ENOENT);

    struct aw_output output;
    aw_output_init(&output);
    CHECK(aw_output_open(&output, in_root("plan")) == 0);
    CHECK((fcntl(output.fd, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(aw_output_write(&output, "half", 4) == 0);
    CHECK(replace(in_root("plan"), "another's") == 0);
    CHECK(system("exit 0") == 0 && left_behind() != 0);
    aw_output_close(&output);
    CHECK_STR(content_of(in_root("plan")), "another's");
    CHECK(left_behind() == 0);
}

static void test_links(void)
{
    CHECK(symlink("../plan", in_root("dir/link")) == 0 && symlink("dir/link", in_root("chain")) == 0);
    CHECK(replace(in_root("chain"), "through links") == 0);
    CHECK(is_link(in_root("chain")) && is_link(in_root("dir/link")));
    CHECK_STR(content_of(in_root("plan")), "through links");
    CHECK(mode_of(in_root("plan")) == 0640);
    CHECK(symlink("dir/not yet", in_root("dangling")) == 0);
    CHECK(replace(in_root("dangling"), "new") == 0);
    CHECK_STR(content_of(in_root("dir/not yet")), "new");
    CHECK(is_link(in_root("dangling")));
    CHECK(symlink("loop", in_root("loop")) == 0 && replace(in_root("loop"), "x") == ELOOP);
    CHECK(symlink("dir", in_root("to-dir")) == 0 && replace(in_root("to-dir"), "x") == EISDIR);
    CHECK(left_behind() == 0);
    CHECK(aw_output_same(in_root("chain"), in_root("plan")) &&
          !aw_output_same(in_root("plan"), in_root("absent")));
    CHECK(!aw_output_same(in_root("plan"), in_root("dir/not yet")));
}

static void test_no_regular_file(void)
{
    struct stat st;
    CHECK(replace("/dev/null", "x") == 0);
    CHECK(stat("/dev/null", &st) == 0 && S_ISCHR(st.st_mode));
    if (access("/dev/full", W_OK) == 0)
        CHECK(replace("/dev/full", "x") == ENOSPC);
    CHECK(mkfifo(in_root("pipe"), 0600) == 0);
    int reader = open(in_root("pipe"), O_RDONLY | O_NONBLOCK);
    CHECK(replace(in_root("pipe"), "through a pipe") == 0);
    char text[32] = "";
    CHECK(read(reader, text, sizeof text - 1) == 14);
    CHECK_STR(text, "through a pipe");
    close(reader);
    CHECK(stat(in_root("pipe"), &st) == 0 && S_ISFIFO(st.st_mode));

    /* A descriptor of ours goes on where it is, also when it is a file's: the file is not replaced. */
    int fd = open(in_root("log"), O_WRONLY | O_CREAT, 0600);
    CHECK(write(fd, "one ", 4) == 4);
    char name[32];
    snprintf(name, sizeof name, "/dev/fd/%d", fd);
    CHECK(symlink(name, in_root("to-fd")) == 0);
    CHECK(replace(name, "two ") == 0 && replace(in_root("to-fd"), "three ") == 0);
    CHECK(write(fd, "four", 4) == 4 && close(fd) == 0);
    CHECK_STR(content_of(in_root("log")), "one two three four");
    CHECK(replace(name, "x") == EBADF);
    CHECK(left_behind() == 0);
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
    CHECK(replace(in_root("secret"), "12345678") == 0);
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
    test_links();
    test_no_regular_file();
    test_make_dirs();
    test_read_private();
    char command[64];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    if (system(command) != 0)
        return 1;
    return check_report();
}
