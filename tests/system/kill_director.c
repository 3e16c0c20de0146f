/* kill_director.c -- kills and starts of kill_director.h.
 *
 * Nothing here waits but for the end of what was killed and for Mosquitto to say that it runs; whether the gateway
 * listens is looked up in its log from turn to turn, so that it can be killed before. A gateway that ends by itself is
 * a fault of its own. */
#include "tests/system/kill_director.h"

#include "tests/system/kill_excuse.h"
#include "tests/xorshift.h"

#include <stdlib.h>

enum {
    LIFE_MS = 300,
    HASTE_MS = 40, /* of a life that ends while it begins */
    HASTY_ONE_TIME_IN = 5,
    LONG_LIFE_MS =
        2000, /* so much that what is slow comes to an end too: the broker hears of it, and forgets it */
    LONG_ONE_TIME_IN = 8,
    GATEWAY_AWAY_MS = 60,
    BROKER_AWAY_MS = 500,
    STOPS_IN_A_ROW = 3,
    START_MS = 10000
};

static void note(struct kill_director *d, msec now, const char *what)
{
    for (size_t i = 0; i < d->world->count; i++)
        trace_notes(&d->world->nodes[i].trace, now, "---- %s", what);
}

static void blame(struct kill_director *d, const char *what)
{
    ledger_blames(&d->world->plan->ledger, "%s", what);
}

static bool gateway_may_die(const struct kill_director *d)
{
    return d->left.gateway > 0 && !d->brokers_turn;
}

static bool broker_may_die(const struct kill_director *d)
{
    return d->left.broker > 0 && d->brokers_turn;
}

static msec soon(struct kill_director *d, msec now, size_t most)
{
    return now + 1 + chance_below(&d->chance, most);
}

/* Whoever looks for a cause wants to read what the dead have said: KILL_LOG names a file for it. */
static void keep_log(const struct process *p, const char *whose, unsigned life)
{
    const char *path = getenv("KILL_LOG");
    FILE *f = path ? fopen(path, "a") : NULL;
    if (!f)
        return;
    fprintf(f, "---- %s, life %u\n%s", whose, life, p->text ? p->text : "");
    fclose(f);
}

/* ---- the gateway ------------------------------------------------------------------------------------------------- */

static void gateway_dies(struct kill_director *d, msec now)
{
    if (!gateway_runs(d->scene->gateway))
        blame(d, "the gateway ended by itself");
    gateway_is_killed(d->scene->gateway);
    note(d, now,
         d->gateway == KILL_LIVES ? "the gateway is killed" : "the gateway is killed as it starts");
    d->left.gateway--;
    keep_log(&d->scene->gateway->process, "gateway", ++d->killed.gateway);
    d->brokers_turn = d->left.broker > 0;
    d->gateway = KILL_DEAD;
    d->gateway_due = now + chance_below(&d->chance, GATEWAY_AWAY_MS);
}

static void gateway_is_run(struct kill_director *d, msec now)
{
    gateway_is_run_again(d->scene->gateway);
    note(d, now, "the gateway is run again");
    d->gateway = KILL_STARTS;
    d->run_at = now;
    d->gateway_due = MSEC_NEVER;
    if (gateway_may_die(d) && chance_below(&d->chance, HASTY_ONE_TIME_IN) == 0)
        d->gateway_due = soon(d, now, HASTE_MS);
}

static msec life(struct kill_director *d, msec now)
{
    return chance_below(&d->chance, LONG_ONE_TIME_IN) == 0 ? now + LONG_LIFE_MS
                                                           : soon(d, now, LIFE_MS);
}

static void gateway_looked_at(struct kill_director *d, msec now)
{
    if (d->gateway == KILL_STARTS &&
        process_count(&d->scene->gateway->process, "radio lan: listening on") > 0) {
        d->gateway = KILL_LIVES;
        note(d, now, "the gateway listens");
        d->slowest = now - d->run_at > d->slowest ? now - d->run_at : d->slowest;
    }
    if (d->gateway == KILL_STARTS && now - d->run_at > (msec)START_MS * stretched(1))
        blame(d, "the gateway does not start");
    if (d->gateway == KILL_LIVES && d->gateway_due == MSEC_NEVER && gateway_may_die(d))
        d->gateway_due = life(d, now);
}

/* In order, and it must end well. The nodes are told nothing of this either. */
static void gateway_rests(struct kill_director *d, msec now)
{
    if (gateway_stops(d->scene->gateway) != 0)
        blame(d, "the gateway did not stop well");
    note(d, now, "the gateway was stopped in order");
    gateway_is_run(d, now);
}

/* ---- the broker -------------------------------------------------------------------------------------------------- */

static void broker_dies(struct kill_director *d, msec now)
{
    broker_stops(d->scene->broker);
    note(d, now, "the broker is stopped");
    excuse_broker(&d->world->plan->ledger, d->scene->broker->process.text, "world");
    d->left.broker--;
    keep_log(&d->scene->broker->process, "broker", ++d->killed.broker);
    d->brokers_turn = d->left.gateway == 0;
    d->broker = KILL_DEAD;
    d->broker_due = now + chance_below(&d->chance, BROKER_AWAY_MS);
}

static void broker_is_run(struct kill_director *d, msec now)
{
    broker_restarts(d->scene->broker);
    note(d, now, "the broker runs again");
    d->broker = KILL_LIVES;
    d->broker_due = MSEC_NEVER;
    d->heard_before = d->world->heard;
    if (d->left.gateway == 0 && d->gateway == KILL_LIVES && d->killed.broker % STOPS_IN_A_ROW == 0)
        gateway_rests(d, now);
}

/* Its log is read here, so that it can go on writing it. */
static void broker_looked_at(struct kill_director *d, msec now)
{
    if (d->broker == KILL_LIVES)
        process_mark(&d->scene->broker->process);
    if (d->broker == KILL_LIVES && d->broker_due == MSEC_NEVER && broker_may_die(d) &&
        d->world->heard > d->heard_before)
        d->broker_due = soon(d, now, LIFE_MS);
}

/* ---- turns ------------------------------------------------------------------------------------------------------- */

void director_begins(struct kill_director *d)
{
    d->gateway = d->broker = KILL_LIVES;
    d->gateway_due = d->broker_due = MSEC_NEVER;
    d->brokers_turn = d->left.gateway == 0;
}

void director_turns(struct kill_director *d, msec now)
{
    gateway_looked_at(d, now);
    broker_looked_at(d, now);
    if (d->gateway_due <= now && d->gateway == KILL_DEAD)
        gateway_is_run(d, now);
    else if (d->gateway_due <= now)
        gateway_dies(d, now);
    if (d->broker_due <= now && d->broker == KILL_DEAD)
        broker_is_run(d, now);
    else if (d->broker_due <= now)
        broker_dies(d, now);
}

msec director_deadline(const struct kill_director *d)
{
    return d->gateway_due < d->broker_due ? d->gateway_due : d->broker_due;
}

bool director_is_through(const struct kill_director *d)
{
    return d->left.gateway == 0 && d->left.broker == 0 && d->gateway == KILL_LIVES &&
           d->broker == KILL_LIVES;
}
