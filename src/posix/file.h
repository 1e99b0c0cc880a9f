/*
 * Files that must be on disk before something else happens: an append-only journal, a secret.
 * All are readable by their owner alone (0600, directories 0700). POSIX. Each function returns 0 or an errno.
 */
#ifndef AW_FILE_H
#define AW_FILE_H

#include <stddef.h>

#pragma GCC visibility push(hidden)

/* Creates a file that must not exist yet (nor be a link), for appending, and makes its name durable. */
int aw_file_create(const char *path, int *fd);

/* Writes all of it. A failure may leave a part written. */
int aw_file_append(int fd, const char *data, size_t size);

/* Returns once what was written is on disk. */
int aw_file_sync(int fd);

/* Closes; the descriptor is gone even when this fails. */
int aw_file_close(int fd);

/* The name of a new file is durable once its directory is synced. */
int aw_file_sync_directory_of(const char *path);

/* What aw_file_read_private says beside errnos. */
enum { AW_FILE_EXPOSED = -1, AW_FILE_FOREIGN = -2 };

/*
 * Reads a secret: at most `size` bytes (EFBIG beyond that), *length of them. Refuses a file that its group or
 * others may read or write (AW_FILE_EXPOSED, its permissions in *mode), and one of another user than us and
 * root (AW_FILE_FOREIGN). The descriptor that is read is the one that was looked at.
 */
int aw_file_read_private(const char *path, char *data, size_t size, size_t *length, unsigned *mode);

/* Makes a directory, and those above it. One that exists is left as it is. */
int aw_file_make_dirs(const char *path);

#pragma GCC visibility pop

#endif
