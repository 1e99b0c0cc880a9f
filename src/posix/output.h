/*
 * A file that a person has named for results. What is a regular file, or is not there, is whole or as it was: written
 * beside, then renamed. What is none (a device, a pipe, a terminal, a descriptor of ours) is written into. POSIX.
 */
#ifndef AW_OUTPUT_H
#define AW_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#pragma GCC visibility push(hidden)

struct aw_output {
    int fd;       /* -1 when closed */
    char *target; /* what is replaced, links followed; NULL when it is written into */
    char *beside; /* the file that will be renamed to it; NULL when there is none */
    bool there;   /* the target exists: its owner and mode are kept */
    uid_t owner;
    gid_t group;
    mode_t mode;
};

/* What these functions say beside errnos. */
enum {
    AW_OUTPUT_NO_READER = -1, /* a named pipe that nobody opened for reading in a while */
    AW_OUTPUT_DIRECTORY = -2, /* the file could be written, but nothing beside it */
    AW_OUTPUT_MOUNTED = -3,   /* the file is a mount point, and can't be replaced */
};

/* How long a named pipe waits for its reader, in seconds. */
#define AW_OUTPUT_PATIENCE 10

/* Closed, and safe to close. */
void aw_output_init(struct aw_output *output);

/*
 * Opens. Links are followed, also to what is not there yet, but not one of a stranger in a directory that all may write
 * to (EACCES, as Linux has it for open). A new file is its owner's alone (0600). A file that may not be written is not
 * replaced (EACCES). Returns 0, an errno (EISDIR for a directory; EINTR when a signal was noted meanwhile), or one of
 * the above.
 */
int aw_output_open(struct aw_output *output, const char *path);

/* Writes all of it. EINTR when a signal was noted meanwhile: a part may have been written. */
int aw_output_write(struct aw_output *output, const char *data, size_t size);

/*
 * On disk, and in its place, with the owner, group and mode of what was there as far as they may be kept; then closed.
 * After a failure the target is as it was, and the output closed.
 */
int aw_output_commit(struct aw_output *output);

/* Closes; what was not committed is gone. May be called again. */
void aw_output_close(struct aw_output *output);

/* True if both names mean the same file that is there; "-" as the second is standard input. */
bool aw_output_same(const char *path, const char *other);

#pragma GCC visibility pop

#endif
