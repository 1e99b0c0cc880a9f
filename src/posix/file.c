#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int aw_file_append(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size > SSIZE_MAX ? SSIZE_MAX : size);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return errno;
        }
        data += n;
        size -= (size_t)n;
    }
    return 0;
}

int aw_file_sync(int fd)
{
    while (fsync(fd) < 0) {
        if (errno == EINVAL || errno == EROFS || errno == ENOTSUP)
            return 0; /* a pipe or a special file: there is no disk to wait for */
        if (errno != EINTR)
            return errno;
    }
    return 0;
}

int aw_file_close(int fd)
{
    /* Not again after EINTR: on Linux the descriptor is closed then, and may be another thread's by now. */
    return close(fd) < 0 && errno != EINTR ? errno : 0;
}

int aw_file_sync_directory_of(const char *path)
{
    char *dir = strdup(path);
    if (!dir)
        return ENOMEM;
    char *slash = strrchr(dir, '/');
    if (slash == dir)
        slash[1] = '\0';
    else if (slash)
        *slash = '\0';
    int fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int err = fd < 0 ? errno : aw_file_sync(fd);
    if (fd >= 0)
        (void)aw_file_close(fd);
    free(dir);
    return err == EACCES ? 0 : err; /* writable but not readable: nothing more can be done */
}

int aw_file_create(const char *path, int *fd)
{
    do
        *fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
    while (*fd < 0 && errno == EINTR);
    if (*fd < 0)
        return errno;
    int err = aw_file_sync_directory_of(path);
    if (err) {
        (void)unlink(path);
        (void)aw_file_close(*fd);
        *fd = -1;
    }
    return err;
}

static int read_private(int fd, char *data, size_t size, size_t *length, unsigned *mode)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return errno;
    *mode = (unsigned)st.st_mode & 07777U;
    if (S_ISDIR(st.st_mode))
        return EISDIR;
    if (st.st_uid != geteuid() && st.st_uid != 0)
        return AW_FILE_FOREIGN;
    if (*mode & 077U)
        return AW_FILE_EXPOSED;
    for (;;) {
        char beyond;
        bool full = *length == size;
        ssize_t n = read(fd, full ? &beyond : data + *length, full ? 1 : size - *length);
        if (n < 0 && errno != EINTR)
            return errno;
        if (n == 0)
            return 0;
        if (n > 0 && full)
            return EFBIG;
        if (n > 0)
            *length += (size_t)n;
    }
}

int aw_file_read_private(const char *path, char *data, size_t size, size_t *length, unsigned *mode)
{
    *length = 0;
    *mode = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int err = read_private(fd, data, size, length, mode);
    (void)aw_file_close(fd);
    return err;
}

int aw_file_make_dirs(const char *path)
{
    char *copy = strdup(path);
    if (!copy)
        return ENOMEM;
    int err = 0;
    for (char *p = copy; *p && !err; p++) {
        if (p[1] != '/' && p[1] != '\0')
            continue;
        char kept = p[1];
        p[1] = '\0';
        if (mkdir(copy, 0700) < 0 && errno != EEXIST)
            err = errno;
        p[1] = kept;
    }
    struct stat st;
    /* What is there may be no directory, or may not have let us look (EACCES) though it exists. */
    if (stat(copy, &st) < 0)
        err = err ? err : errno;
    else
        err = S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
    free(copy);
    return err;
}
