#include "lock.h"

#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes for what the system knows of a user. */
enum { USER_ENTRY = 16 * 1024 };

void aw_lock_init(struct aw_lock *lock)
{
    lock->fd = -1;
    lock->owner = 0;
}

/* What the holder wrote; nothing is lost when it can't be read. */
static void read_holder(int fd, char *holder, size_t size)
{
    ssize_t n = size > 0 ? pread(fd, holder, size - 1, 0) : -1;
    if (size > 0)
        holder[n > 0 ? n : 0] = '\0';
}

static int open_locked(const char *path, int *fd)
{
    int err;
    do
        *fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    while (*fd < 0 && errno == EINTR);
    if (*fd < 0)
        return errno;
    do
        err = flock(*fd, LOCK_EX | LOCK_NB) < 0 ? errno : 0;
    while (err == EINTR);
    return err;
}

/* Is the file that is open still the one of that name? Whoever held it before may have removed it meanwhile. */
static bool is_current(int fd, const char *path)
{
    struct stat ours, there;
    return fstat(fd, &ours) == 0 && lstat(path, &there) == 0 && ours.st_ino == there.st_ino &&
           ours.st_dev == there.st_dev;
}

int aw_lock_take(struct aw_lock *lock, const char *path, const char *note, char *holder, size_t size)
{
    int fd, err;
    while ((err = open_locked(path, &fd)) == 0 && !is_current(fd, path))
        (void)aw_file_close(fd);
    if (err) {
        if (fd >= 0 && err == EWOULDBLOCK) {
            read_holder(fd, holder, size);
            err = AW_LOCK_HELD;
        }
        if (fd >= 0)
            (void)aw_file_close(fd);
        return err;
    }
    /* For others to read. A full disk takes nothing from the lock. */
    if (ftruncate(fd, 0) == 0)
        (void)aw_file_append(fd, note, strlen(note));
    lock->fd = fd;
    lock->owner = getpid();
    return 0;
}

void aw_lock_release(struct aw_lock *lock, const char *path)
{
    int fd = lock->fd;
    lock->fd = -1;
    if (fd < 0)
        return;
    /* Said aloud, because a child made by fork meanwhile has the descriptor too. Such a child only closes its own. */
    if (lock->owner == getpid()) {
        (void)unlink(path); /* while it is held: nobody else's has that name */
        (void)flock(fd, LOCK_UN);
    }
    (void)aw_file_close(fd);
}

int aw_home_directory(char *path, size_t size)
{
    char *buffer = malloc(USER_ENTRY);
    if (!buffer)
        return ENOMEM;
    struct passwd entry, *found = NULL;
    int err = getpwuid_r(geteuid(), &entry, buffer, USER_ENTRY, &found);
    if (!err && (!found || !found->pw_dir || found->pw_dir[0] != '/'))
        err = ENOENT;
    if (!err && strlen(found->pw_dir) >= size)
        err = ERANGE;
    if (!err)
        memcpy(path, found->pw_dir, strlen(found->pw_dir) + 1);
    free(buffer);
    return err;
}
