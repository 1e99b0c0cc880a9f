/*
 * The engine from inside, for the files that make it up:
 *
 *   engine.c    its making and end, and the public face
 *   registry.c  transfers: their memory, ids, lists
 *   attempt.c   one attempt's beginning and end, and what follows from it
 *   step.c      a step: libcurl, timers, the queue
 */
#ifndef AW_PRIVATE_H
#define AW_PRIVATE_H

#include "events.h"
#include "limiter.h"
#include "origin.h"
#include "retry.h"
#include "sockets.h"
#include "transfer.h"

#pragma GCC visibility push(hidden)

enum { AW_ENGINE_STRINGS = 10 };

struct aw_list {
    struct aw_transfer *first, *last;
    size_t count;
};

struct aw_place {
    struct aw_transfer *transfer;
    int64_t uses;
    size_t next_free; /* place + 1; 0: none */
};

struct aw_engine {
    struct aw_options options;
    char *strings[AW_ENGINE_STRINGS]; /* the options' own copies */
    size_t string_count;
    struct aw_origin origin;
    CURLM *multi;
    double now;
    double curl_due; /* on the real clock: libcurl knows no other. Negative: none */
    double begun;    /* when this step began, on the real clock */
    bool more;       /* the last step left something that is ready */

    struct aw_place *places;
    size_t place_count, place_cap, free_place;
    struct aw_list queue, active, idle, done; /* idle: in a backoff or asleep */
    struct aw_list spare;                     /* finished ones, their memory for the next */
    struct aw_heap timers;

    struct aw_sockets sockets;
    struct aw_turns turns;
    struct aw_handle_setup setup;
    struct aw_request_setup requests;
    uint64_t generation; /* of the token, the last one given */
    struct aw_handle *handles, *free_handles;

    struct aw_limiter limiter;
    struct aw_quota quota;
    bool blocked; /* the queue waits for the rate limit */
    double blocked_since, blocked_total;
    double unblock_at; /* when to look again; INFINITY: after a response */
    uint64_t random;
    double fed; /* negative: nothing fed */

    struct aw_stats stats;
    struct aw_events events;
};

/* ---- engine.c ---- */

/* The epoch's seconds. */
double aw_epoch(void);

/* The time now; never before what it was: a clock that runs backwards, or gives no number, stands still. */
double aw_later(const aw_engine *e, double now);

/* A new multi handle in e->multi; false when out of memory, then there is none. */
bool aw_multi_new(aw_engine *e);

/* ---- registry.c ---- */

void aw_list_append(struct aw_list *l, struct aw_transfer *t);
void aw_list_prepend(struct aw_list *l, struct aw_transfer *t);
void aw_list_remove(struct aw_list *l, struct aw_transfer *t);

/* The list that transfers of this state are in. */
struct aw_list *aw_list_of(aw_engine *e, const struct aw_transfer *t);

/* Changes the state, and moves t to the end of that state's list. */
void aw_transfer_move(aw_engine *e, struct aw_transfer *t, enum aw_state state);

/* A blank transfer, in no list and without an id, with room for its place and timer; or NULL. */
struct aw_transfer *aw_transfer_take(aw_engine *e);

/* Gives it an id, a state and that state's list. */
int64_t aw_transfer_enter(aw_engine *e, struct aw_transfer *t, enum aw_state state, double now);

/* Takes back a blank one that was not entered. */
void aw_transfer_give(aw_engine *e, struct aw_transfer *t);

/* Forgets an entered one wherever it is; it must not be with libcurl. */
void aw_transfer_forget(aw_engine *e, struct aw_transfer *t);

struct aw_transfer *aw_transfer_find(const aw_engine *e, int64_t id);
void aw_list_free(struct aw_list *l);

/* ---- attempt.c ---- */

/* Gives a queued transfer to libcurl. */
void aw_attempt_start(aw_engine *e, struct aw_transfer *t);

/* The attempt ended with libcurl's word on it; CURLE_OPERATION_TIMEDOUT also when the engine ended it. */
void aw_attempt_end(aw_engine *e, struct aw_transfer *t, CURLcode code);

/* Takes it from libcurl, whatever it was doing. */
void aw_attempt_abandon(aw_engine *e, struct aw_transfer *t);

/* Puts it before those that wait for their first attempt: it is older. */
void aw_transfer_requeue(aw_engine *e, struct aw_transfer *t);

/* Its result is there. */
void aw_transfer_finish(aw_engine *e, struct aw_transfer *t);

/* The rate limit asks for `wait` more seconds, and that is too long. */
void aw_transfer_fail_rate(aw_engine *e, struct aw_transfer *t, double wait);

/* It can't be sent by start_by; `wait` as above. */
void aw_transfer_fail_late(aw_engine *e, struct aw_transfer *t, double wait);

/*
 * When what has just been read from a socket came, at the latest. `now` is the step's beginning, and the request may
 * have been counted by the server since then, if the system let us stop in between: a slot of the rate limit given
 * back that much too soon would be one too many.
 */
double aw_now_or_later(const aw_engine *e);

/* Seconds that it has waited for the rate limit so far. */
double aw_transfer_waited(const aw_engine *e, const struct aw_transfer *t);

#pragma GCC visibility pop

#endif
