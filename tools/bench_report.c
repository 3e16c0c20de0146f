/* bench_report.c -- says what a run found.
 *
 * One table of figures feeds both forms, so that a script and a person read the same numbers: a name for JSON, a text
 * and a unit for people. What could not be known (arrivals without somebody at the broker, CPU without --pid) is
 * left out of the text and null in JSON: a zero there would look like a result. */
#include "tools/bench_report.h"

#include <jansson.h>

enum { FIGURES = 32 };

struct figure {
    const char *name, *text;
    double value;
    bool known;
    int digits;
};

void bench_report_observe(struct bench_report *r, const struct bench_tally *t)
{
    r->observed = true;
    r->arrived = t->distinct;
    r->lost = r->sent > t->distinct ? r->sent - t->distinct : 0;
    r->duplicates = t->duplicates;
    r->p50_ns = bench_tally_percentile(t, 50);
    r->p99_ns = bench_tally_percentile(t, 99);
    r->p999_ns = bench_tally_percentile(t, 99.9);
    r->max_ns = t->max_ns;
}

static double ratio(double a, double b)
{
    return b > 0 ? a / b : 0;
}

static double per_client(const struct bench_report *r)
{
    return ratio((double)r->rss_connected - (double)r->rss_before, (double)r->connected);
}

/* The messages that the CPU of the run was spent on: sent up, or arrived down. */
static double messages(const struct bench_report *r)
{
    return (double)(r->sent > 0 ? r->sent : r->arrived);
}

static size_t list_figures(const struct bench_report *r, const struct bench_options *o,
                           struct figure *f)
{
    const bool pid = o->pid > 0;
    const bool timed = r->observed && r->arrived > 0;
    const double n = messages(r);
    const struct figure all[] = {
        { "clients", "clients", (double)o->clients, true, 0 },
        { "connected", "of these connected", (double)r->connected, true, 0 },
        { "connect_seconds", "seconds to connect them", r->connect_seconds, r->connected > 0, 3 },
        { "connects_per_second", "connects a second",
          ratio((double)r->connected, r->connect_seconds), r->connected > 0, 0 },
        { "seconds", "seconds", r->seconds, true, 3 },
        { "sent", "messages sent", (double)r->sent, true, 0 },
        { "messages_per_second", "messages a second", ratio(n, r->seconds), n > 0, 0 },
        { "acknowledged", "acknowledged", (double)r->acknowledged, o->qos > 0, 0 },
        { "arrived", "arrived", (double)r->arrived, r->observed, 0 },
        { "lost", "lost", (double)r->lost, r->observed, 0 },
        { "duplicates", "duplicated", (double)r->duplicates, r->observed, 0 },
        { "retransmissions", "retransmissions", (double)r->retransmissions, true, 0 },
        { "refused", "refused", (double)r->refused, true, 0 },
        { "unanswered", "given up, not answered", (double)r->unanswered, true, 0 },
        { "disconnected", "disconnected by the gateway", (double)r->disconnected, true, 0 },
        { "send_errors", "not sent: system error", (double)r->send_errors, true, 0 },
        { "malformed", "malformed answers", (double)r->malformed, true, 0 },
        { "latency_p50_us", "latency, median, us", (double)r->p50_ns / 1e3, timed, 1 },
        { "latency_p99_us", "latency, 99 %, us", (double)r->p99_ns / 1e3, timed, 1 },
        { "latency_p999_us", "latency, 99.9 %, us", (double)r->p999_ns / 1e3, timed, 1 },
        { "latency_max_us", "latency, largest, us", (double)r->max_ns / 1e3, timed, 1 },
        { "own_cpu_us", "own CPU, us a message", ratio((double)r->own_cpu_ns / 1e3, n), n > 0, 3 },
        { "pid_cpu_us", "CPU of --pid, us a message", ratio((double)r->pid_cpu_ns / 1e3, n),
          pid && n > 0, 3 },
        { "pid_cpu_seconds", "CPU of --pid, s", (double)r->pid_cpu_ns / 1e9, pid, 6 },
        { "pid_connect_us", "CPU of --pid, us a connect",
          ratio((double)r->connect_cpu_ns / 1e3, (double)r->connected), pid && r->connected > 0, 3 },
        { "pid_rss", "memory of --pid, octets", (double)r->rss_after, pid, 0 },
        { "pid_rss_per_client", "memory of --pid, octets a client", per_client(r),
          pid && r->connected > 0, 0 },
    };
    _Static_assert(sizeof all / sizeof *all <= FIGURES, "more figures than room");
    memcpy(f, all, sizeof all);
    return sizeof all / sizeof *all;
}

void bench_report_text(const struct bench_report *r, const struct bench_options *o, FILE *out)
{
    struct figure f[FIGURES];
    const size_t count = list_figures(r, o, f);
    fprintf(out, "%s, QoS %d, %zu octets\n", bench_scenario_name(o->scenario), o->qos, o->payload);
    for (size_t i = 0; i < count; i++)
        if (f[i].known)
            fprintf(out, "  %-34s %14.*f\n", f[i].text, f[i].digits, f[i].value);
    if (!r->observed && r->sent > 0)
        fprintf(out, "  (arrivals were not seen: name the broker with --broker)\n");
}

static json_t *to_json(const struct figure *f)
{
    if (!f->known)
        return json_null();
    return f->digits == 0 ? json_integer((json_int_t)f->value) : json_real(f->value);
}

bool bench_report_json(const struct bench_report *r, const struct bench_options *o, FILE *out)
{
    struct figure f[FIGURES];
    const size_t count = list_figures(r, o, f);
    json_t *root =
        json_pack("{s:s,s:i}", "scenario", bench_scenario_name(o->scenario), "qos", o->qos);
    bool good = root != NULL;
    for (size_t i = 0; i < count && good; i++)
        good = json_object_set_new(root, f[i].name, to_json(&f[i])) == 0;
    good = good && json_dumpf(root, out, JSON_REAL_PRECISION(12)) == 0;
    json_decref(root);
    if (good)
        fputc('\n', out);
    return good;
}
