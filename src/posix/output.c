#include "output.h"

#include "file.h"
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LINKS = 40, NAMES = 100 };

void aw_output_init(struct aw_output *output)
{
    memset(output, 0, sizeof *output);
    output->fd = -1;
}

void aw_output_close(struct aw_output *output)
{
    if (output->beside)
        (void)unlink(output->beside);
    if (output->fd >= 0)
        (void)aw_file_close(output->fd);
    free(output->beside);
    free(output->target);
    aw_output_init(output);
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The directory of a path with a name put into it; NULL without memory. A name that is a path of its own stays. */
static char *in_directory_of(const char *path, const char *name)
{
    size_t head = name[0] == '/' ? 0 : (size_t)(name_of(path) - path), tail = strlen(name);
    char *joined = malloc(head + tail + 1);
    if (!joined)
        return NULL;
    memcpy(joined, path, head);
    memcpy(joined + head, name, tail + 1);
    return joined;
}

/* The number N of /proc/self/fd/N, /dev/fd/N or what leads there, negative for any other path. */
static int own_descriptor(const char *path)
{
    const char *name = name_of(path);
    char *end;
    if (name[0] < '0' || name[0] > '9')
        return -1;
    long number = strtol(name, &end, 10);
    if (*end || number > INT_MAX)
        return -1;
    char *dot = in_directory_of(path, "."), *dir = dot ? realpath(dot, NULL) : NULL;
    char *self = realpath("/proc/self", NULL); /* with a namespace of its own, the number is not getpid()'s */
    size_t n = dir ? strlen(dir) : 0, m = self ? strlen(self) : 0;
    bool ours = n > 3 && !strcmp(dir + n - 3, "/fd") &&
                (!strcmp(dir, "/dev/fd") || (m > 0 && !strncmp(dir, self, m) && dir[m] == '/'));
    free(dot);
    free(dir);
    free(self);
    return ours ? (int)number : -1;
}

/* Linux does not let open() follow such a link (protected_symlinks), which protects no one who renames. */
static int check_link(const char *path, const struct stat *link)
{
    struct stat st;
    char *dir = in_directory_of(path, ".");
    if (!dir)
        return ENOMEM;
    int err = stat(dir, &st) < 0 ? errno : 0;
    free(dir);
    if (!err && (st.st_mode & S_ISVTX) && (st.st_mode & S_IWOTH) && link->st_uid != geteuid() &&
        link->st_uid != st.st_uid)
        err = EACCES;
    return err;
}

/* *path is ours: replaced by what the link says. */
static int follow(char **path, const struct stat *link)
{
    char text[PATH_MAX];
    int err = check_link(*path, link);
    if (err)
        return err;
    ssize_t n = readlink(*path, text, sizeof text);
    if (n < 0)
        return errno;
    if ((size_t)n == sizeof text)
        return ENAMETOOLONG;
    text[n] = '\0';
    char *next = in_directory_of(*path, text);
    if (!next)
        return ENOMEM;
    free(*path);
    *path = next;
    return 0;
}

/*
 * Follows links to the last name, in *path, which is ours. *fd: a duplicate of our own descriptor where it leads to one.
 * ENOENT is no failure: *st says S_IFREG of what is not there yet, with st_nlink 0.
 */
static int resolve(char **path, int *fd, struct stat *st)
{
    for (int links = 0; links <= LINKS; links++) {
        int number = own_descriptor(*path);
        if (number >= 0) {
            *fd = fcntl(number, F_DUPFD_CLOEXEC, 3);
            return *fd < 0 ? errno : 0;
        }
        if (!*name_of(*path))
            return (*path)[0] ? EISDIR : ENOENT;
        if (lstat(*path, st) < 0) {
            if (errno != ENOENT)
                return errno;
            memset(st, 0, sizeof *st);
            st->st_mode = S_IFREG;
            return 0;
        }
        if (!S_ISLNK(st->st_mode))
            return S_ISDIR(st->st_mode) ? EISDIR : 0;
        int err = follow(path, st);
        if (err)
            return err;
    }
    return ELOOP;
}

/* A named pipe opens once somebody reads it: not to wait for ever, it is asked again and again. */
static int open_pipe(const char *path, int *fd)
{
    const struct timespec tick = {.tv_nsec = 50 * 1000 * 1000};
    for (int left = AW_OUTPUT_PATIENCE * 20; left >= 0; left--) {
        *fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        if (*fd >= 0) {
            int flags = fcntl(*fd, F_GETFL);
            return flags < 0 || fcntl(*fd, F_SETFL, flags & ~O_NONBLOCK) < 0 ? errno : 0;
        }
        if (errno != ENXIO && errno != EINTR)
            return errno;
        (void)nanosleep(&tick, NULL);
        if (aw_signals_pending())
            return EINTR;
    }
    return AW_OUTPUT_NO_READER;
}

static int open_special(const char *path, const struct stat *st, int *fd)
{
    if (S_ISFIFO(st->st_mode))
        return open_pipe(path, fd);
    *fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
    return *fd < 0 ? errno : 0;
}

/* A new file of a name that nobody has, in the target's directory. Its name says nothing, so that it fits always. */
static int open_beside(struct aw_output *output)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
    char name[] = ".awork-xxxxxxxxxxxx";
    for (int i = 0; i < NAMES; i++) {
        uint64_t random;
        if (getrandom(&random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random) {
            struct timespec now;
            (void)clock_gettime(CLOCK_REALTIME, &now);
            random = (uint64_t)now.tv_nsec * 0x9E3779B97F4A7C15U ^ (uint64_t)getpid() << 40 ^
                     (uint64_t)(uintptr_t)output;
        }
        for (char *p = strchr(name, '-') + 1; *p; p++, random >>= 5)
            *p = letters[random & 31];
        char *beside = in_directory_of(output->target, name);
        if (!beside)
            return ENOMEM;
        output->fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (output->fd >= 0) {
            output->beside = beside;
            return 0;
        }
        int err = errno;
        free(beside);
        if ((err == EACCES || err == EPERM || err == EROFS) && output->there)
            return AW_OUTPUT_DIRECTORY;
        if (err != EEXIST && err != EINTR)
            return err;
    }
    return EEXIST;
}

int aw_output_open(struct aw_output *output, const char *path)
{
    struct stat st;
    int fd = -1;
    char *target = strdup(path);
    if (!target)
        return ENOMEM;
    int err = resolve(&target, &fd, &st);
    if (!err && fd < 0 && !S_ISREG(st.st_mode))
        err = open_special(target, &st, &fd);
    if (err || fd >= 0) {
        free(target);
        output->fd = fd;
        if (err)
            aw_output_close(output);
        return err;
    }
    output->target = target;
    output->there = st.st_nlink > 0;
    output->owner = st.st_uid;
    output->group = st.st_gid;
    output->mode = st.st_mode & 07777;
    if (output->there && faccessat(AT_FDCWD, target, W_OK, AT_EACCESS) < 0)
        err = errno;
    if (!err)
        err = open_beside(output);
    if (err)
        aw_output_close(output);
    return err;
}

int aw_output_write(struct aw_output *output, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(output->fd, data, size > SSIZE_MAX ? SSIZE_MAX : size);
        if (n < 0 && (errno != EINTR || aw_signals_pending()))
            return errno;
        if (n > 0) {
            data += n;
            size -= (size_t)n;
        }
    }
    return 0;
}

