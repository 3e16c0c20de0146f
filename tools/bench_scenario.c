/* bench_scenario.c -- the loads themselves: who does what when, and when the meters are read.
 *
 * All scenarios begin alike: everybody connects, at once, and the process under test is measured before and after.
 * Then each is a few steps of "ask all clients, wait for all"; a start of ten thousand clients is really one burst
 * of ten thousand datagrams. Sending at a rate goes by the schedule, not by sleeping: each tick sends what is due
 * since the beginning, so a late tick is made up and the rate holds over the run. CPU is read when the last
 * straggler is in. */
#include "tools/bench_scenario.h"

#include "tools/bench_fleet.h"
#include "tools/bench_process.h"

#include <errno.h>
#include <math.h>
#include <unistd.h>

enum { QOS2_WINDOW = 20 };

struct meter {
    struct bench_usage own, pid;
};

struct run {
    const struct bench_options *o;
    struct bench_report *r;
    struct bench_fleet fleet;
    struct bench_broker *broker;
    uint64_t limit; /* messages in all, 0 = as long as the time lasts */
    struct meter begin;
    uint64_t begin_ns;
};

static bool complain(const char *what)
{
    fprintf(stderr, "mqttsn-bench: %s: %s\n", what, strerror(errno));
    return false;
}

static struct meter read_meter(const struct run *x)
{
    struct meter m = { 0 };
    if (!bench_process_usage(getpid(), &m.own))
        complain("own usage");
    if (x->o->pid > 0 && !bench_process_usage(x->o->pid, &m.pid))
        complain("usage of --pid");
    return m;
}

static void begin(struct run *x)
{
    x->begin = read_meter(x);
    x->begin_ns = bench_now_ns();
}

static void end(struct run *x)
{
    const struct meter now = read_meter(x);
    x->r->own_cpu_ns = now.own.cpu_ns - x->begin.own.cpu_ns;
    x->r->pid_cpu_ns = now.pid.cpu_ns - x->begin.pid.cpu_ns;
    x->r->rss_after = now.pid.rss;
}

static double seconds_since(uint64_t since_ns)
{
    return (double)(bench_now_ns() - since_ns) / 1e9;
}

/* Hears what comes, for so long. */
static void listen_for(struct run *x, uint64_t ns)
{
    const uint64_t until = bench_now_ns() + ns;
    while (bench_now_ns() < until)
        bench_fleet_turn(&x->fleet, until);
}

/* Waits for stragglers: until all that was sent is there, or nothing new has come for a drain time. */
static void drain(struct run *x, const struct bench_tally *t)
{
    uint64_t before = 0, quiet_since = bench_now_ns();
    while (!t || t->distinct < x->r->sent || x->r->sent == 0) {
        const uint64_t now = bench_now_ns();
        if (t && t->arrived != before) {
            before = t->arrived;
            quiet_since = now;
        }
        if (now - quiet_since >= x->o->drain_ns)
            return;
        bench_fleet_turn(&x->fleet, quiet_since + x->o->drain_ns);
    }
}

/* ---- the steps -------------------------------------------------------------------------------------------------- */

static void step(struct run *x, enum bench_doing doing)
{
    bench_fleet_ask_all(&x->fleet, doing);
    bench_fleet_settle(&x->fleet);
}

static void connect_all(struct run *x)
{
    begin(x);
    x->r->rss_before = x->begin.pid.rss;
    step(x, BENCH_CONNECTING);
    x->r->connect_seconds = seconds_since(x->begin_ns);
    x->r->connected = bench_fleet_ready(&x->fleet);
    end(x);
    x->r->connect_cpu_ns = x->r->pid_cpu_ns;
    x->r->rss_connected = x->r->rss_after;
    x->r->own_cpu_ns = x->r->pid_cpu_ns = 0;
}

/* How many messages should have left by now. */
static uint64_t due(const struct run *x, uint64_t now)
{
    const struct bench_options *o = x->o;
    const double sent = floor((double)(now - x->begin_ns) * o->rate / 1e9);
    const uint64_t wanted = o->rate > 0 ? (uint64_t)sent : UINT64_MAX;
    return x->limit > 0 && wanted > x->limit ? x->limit : wanted;
}

