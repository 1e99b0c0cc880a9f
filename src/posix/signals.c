#include "signals.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

static const int caught[AW_SIGNALS_CAUGHT] = {SIGINT, SIGTERM, SIGHUP};

static atomic_flag taken = ATOMIC_FLAG_INIT;
static atomic_int pending; /* lock-free on every system with signals: a handler may write it */
static atomic_bool leaving;

/* Only what a handler may do: nothing is flushed, nothing is freed. */
static void leave(int number)
{
    const char *text = number == SIGINT    ? "awork-contacts: stopped by SIGINT\n"
                       : number == SIGTERM ? "awork-contacts: stopped by SIGTERM\n"
                                           : "awork-contacts: stopped by SIGHUP\n";
    ssize_t told = write(STDERR_FILENO, text, strlen(text));
    (void)told; /* nobody can be told if that fails */
    _exit(128 + number);
}

static void note(int number)
{
    int none = 0;
    if (atomic_load(&leaving))
        leave(number);
    atomic_compare_exchange_strong(&pending, &none, number);
}

int aw_signals_catch(struct aw_signals *signals)
{
    if (atomic_flag_test_and_set(&taken))
        return EBUSY;
    atomic_store(&pending, 0);
    atomic_store(&leaving, false);
    struct sigaction action;
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < AW_SIGNALS_CAUGHT; i++) {
        action.sa_handler = note;
        action.sa_flags = (int)SA_RESETHAND;
        (void)sigaction(caught[i], NULL, &signals->before[i]);
        if (signals->before[i].sa_handler != SIG_IGN)
            (void)sigaction(caught[i], &action, NULL);
    }
    action.sa_handler = SIG_IGN;
    action.sa_flags = 0;
    (void)sigaction(SIGPIPE, &action, &signals->pipe);
    signals->held = true;
    return 0;
}

void aw_signals_leave(bool at_once)
{
    atomic_store(&leaving, at_once);
}

int aw_signals_pending(void)
{
    return atomic_load(&pending);
}

void aw_signals_restore(struct aw_signals *signals)
{
    if (!signals->held)
        return;
    signals->held = false;
    for (int i = 0; i < AW_SIGNALS_CAUGHT; i++)
        (void)sigaction(caught[i], &signals->before[i], NULL);
    (void)sigaction(SIGPIPE, &signals->pipe, NULL);
    atomic_store(&pending, 0);
    atomic_flag_clear(&taken);
}
