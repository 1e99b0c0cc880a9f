/*
 * Signals that ask a program to end, noted instead of ending it. For command lines: a process has but one set of
 * handlers, so nothing here happens unless asked for, and all of it is undone. POSIX.
 */
#ifndef AW_SIGNALS_H
#define AW_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

#pragma GCC visibility push(hidden)

enum { AW_SIGNALS_CAUGHT = 3 };

/* What was there before. */
struct aw_signals {
    bool held;
    struct sigaction before[AW_SIGNALS_CAUGHT];
    struct sigaction pipe;
};

/*
 * From now on the first SIGINT, SIGTERM or SIGHUP is noted, and interrupts what blocks; another one of the same does
 * what the system does by default. What was ignored stays so. SIGPIPE is ignored: a write then fails with EPIPE.
 * Returns 0 or an errno: EBUSY when another in this process holds them.
 */
int aw_signals_catch(struct aw_signals *signals);

/*
 * While there is nothing to save or to tell: the first signal ends the process at once, with a line on standard error
 * and the exit code 128 + its number. To be said by who holds the signals; false after aw_signals_catch.
 */
void aw_signals_leave(bool at_once);

/* The first signal noted, 0 if none was. */
int aw_signals_pending(void);

/* As it was before; may be called again. */
void aw_signals_restore(struct aw_signals *signals);

#pragma GCC visibility pop

#endif
