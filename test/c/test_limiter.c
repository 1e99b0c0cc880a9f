/*
 * The rate limiter on a virtual clock, against a server model that knows nothing of it: it keeps the arrival
 * times of all requests and counts them over sliding windows, or over fixed ones of any alignment.
 */
#include "../../src/http/limiter.h"
#include "check.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

static uint64_t random_state = 20260801;

static double uniform(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (double)(random_state >> 11) / 9007199254740992.0;
}

/* ---- the server ---- */

enum { SERVER_RING = 1 << 13 };

struct server {
    bool sliding, tells; /* tells: sends the rate limit headers */
    int limit[2];
    double align; /* of the fixed windows */
    double arrivals[SERVER_RING];
    uint64_t count; /* of arrivals, ever */
    long fixed_index[2];
    int fixed_count[2];
    int most_sliding[2], most_fixed[2]; /* largest counts seen */
};

static const double lengths[2] = {1, 60};

static void server_init(struct server *s, bool sliding, bool tells, int second, int minute)
{
    *s = (struct server){
        .sliding = sliding, .tells = tells, .limit = {second, minute}, .align = uniform() * 60};
}

static int server_sliding(const struct server *s, int w, double now)
{
    int n = 0;
    for (uint64_t i = s->count; i > 0 && s->count - i < SERVER_RING; i--) {
        if (s->arrivals[(i - 1) % SERVER_RING] <= now - lengths[w])
            break;
        n++;
    }
    return n;
}

static void server_turn(struct server *s, double now)
{
    for (int w = 0; w < 2; w++) {
        long index = (long)floor((now + s->align) / lengths[w]);
        if (index != s->fixed_index[w]) {
            s->fixed_index[w] = index;
            s->fixed_count[w] = 0;
        }
    }
}

/* A request arrives; whether it is let in, and what the headers say. Refused ones are not counted. */
static bool server_take(struct server *s, double now, struct aw_told *told)
{
    server_turn(s, now);
    int used[2];
    for (int w = 0; w < 2; w++)
        used[w] = s->sliding ? server_sliding(s, w, now) : s->fixed_count[w];
    bool in = used[0] < s->limit[0] && used[1] < s->limit[1];
    if (in) {
        s->arrivals[s->count++ % SERVER_RING] = now;
        for (int w = 0; w < 2; w++) {
            s->fixed_count[w]++;
            used[w]++;
        }
    }
    *told = (struct aw_told){{-1, -1}, {-1, -1}, -1, -1, -1, -1};
    for (int w = 0; w < 2 && s->tells; w++) {
        told->limit[w] = s->limit[w];
        told->remaining[w] = s->limit[w] - used[w];
    }
    if (s->tells) { /* of the window that has less left */
        int w = told->remaining[1] < told->remaining[0];
        double oldest =
            used[w] > 0 ? s->arrivals[(s->count - (uint64_t)used[w]) % SERVER_RING] : now - lengths[w];
        told->plain_limit = s->limit[w];
        told->plain_remaining = told->remaining[w];
        told->reset =
            ceil(s->sliding ? oldest + lengths[w] - now : lengths[w] - fmod(now + s->align, lengths[w]));
    }
    return in;
}

/* Notes the largest counts, over windows of both kinds whichever it enforces. */
static void server_measure(struct server *s, double now)
{
    for (int w = 0; w < 2; w++) {
        int sliding = server_sliding(s, w, now);
        if (sliding > s->most_sliding[w])
            s->most_sliding[w] = sliding;
        if (s->fixed_count[w] > s->most_fixed[w])
            s->most_fixed[w] = s->fixed_count[w];
    }
}

/* ---- the world: limited clients, and others that obey nothing ---- */

enum { CONCURRENCY_MAX = 64, CLIENTS_MAX = 3, OTHERS_MAX = 2 };

struct flight {
    bool flying, arrived, refused;
    double arrives, returns;
    struct aw_ticket ticket;
    struct aw_told told;
};

struct client {
    struct aw_limiter limiter;
    struct flight flights[CONCURRENCY_MAX];
    long asked, done, refused, wanted;
    double finished;
    /* One that sends so many so often, without limits of its own: after a refusal it pauses, and makes up for it. */
    int at_once;
    double every, next;
};

struct other {
    double rate, next; /* requests a second, evenly with jitter */
    int minute_budget, minute_used;
    double minute_start;
    long done, refused;
};