static bool is_over(const struct run *x, uint64_t now, uint64_t sent)
{
    return x->limit > 0 ? sent >= x->limit : (double)(now - x->begin_ns) >= x->o->seconds * 1e9;
}

/* A run of a given number of messages ends by itself; it needs no clock. */
static uint64_t stop_time(const struct run *x)
{
    return x->o->messages > 0 ? UINT64_MAX : x->begin_ns + (uint64_t)(x->o->seconds * 1e9);
}

static void publish_closed_loop(struct run *x)
{
    const struct bench_options *o = x->o;
    x->fleet.closed_loop = true;
    x->fleet.stop_ns = stop_time(x);
    bench_fleet_publish(&x->fleet,
                        o->messages > 0 && o->messages < o->clients ? o->messages : o->clients);
    bench_fleet_settle(&x->fleet);
}

/* One tick of QoS 0 or -1: what is due, but not so much that answers and signals wait long. False: more is due. */
static bool burst(struct run *x, uint64_t left)
{
    const uint64_t most = x->o->clients * 32;
    bench_fleet_burst(&x->fleet, left < most ? left : most);
    return left <= most;
}

static void publish_at_rate(struct run *x)
{
    const struct bench_options *o = x->o;
    uint64_t tick = x->begin_ns;
    for (uint64_t now = tick; !is_over(x, now, x->fleet.sent); now = bench_now_ns()) {
        const uint64_t left = due(x, now) - x->fleet.sent;
        bool all = true;
        if (o->qos > 0)
            bench_fleet_publish(&x->fleet, left);
        else
            all = burst(x, left);
        while (tick <= now)
            tick += o->tick_ns;
        bench_fleet_turn(&x->fleet, all ? tick : 0);
        while (all && bench_now_ns() < tick)
            bench_fleet_turn(&x->fleet, tick);
    }
    bench_fleet_settle(&x->fleet);
}

static void uplink(struct run *x)
{
    if (x->o->qos >= 0 && x->o->topic_id == 0)
        step(x, BENCH_REGISTERING);
    begin(x);
    if (x->o->qos > 0 && x->o->rate <= 0)
        publish_closed_loop(x);
    else
        publish_at_rate(x);
    x->r->seconds = seconds_since(x->begin_ns);
    x->r->sent = x->fleet.sent;
    drain(x, x->broker ? bench_broker_tally(x->broker) : NULL);
    end(x);
    if (x->broker)
        bench_report_observe(x->r, bench_broker_tally(x->broker));
}

/* One message to one client through the broker. At QoS 2 never more than Mosquitto holds by default: what comes beyond
 * its max_inflight_messages, it acknowledges and drops. */
static bool publish_down(struct run *x, uint64_t number)
{
    while (x->o->qos == 2 && bench_broker_unacknowledged(x->broker) >= QOS2_WINDOW)
        bench_fleet_turn(&x->fleet, UINT64_MAX);
    char topic[64];
    const uint32_t client = (uint32_t)(number % x->o->clients);
    const struct bench_stamp stamp = { client, (uint32_t)(number / x->o->clients), bench_now_ns() };
    snprintf(topic, sizeof topic, "%s/%u", x->o->prefix, client);
    x->r->sent++;
    return bench_broker_publish(x->broker, topic, (unsigned)x->o->qos, x->o->payload, &stamp);
}

static bool publish_down_at_rate(struct run *x)
{
    uint64_t tick = x->begin_ns;
    bool good = true;
    for (uint64_t now = tick; good && !is_over(x, now, x->r->sent); now = bench_now_ns()) {
        uint64_t left = due(x, now) - x->r->sent;
        for (left = left < 64 ? left : 64; good && left > 0; left--)
            good = publish_down(x, x->r->sent);
        while (tick <= now)
            tick += x->o->tick_ns;
        bench_fleet_turn(&x->fleet, x->o->rate > 0 ? tick : 0);
    }
    return good || complain("broker");
}

