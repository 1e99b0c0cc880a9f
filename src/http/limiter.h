/*
 * The rate limiter. Time is a parameter (monotonic seconds), so that tests run it on a virtual clock.
 *
 * A request holds a slot of each window from its sending until its response has been there for the window's
 * length. Its arrival at the server lies between the two, so whatever span of that length the server counts
 * over, sliding or fixed and however aligned, all requests in it held their slots at its end: never more
 * than the limit.
 *
 * The limits are a workspace's and shared by all of its clients. What the others take is learned from the
 * response headers and left to them.
 */
#ifndef AW_LIMITER_H
#define AW_LIMITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(hidden)

enum { AW_SECOND, AW_MINUTE, AW_WINDOWS };
enum { AW_SPANS = 4 }; /* how long others are remembered, in window lengths */

/* What a request remembers of the moment it was sent. */
struct aw_ticket {
    uint64_t seq;
    int held[AW_WINDOWS]; /* slots held then, its own included */
    bool probe;           /* the one that tries whether a pause is over */
};

/* What a response's headers said; negative where absent. */
struct aw_told {
    int limit[AW_WINDOWS], remaining[AW_WINDOWS]; /* x-ratelimit-limit-*, x-ratelimit-remaining-* */
    int plain_limit, plain_remaining;             /* ratelimit-limit, -remaining: of either window */
    double reset;                                 /* ratelimit-reset, seconds */
    double retry_after;                           /* seconds */
};

struct aw_window {
    double length;    /* seconds */
    int limit;        /* ours, 0: none */
    int server_limit; /* what the server says, or the same */
    double *done;     /* ring of the times when responses came whose slots are still held */
    size_t cap, head, count;
    uint64_t released; /* slots given back, ever */
    bool known;        /* the newest response told what remains: */
    int remaining;
    double told_at, reset_at; /* reset_at 0: unknown */
    uint64_t told_seq, told_released;
    double span_start;     /* of the newest of these spans, each as long as the window */
    int foreign[AW_SPANS]; /* the most that others were certainly seen to hold, newest first */
};

struct aw_limiter {
    struct aw_window windows[AW_WINDOWS];
    bool fixed;     /* the caller chose the limits: a higher one is not adopted */
    double reserve; /* the share left to others */
    uint64_t sent;  /* requests, ever */
    int in_flight;
    double paused_until;
    uint64_t paused_seq; /* requests sent before the last refusal */
    int refusals;        /* 429s in a row, those that came together counted once */
    bool probing, probe_out;
    double due; /* beside others: when the next request is */
};

/* Limits of 0 are none. False when out of memory. */
bool aw_limiter_init(struct aw_limiter *l, int per_second, int per_minute, bool fixed, double reserve);
void aw_limiter_free(struct aw_limiter *l);

/* Seconds until a request may be sent: 0 now; INFINITY when that hangs on a response to come. */
double aw_limiter_wait(struct aw_limiter *l, double now);

/* A request is sent now; aw_limiter_wait has just said 0. */
struct aw_ticket aw_limiter_begin(struct aw_limiter *l, double now);

/* It ended, with a response or without. `sent` false gives slot and turn back at once: it never left. */
void aw_limiter_end(struct aw_limiter *l, const struct aw_ticket *ticket, bool sent, double now);

/* A response other than 429 came (after aw_limiter_end). */
void aw_limiter_told(struct aw_limiter *l, const struct aw_ticket *ticket, const struct aw_told *told,
                     double now);

/* A 429 came (after aw_limiter_end): pauses all requests; the seconds the pause lasts from now. */
double aw_limiter_refused(struct aw_limiter *l, const struct aw_ticket *ticket, const struct aw_told *told,
                          double now);

#pragma GCC visibility pop

#endif