struct world {
    struct server server;
    struct client clients[CLIENTS_MAX];
    struct other others[OTHERS_MAX];
    int client_count, other_count, concurrency;
    double rtt, tail; /* seconds: the least, and the mean of what comes on top */
    double now, last_progress;
};

static double round_trip(const struct world *w)
{
    return w->rtt - w->tail * log(1 - uniform());
}

/* Requests that are to be sent: what was refused again, but not by one that goes on by a schedule. */
static long to_send(const struct client *c)
{
    return c->wanted - c->asked + (c->at_once > 0 ? 0 : c->refused);
}

static void send_what_may(struct world *w, struct client *c)
{
    for (; c->at_once > 0 && c->next <= w->now; c->next += c->every)
        c->wanted += c->at_once;
    for (int i = 0; i < w->concurrency; i++) {
        struct flight *f = &c->flights[i];
        if (f->flying || to_send(c) <= 0)
            continue;
        if (aw_limiter_wait(&c->limiter, w->now) > 0)
            return;
        double trip = round_trip(w);
        *f = (struct flight){.flying = true, .ticket = aw_limiter_begin(&c->limiter, w->now)};
        f->arrives = w->now + trip * uniform();
        f->returns = w->now + trip;
        c->asked++;
    }
}

static void arrive(struct world *w, struct flight *f)
{
    f->arrived = true;
    f->refused = !server_take(&w->server, w->now, &f->told);
    server_measure(&w->server, w->now);
}

static void come_back(struct world *w, struct client *c, struct flight *f)
{
    f->flying = false;
    aw_limiter_end(&c->limiter, &f->ticket, true, w->now);
    if (f->refused) {
        c->refused++;
        aw_limiter_refused(&c->limiter, &f->ticket, &f->told, w->now);
    } else {
        c->done++;
        aw_limiter_told(&c->limiter, &f->ticket, &f->told, w->now);
    }
    w->last_progress = c->finished = w->now;
}

static void other_sends(struct world *w, struct other *o)
{
    struct aw_told told;
    if (w->now >= o->minute_start + 60) {
        o->minute_start = w->now;
        o->minute_used = 0;
    }
    if (o->minute_used < o->minute_budget) {
        o->minute_used++;
        if (server_take(&w->server, w->now, &told))
            o->done++;
        else
            o->refused++;
        server_measure(&w->server, w->now);
    }
    o->next = w->now + (0.5 + uniform()) / o->rate;
}

/* Goes on to what happens next; false when nothing ever will. */
static bool advance(struct world *w)
{
    double next = INFINITY;
    struct client *client = NULL;
    struct flight *flight = NULL;
    struct other *other = NULL;
    for (int k = 0; k < w->client_count; k++) {
        struct client *c = &w->clients[k];
        double wait = aw_limiter_wait(&c->limiter, w->now);
        if (wait > 0 && to_send(c) > 0 && w->now + wait < next) {
            next = w->now + wait;
            flight = NULL;
        }
        if (c->at_once > 0 && c->next < next) {
            next = c->next;
            flight = NULL;
        }
        for (int i = 0; i < w->concurrency; i++) {
            struct flight *f = &c->flights[i];
            double at = !f->flying ? INFINITY : f->arrived ? f->returns : f->arrives;
            if (at < next) {
                next = at;
                client = c;
                flight = f;
            }
        }
    }
    for (int i = 0; i < w->other_count; i++) {
        if (w->others[i].next < next) {
            next = w->others[i].next;
            other = &w->others[i];
        }
    }
    if (!isfinite(next))
        return false;
    w->now = next;
    if (other)
        other_sends(w, other);
    else if (flight && !flight->arrived)
        arrive(w, flight);
    else if (flight)
        come_back(w, client, flight);
    return true;
}

/* Runs until each client without a schedule got `wanted` answers other than 429; false if an hour brings none. */
static bool run(struct world *w, long wanted)
{
    bool busy = true;
    w->last_progress = w->now;
    for (int k = 0; k < w->client_count; k++)
        w->clients[k].wanted = w->clients[k].at_once > 0 ? 0 : wanted;
    while (busy) {
        for (int k = 0; k < w->client_count; k++)
            send_what_may(w, &w->clients[k]);
        if (!advance(w) || w->now - w->last_progress > 3600)
            return false;
        busy = false;
        for (int k = 0; k < w->client_count; k++)
            busy = busy || (w->clients[k].at_once == 0 && w->clients[k].done < wanted);
    }
    return true;
}