static bool downlink(struct run *x)
{
    step(x, BENCH_SUBSCRIBING);
    begin(x);
    if (x->broker && !publish_down_at_rate(x))
        return false;
    if (!x->broker)
        listen_for(x, (uint64_t)(x->o->seconds * 1e9));
    x->r->seconds = seconds_since(x->begin_ns);
    if (x->broker) /* others may never stop publishing */
        drain(x, &x->fleet.down);
    end(x);
    bench_report_observe(x->r, &x->fleet.down);
    return true;
}

/* Waits until the broker has acknowledged all, and then a moment more for the gateway to queue it. */
static void settle_broker(struct run *x)
{
    const uint64_t patience = bench_now_ns() + 30000000000u;
    while (bench_broker_unacknowledged(x->broker) > 0 && bench_now_ns() < patience)
        bench_fleet_turn(&x->fleet, patience);
    listen_for(x, x->o->drain_ns);
}

static bool sleep_and_wake(struct run *x)
{
    x->limit = (x->o->messages > 0 ? x->o->messages : 1) * x->o->clients;
    step(x, BENCH_SUBSCRIBING);
    step(x, BENCH_FALLING_ASLEEP);
    begin(x);
    if (!publish_down_at_rate(x))
        return false;
    settle_broker(x);
    begin(x);
    step(x, BENCH_COLLECTING);
    x->r->seconds = seconds_since(x->begin_ns);
    end(x);
    bench_report_observe(x->r, &x->fleet.down);
    return true;
}

static bool run_scenario(struct run *x)
{
    switch (x->o->scenario) {
    case BENCH_UPLINK:
        uplink(x);
        return true;
    case BENCH_DOWNLINK:
        return downlink(x);
    case BENCH_SLEEP:
        return sleep_and_wake(x);
    case BENCH_IDLE:
        begin(x);
        listen_for(x, (uint64_t)(x->o->seconds * 1e9));
        x->r->seconds = seconds_since(x->begin_ns);
        end(x);
        return true;
    default:
        x->r->seconds = x->r->connect_seconds;
        return true;
    }
}

static void count_troubles(struct run *x)
{
    const struct bench_fleet *f = &x->fleet;
    x->r->acknowledged = f->acknowledged;
    x->r->retransmissions = f->retransmissions;
    x->r->refused = f->refused;
    x->r->unanswered = f->unanswered_count;
    x->r->disconnected = f->disconnected;
    x->r->send_errors = f->send_errors;
    x->r->malformed = f->malformed;
}

static bool open_broker(struct run *x)
{
    char filter[64];
    if (!x->o->broker.len)
        return true;
    x->broker = bench_broker_open(&x->o->broker);
    snprintf(filter, sizeof filter, "%s/#", x->o->qos < 0 ? "bn" : x->o->prefix);
    if (!x->broker || x->o->scenario != BENCH_UPLINK)
        return x->broker;
    if (bench_broker_subscribe(x->broker, x->o->filter ? x->o->filter : filter))
        return true;
    fprintf(stderr, "mqttsn-bench: broker: refused the subscription\n");
    return false;
}

/* Says goodbye, and waits a moment only: the figures are in, and what has no sessions answers nothing. */
static void leave(struct run *x)
{
    const uint64_t until = bench_now_ns() + x->o->drain_ns;
    x->fleet.closed_loop = false;
    bench_fleet_ask_all(&x->fleet, BENCH_LEAVING);
    while (x->fleet.waiting > 0 && bench_now_ns() < until)
        bench_fleet_turn(&x->fleet, until);
}

bool bench_scenario_run(const struct bench_options *o, struct bench_report *r)
{
    struct run x = { .o = o, .r = r, .limit = o->messages, .fleet = { .epoll = -1 } };
    *r = (struct bench_report){ 0 };
    bool good = open_broker(&x);
    if (good && !bench_fleet_open(&x.fleet, o, x.broker))
        good = complain("opening the clients' sockets");
    if (good && o->qos >= 0)
        connect_all(&x);
    good = good && run_scenario(&x);
    count_troubles(&x);
    if (good)
        leave(&x);
    bench_fleet_close(&x.fleet);
    bench_broker_close(x.broker);
    return good;
}
