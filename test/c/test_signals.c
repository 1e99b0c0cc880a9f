/* Signals noted: the first of them, and all put back as it was. */
#include "posix/signals.h"

#include "check.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t ours;

static void handler(int number)
{
    ours = number;
}

static void test_noted(void)
{
    struct aw_signals signals = {0};
    CHECK(signal(SIGTERM, handler) != SIG_ERR);
    CHECK(signal(SIGHUP, SIG_IGN) != SIG_ERR);
    CHECK(aw_signals_catch(&signals) == 0);
    CHECK(aw_signals_pending() == 0);

    struct aw_signals other = {0};
    CHECK(aw_signals_catch(&other) == EBUSY);
    aw_signals_restore(&other); /* holds nothing, restores nothing */

    CHECK(raise(SIGHUP) == 0); /* was ignored, and stays so */
    CHECK(aw_signals_pending() == 0);
    CHECK(raise(SIGTERM) == 0);
    CHECK(aw_signals_pending() == SIGTERM && ours == 0);
    CHECK(raise(SIGINT) == 0);
    CHECK(aw_signals_pending() == SIGTERM);

    struct sigaction now;
    CHECK(sigaction(SIGINT, NULL, &now) == 0 && now.sa_handler == SIG_DFL); /* a second one ends us */

    int ends[2];
    CHECK(pipe(ends) == 0 && close(ends[0]) == 0);
    CHECK(write(ends[1], "x", 1) == -1 && errno == EPIPE);
    CHECK(close(ends[1]) == 0);

    aw_signals_restore(&signals);
    aw_signals_restore(&signals);
    CHECK(raise(SIGTERM) == 0);
    CHECK(ours == SIGTERM);
    CHECK(sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL);
    CHECK(sigaction(SIGHUP, NULL, &now) == 0 && now.sa_handler == SIG_IGN);

    CHECK(aw_signals_catch(&signals) == 0); /* again, from the beginning */
    CHECK(aw_signals_pending() == 0);
    aw_signals_restore(&signals);
}

/* What a child whose signals end it at once does with one. */
static int status_of(int number)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        struct aw_signals signals = {0};
        (void)close(STDERR_FILENO);
        (void)aw_signals_catch(&signals);
        aw_signals_leave(true);
        (void)raise(number);
        _exit(99);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_leave(void)
{
    CHECK(signal(SIGTERM, SIG_DFL) != SIG_ERR);
    CHECK(status_of(SIGINT) == 130);
    CHECK(status_of(SIGTERM) == 143);
    CHECK(status_of(SIGHUP) == 99); /* still ignored */

    struct aw_signals signals = {0};
    CHECK(aw_signals_catch(&signals) == 0);
    aw_signals_leave(true);
    aw_signals_leave(false);
    CHECK(raise(SIGINT) == 0 && aw_signals_pending() == SIGINT);
    aw_signals_leave(true);
    aw_signals_restore(&signals);
    CHECK(aw_signals_catch(&signals) == 0 && raise(SIGINT) == 0); /* not left over */
    aw_signals_restore(&signals);
}

int main(void)
{
    test_noted();
    test_leave();
    return check_report();
}