static struct world *world_new(bool sliding, bool tells, double reserve, int clients)
{
    static struct world w;
    w = (struct world){.client_count = clients, .concurrency = 8, .rtt = 0.02, .tail = 0.01};
    w.now = 1000 + uniform() * 60;
    server_init(&w.server, sliding, tells, 50, 1000);
    for (int k = 0; k < clients; k++)
        CHECK(aw_limiter_init(&w.clients[k].limiter, 50, 1000, false, reserve));
    return &w;
}

static void world_free(struct world *w)
{
    for (int k = 0; k < w->client_count; k++)
        aw_limiter_free(&w->clients[k].limiter);
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

/* ---- tests ---- */

static const struct aw_told nothing = {{-1, -1}, {-1, -1}, -1, -1, -1, -1};

static void test_slots(void)
{
    struct aw_limiter l;
    CHECK(aw_limiter_init(&l, 2, 3, true, 0));
    CHECK(aw_limiter_wait(&l, 10) == 0);
    struct aw_ticket a = aw_limiter_begin(&l, 10);
    CHECK(aw_limiter_wait(&l, 10) == 0);
    struct aw_ticket b = aw_limiter_begin(&l, 10);
    CHECK(isinf(aw_limiter_wait(&l, 10)));
    aw_limiter_end(&l, &a, true, 10.5);
    double wait = aw_limiter_wait(&l, 10.5);
    CHECK(wait > 1 && wait < 1.01);
    CHECK(aw_limiter_wait(&l, 11.4) > 0);
    CHECK(aw_limiter_wait(&l, 11.51) == 0);
    /* What never left takes nothing. */
    aw_limiter_end(&l, &b, false, 11.51);
    CHECK(aw_limiter_wait(&l, 11.51) == 0);
    /* The minute: three in all. */
    for (int i = 0; i < 2; i++) {
        struct aw_ticket t = aw_limiter_begin(&l, 12);
        aw_limiter_end(&l, &t, true, 12);
    }
    CHECK(aw_limiter_wait(&l, 20) > 50 && aw_limiter_wait(&l, 20) < 51);
    CHECK(aw_limiter_wait(&l, 70.6) == 0);
    aw_limiter_free(&l);
}

static void test_off(void)
{
    struct aw_limiter l;
    CHECK(aw_limiter_init(&l, 0, 0, true, 0));
    for (int i = 0; i < 10000; i++) {
        CHECK(aw_limiter_wait(&l, 1) == 0);
        struct aw_ticket t = aw_limiter_begin(&l, 1);
        aw_limiter_end(&l, &t, true, 1);
    }
    /* A 429 still pauses. */
    struct aw_ticket t = aw_limiter_begin(&l, 1);
    aw_limiter_end(&l, &t, true, 1);
    struct aw_told told = nothing;
    told.retry_after = 7;
    CHECK(aw_limiter_refused(&l, &t, &told, 1) == 7);
    CHECK(aw_limiter_wait(&l, 1) == 7);
    CHECK(aw_limiter_wait(&l, 8) == 0);
    aw_limiter_free(&l);
}

/* How long a first 429 with these headers pauses. */
static double pause_for(struct aw_told told)
{
    struct aw_limiter l;
    CHECK(aw_limiter_init(&l, 50, 1000, false, 0));
    struct aw_ticket t = aw_limiter_begin(&l, 100);
    aw_limiter_end(&l, &t, true, 100);
    double pause = aw_limiter_refused(&l, &t, &told, 100);
    aw_limiter_free(&l);
    return pause;
}

static void test_pauses(void)
{
    struct aw_told told = nothing;
    CHECK(pause_for(told) == 1); /* no word at all: a second */
    told.retry_after = 3;
    CHECK(pause_for(told) == 3);
    told.reset = 12;
    CHECK(pause_for(told) == 12); /* the longest */
    told.retry_after = 30;
    CHECK(pause_for(told) == 30);
    told = nothing;
    told.remaining[AW_SECOND] = 0;
    told.retry_after = 0;
    CHECK(pause_for(told) == 1); /* the exhausted second */
    told = nothing;
    told.remaining[AW_MINUTE] = 0;
    CHECK(pause_for(told) >= 60 && pause_for(told) < 60.1); /* until our own request leaves the minute */
    told.retry_after = 5;
    CHECK(pause_for(told) == 5); /* the server knows when */
}

static void test_refusals_in_a_row(void)
{
    struct aw_limiter l;
    CHECK(aw_limiter_init(&l, 50, 1000, false, 0));
    double now = 10, before = 0;
    /* Three that were on the way together are one refusal. */
    struct aw_ticket three[3];
    for (int i = 0; i < 3; i++)
        three[i] = aw_limiter_begin(&l, now);
    for (int i = 0; i < 3; i++) {
        aw_limiter_end(&l, &three[i], true, now);
        CHECK(aw_limiter_refused(&l, &three[i], &nothing, now) == 1);
    }
    for (int i = 0; i < 10; i++) {
        now += aw_limiter_wait(&l, now);
        CHECK(aw_limiter_wait(&l, now) == 0);
        struct aw_ticket t = aw_limiter_begin(&l, now);
        CHECK(isinf(aw_limiter_wait(&l, now))); /* after a pause one alone tries */
        aw_limiter_end(&l, &t, true, now);
        double pause = aw_limiter_refused(&l, &t, &nothing, now);
        CHECK(pause > before || pause == 60);
        before = pause;
    }
    CHECK(before == 60);
    now += 60;
    CHECK(aw_limiter_wait(&l, now) == 0);
    struct aw_ticket t = aw_limiter_begin(&l, now);
    aw_limiter_end(&l, &t, true, now);
    aw_limiter_told(&l, &t, &nothing, now);
    CHECK(aw_limiter_wait(&l, now) == 0);
    aw_limiter_free(&l);
}

/* When the server says how long, refusals in a row make us slower, but not by much. */
static void test_dated_refusals(void)
{
    struct aw_limiter l;
    CHECK(aw_limiter_init(&l, 50, 1000, false, 0));
    struct aw_told told = nothing;
    told.retry_after = 0.2;
    double now = 10, pause = 0;
    for (int i = 0; i < 12; i++) {
        now += aw_limiter_wait(&l, now);
        struct aw_ticket t = aw_limiter_begin(&l, now);
        aw_limiter_end(&l, &t, true, now);
        double before = pause;
        pause = aw_limiter_refused(&l, &t, &told, now);
        CHECK(pause > before - 1e-6 && pause > 0.2 - 1e-6 && pause < 8 + 1e-6);
    }
    CHECK(pause > 8 - 1e-6);
    aw_limiter_free(&l);
}

/* A lost probe must not leave everything waiting for it. */
static void test_lost_probe(void)
{
    struct aw_limiter l;
    CHECK(aw_limiter_init(&l, 50, 1000, false, 0));
    struct aw_ticket t = aw_limiter_begin(&l, 0);
    aw_limiter_end(&l, &t, true, 0);
    aw_limiter_refused(&l, &t, &nothing, 0);
    struct aw_ticket probe = aw_limiter_begin(&l, 2);
    CHECK(isinf(aw_limiter_wait(&l, 2)));
    aw_limiter_end(&l, &probe, false, 2);
    CHECK(aw_limiter_wait(&l, 2) == 0);
    aw_limiter_free(&l);
}

static void test_adopts_limits(void)
{
    struct aw_told told = nothing;
    told.limit[AW_SECOND] = 100;
    told.limit[AW_MINUTE] = 3000;
    for (int fixed = 0; fixed < 2; fixed++) {
        struct aw_limiter l;
        CHECK(aw_limiter_init(&l, 50, 1000, fixed != 0, 0));
        struct aw_ticket t = aw_limiter_begin(&l, 0);
        aw_limiter_end(&l, &t, true, 0);
        aw_limiter_told(&l, &t, &told, 0);
        int n = 1;
        while (n < 1000 && aw_limiter_wait(&l, 0) == 0) {
            t = aw_limiter_begin(&l, 0);
            aw_limiter_end(&l, &t, true, 0);
            n++;
        }
        CHECK(n == (fixed ? 50 : 100));
        aw_limiter_free(&l);
    }
    /* A lower one is obeyed even against the caller's word; an absurd one is not believed. */
    struct aw_limiter l;
    CHECK(aw_limiter_init(&l, 50, 1000, true, 0));
    struct aw_ticket t = aw_limiter_begin(&l, 0);
    aw_limiter_end(&l, &t, true, 0);
    told.limit[AW_SECOND] = 5;
    told.limit[AW_MINUTE] = 2000000000;
    aw_limiter_told(&l, &t, &told, 0);
    for (int i = 1; i < 5; i++) {
        CHECK(aw_limiter_wait(&l, 0) == 0);
        t = aw_limiter_begin(&l, 0);
        aw_limiter_end(&l, &t, true, 0);
    }
    CHECK(aw_limiter_wait(&l, 0) > 0);
    aw_limiter_free(&l);
}

static void test_reserve(void)
{
    struct world *w = world_new(true, true, 0.2, 1);
    CHECK(run(w, 3000));
    CHECK(w->server.most_sliding[0] <= 40);
    CHECK(w->server.most_sliding[1] <= 800);
    world_free(w);
}

/* One request too many in the server's account of the minute is no one else: the second stays ours. */
static void test_stray(void)
{
    struct aw_limiter l;
    double now = 100;
    CHECK(aw_limiter_init(&l, 50, 1000, false, 0));
    struct aw_ticket ticket = aw_limiter_begin(&l, now);
    aw_limiter_end(&l, &ticket, true, now);
    struct aw_told told = {
        .limit = {50, 1000},
        .remaining = {49, 1000 - 1 - 1},
        .plain_limit = -1,
        .plain_remaining = -1,
        .reset = -1,
        .retry_after = -1,
    };
    aw_limiter_told(&l, &ticket, &told, now);
    now += 2;
    int begun = 0;
    for (; begun < 100 && aw_limiter_wait(&l, now) <= 0; begun++)
        aw_limiter_begin(&l, now);
    CHECK(begun == 50);
    aw_limiter_free(&l);
}

/* 2,000 creates alone: 1000 in 19 seconds and a bit, the next thousand a minute later. */
static void test_two_thousand(void)
{
    for (int sliding = 0; sliding < 2; sliding++) {
        struct world *w = world_new(sliding != 0, true, 0, 1);
        double start = w->now;
        CHECK(run(w, 2000));
        printf("2000 alone, %s windows: %.2f s, %ld refused\n", sliding ? "sliding" : "fixed", w->now - start,
               w->clients[0].refused);
        CHECK(w->clients[0].refused == 0);
        CHECK(w->now - start < 79 * 1.02);
        world_free(w);
    }
}

/* A million requests of a lone client, over all kinds of servers, round trips and concurrencies. */
static void test_million(void)
{
    static const double trips[][2] = {{0.0005, 0.0005}, {0.005, 0.02}, {0.05, 0.05}, {0.0, 1.0}, {2.0, 1.0}};
    static const int concurrencies[] = {1, 8, 16, 64};
    int most_second = 0, most_minute = 0;
    long total = 0, refused = 0;
    double slowest = 0;
    for (int variant = 0; variant < 40; variant++) {
        struct world *w = world_new(variant % 2 == 0, variant / 20 == 0, 0, 1);
        w->concurrency = concurrencies[variant % 4];
        w->rtt = trips[variant / 4 % 5][0];
        w->tail = trips[variant / 4 % 5][1];
        double start = w->now;
        CHECK(run(w, 25000));
        total += w->clients[0].done;
        refused += w->clients[0].refused;
        most_second = larger(most_second, larger(w->server.most_sliding[0], w->server.most_fixed[0]));
        most_minute = larger(most_minute, larger(w->server.most_sliding[1], w->server.most_fixed[1]));
        /* 25,000 at 1000 a minute: 24 full minutes and what the last thousand take at 50 a second. */
        if (w->concurrency >= 8 && w->rtt + w->tail < 0.1)
            slowest = fmax(slowest, (w->now - start) / (24 * 60 + 19));
        world_free(w);
    }
    printf("%ld alone: at most %d in any second, %d in any minute; %ld refused; at most %.4f of the time "
           "that the "
           "limits ask for\n",
           total, most_second, most_minute, refused, slowest);
    CHECK(total == 1000000);
    CHECK(most_second <= 50);
    CHECK(most_minute <= 1000);
    CHECK(refused == 0);
    CHECK(slowest < 1.02);
}

/*
 * Two others take half of the limits: evenly, or as fast as half of the second allows until half of the
 * minute is gone. They don't yield.
 */
static void test_beside_others(void)
{
    for (int variant = 0; variant < 16; variant++) {
        bool even = variant / 8 == 0;
        struct world *w = world_new(variant % 2 != 0, true, 0, 1);
        w->rtt = variant / 2 % 2 ? 0.05 : 0.003;
        w->tail = variant / 4 % 2 ? 0.02 : 0.002;
        w->other_count = 2;
        for (int i = 0; i < 2; i++)
            w->others[i] = (struct other){.rate = even ? 250 / 60.0 : 12.5,
                                          .next = w->now + uniform(),
                                          .minute_budget = 250,
                                          .minute_start = w->now};
        double start = w->now;
        CHECK(run(w, 5000));
        struct client *c = &w->clients[0];
        long theirs = w->others[0].done + w->others[1].done,
             lost = w->others[0].refused + w->others[1].refused;
        printf("5000 beside two that take half (%s), %s windows, %.0f ms: %.0f s, %ld refused (%.2f %%); "
               "theirs: "
               "%ld of %ld\n",
               even ? "evenly" : "in bursts", w->server.sliding ? "sliding" : "fixed", w->rtt * 1000,
               w->now - start, c->refused, 100.0 * (double)c->refused / (double)c->asked, lost,
               theirs + lost);
        CHECK(c->refused * 100 < c->asked);
        CHECK(w->now - start < 5000 / 500.0 * 60 * 1.3);
        world_free(w);
    }
}

/*
 * Two others, one even, one 21 at once, each of which makes up for what it lost by a refusal, and a start together
 * with the server's windows: our bursts may fill each second before they come to their turn. In not one of many such
 * runs is a hundredth refused.
 */
static void test_beside_stubborn(void)
{
    static const double trips[] = {0.002, 0.01, 0.05};
    for (int variant = 0; variant < 6; variant++) {
        double most = 0, sum = 0, longest = 0;
        for (int i = 0; i < 50; i++) {
            struct world *w = world_new(variant % 2 != 0, true, 0, 1);
            w->concurrency = 16;
            w->rtt = w->tail = trips[variant / 2];
            w->server.align = 60 - fmod(w->now, 60);
            w->now += 0.05 * uniform();
            double start = w->now;
            for (int k = 1; k < 3; k++) {
                struct client *c = &w->clients[w->client_count++];
                CHECK(aw_limiter_init(&c->limiter, 0, 0, false, 0));
                c->at_once = k == 1 ? 1 : 21;
                c->every = k == 1 ? 0.24 : 5.04;
                c->next = start + 0.1 * uniform();
            }
            CHECK(run(w, 2000));
            double refused = 100.0 * (double)w->clients[0].refused / (double)w->clients[0].asked;
            most = fmax(most, refused);
            sum += refused;
            longest = fmax(longest, w->now - start);
            world_free(w);
        }
        printf("50 x 2000 beside two stubborn ones, %s windows, %.0f ms: "
               "%.2f %% refused, at most %.2f %%; at most %.0f s\n",
               variant % 2 ? "sliding" : "fixed", trips[variant / 2] * 1000, sum / 50, most, longest);
        CHECK(most < 1);
    }
}

/* Three of our own kind share a workspace. */
static void test_three_clients(void)
{
    for (int variant = 0; variant < 4; variant++) {
        struct world *w = world_new(variant % 2 != 0, true, 0, 3);
        double start = w->now, last = 0;
        long asked = 0, refused = 0;
        w->rtt = variant / 2 ? 0.05 : 0.003;
        CHECK(run(w, 3000));
        for (int k = 0; k < 3; k++) {
            asked += w->clients[k].asked;
            refused += w->clients[k].refused;
            last = fmax(last, w->clients[k].finished);
        }
        printf("3 x 3000, %s windows, %.0f ms: %.0f s, %ld refused (%.2f %%)\n",
               w->server.sliding ? "sliding" : "fixed", w->rtt * 1000, last - start, refused,
               100.0 * (double)refused / (double)asked);
        CHECK(refused * 100 < asked);
        world_free(w);
    }
}

int main(void)
{
    test_slots();
    test_off();
    test_pauses();
    test_refusals_in_a_row();
    test_dated_refusals();
    test_lost_probe();
    test_adopts_limits();
    test_reserve();
    test_stray();
    test_two_thousand();
    test_beside_others();
    test_beside_stubborn();
    test_three_clients();
    test_million();
    return check_report();
}