/* What can't be kept gives no one more rights than they had. */
static int keep_rights(const struct aw_output *output)
{
    mode_t mode = output->mode;
    struct stat st;
    if (fstat(output->fd, &st) < 0)
        return errno;
    bool owner = st.st_uid == output->owner, group = st.st_gid == output->group;
    if (!(owner && group) && fchown(output->fd, output->owner, output->group) == 0)
        owner = group = true;
    if (!group && fchown(output->fd, (uid_t)-1, output->group) == 0)
        group = true;
    if (!owner || !group)
        mode &= (mode_t) ~(S_ISUID | S_ISGID);
    if (!group)
        mode &= (mode_t)~S_IRWXG;
    return fchmod(output->fd, mode) < 0 && errno != EPERM ? errno : 0;
}

int aw_output_commit(struct aw_output *output)
{
    int err = output->target && output->there ? keep_rights(output) : 0;
    if (!err)
        err = aw_file_sync(output->fd);
    int closed = aw_file_close(output->fd);
    output->fd = -1;
    err = err ? err : closed;
    if (!err && output->target) {
        if (rename(output->beside, output->target) < 0) {
            err = errno == EBUSY ? AW_OUTPUT_MOUNTED : errno;
        } else {
            free(output->beside);
            output->beside = NULL;
            err = aw_file_sync_directory_of(output->target);
        }
    }
    aw_output_close(output);
    return err;
}

bool aw_output_same(const char *path, const char *other)
{
    struct stat a, b;
    if (stat(path, &a) < 0 || (strcmp(other, "-") ? stat(other, &b) : fstat(STDIN_FILENO, &b)) < 0)
        return false;
    return S_ISREG(a.st_mode) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}
