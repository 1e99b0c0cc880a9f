/*
 * A lock that one holder has at a time on this machine, whichever process or thread it is in: a file of its own, held
 * with flock. The kernel lets go of it when its holder dies; the file stays then, and the next one takes it over.
 */
#ifndef AW_LOCK_H
#define AW_LOCK_H

#include <stddef.h>
#include <sys/types.h>

#pragma GCC visibility push(hidden)

struct aw_lock {
    int fd;      /* -1: not held */
    pid_t owner; /* a child made by fork shares the lock, and must not release it */
};

/* What aw_lock_take says beside 0 and errnos: somebody else holds it. */
enum { AW_LOCK_HELD = -1 };

void aw_lock_init(struct aw_lock *lock);

/*
 * Takes the lock that is the file `path` (made with mode 0600), or says who has it: `note` is written into the file for
 * others to read, and what stands there is put into `holder` (zero-terminated, cut to `size`) when it is held.
 */
int aw_lock_take(struct aw_lock *lock, const char *path, const char *note, char *holder, size_t size);

/* Releases what was taken with that path, and removes the file; may be called again. */
void aw_lock_release(struct aw_lock *lock, const char *path);

/*
 * The home directory of the user that this process runs as, from the system's list of users: for when HOME is not set.
 * Zero-terminated, or an errno (ENOENT: none is known, ERANGE: longer than `size`).
 */
int aw_home_directory(char *path, size_t size);

#pragma GCC visibility pop

#endif
