/* dump_text.c -- the state file for people: a heading, a paragraph for each client, and what it comes to.
 *
 * All text in the tree is printable already (dump_json.c). Long lists are cut, with a word about it: who wants
 * them whole takes the JSON. What a client does not have takes no line. */
#include "gateway/dump_inside.h"

#include <inttypes.h>
#include <stdarg.h>
#include <time.h>

enum { LIST_MAX = 12, TIME_TEXT = 48 };

struct waiting {
    size_t count;
    json_int_t octets, oldest; /* 0 = none */
};

struct totals {
    size_t clients, topics, subscriptions;
    struct waiting down, up;
};

/* ---- small things ---- */

__attribute__((format(printf, 3, 4))) static void line(FILE *out, const char *name,
                                                       const char *format, ...)
{
    va_list rest;
    fprintf(out, "  %-15s", name);
    va_start(rest, format);
    vfprintf(out, format, rest);
    va_end(rest);
    fputc('\n', out);
}

static json_int_t number(const json_t *in, const char *key)
{
    return json_integer_value(json_object_get(in, key));
}

static const char *word(const json_t *in, const char *key)
{
    const char *value = json_string_value(json_object_get(in, key));
    return value ? value : "";
}

/* The two largest units, no more. */
static const char *how_long(int64_t ms, char text[TIME_TEXT])
{
    const int64_t s = ms > 0 ? ms / 1000 : 0;
    if (s < 60)
        snprintf(text, TIME_TEXT, "%" PRId64 " s", s);
    else if (s < 3600)
        snprintf(text, TIME_TEXT, "%" PRId64 " min %" PRId64 " s", s / 60, s % 60);
    else if (s < 86400)
        snprintf(text, TIME_TEXT, "%" PRId64 " h %" PRId64 " min", s / 3600, s / 60 % 60);
    else
        snprintf(text, TIME_TEXT, "%" PRId64 " d %" PRId64 " h", s / 86400, s / 3600 % 24);
    return text;
}

static const char *when(int64_t ms, char text[TIME_TEXT])
{
    const time_t at = (time_t)(ms / 1000);
    struct tm local = { 0 };
    localtime_r(&at, &local);
    strftime(text, TIME_TEXT, "%Y-%m-%d %H:%M:%S", &local);
    return text;
}

/* ---- the heading ---- */

static void print_file(const json_t *file, FILE *out)
{
    char at[TIME_TEXT];
    const bool runs = strcmp(word(file, "gateway"), "running") == 0;
    const bool stopped = strcmp(word(file, "gateway"), "stopped") == 0;
    fprintf(out, "state file %s\n", word(file, "path"));
    line(out, "size", "%" JSON_INTEGER_FORMAT " octets, and %" JSON_INTEGER_FORMAT " in its log",
         number(file, "octets"), number(file, "log_octets"));
    line(out, "written", "%s", when(number(file, "written_ms"), at));
    if (runs)
        line(out, "gateway", "running, pid %" JSON_INTEGER_FORMAT, number(file, "pid"));
    else
        line(out, "gateway", "%s",
             stopped ? "not running; it was stopped in order"
                     : "not running; it was killed, or this is a copy");
    if (number(file, "unreadable_rows") > 0)
        line(out, "left out", "%" JSON_INTEGER_FORMAT " rows that make no sense",
             number(file, "unreadable_rows"));
}

/* ---- one client ---- */

static void print_sleeper(const json_t *c, FILE *out)
{
    char at[TIME_TEXT];
    const json_t *until = json_object_get(c, "expected_until_ms");
    if (json_is_integer(until))
        line(out, "", "sleeps for %" JSON_INTEGER_FORMAT " s, expected until %s",
             number(c, "sleep_s"), when(json_integer_value(until), at));
    else
        line(out, "",
             "sleeps for %" JSON_INTEGER_FORMAT
             " s at a time; wake-ups since then are not in the file",
             number(c, "sleep_s"));
}

static void print_state(const json_t *c, json_int_t now, FILE *out)
{
    char at[TIME_TEXT], age[TIME_TEXT];
    if (!json_is_string(json_object_get(c, "state"))) {
        line(out, "state", "gone; only what it sent is left");
        return;
    }
    line(out, "state", "%s since %s, for %s", word(c, "state"), when(number(c, "since_ms"), at),
         how_long(now - number(c, "since_ms"), age));
    if (strcmp(word(c, "state"), "asleep") == 0)
        print_sleeper(c, out);
    line(out, "session", "%s, keep-alive %" JSON_INTEGER_FORMAT " s, %s",
         json_is_true(json_object_get(c, "clean")) ? "clean" : "kept", number(c, "keep_alive_s"),
         word(c, "mode"));
}

static void print_heard(const json_t *heard, FILE *out)
{
    const json_t *nodes = json_object_get(heard, "nodes");
    if (!json_is_object(heard))
        return;
    fprintf(out, "  %-15son %s at %s", "heard", word(heard, "radio"), word(heard, "address"));
    for (size_t i = 0; i < json_array_size(nodes); i++)
        fprintf(out, " node %s", json_string_value(json_array_get(nodes, i)));
    fputc('\n', out);
}

static void print_will(const json_t *will, FILE *out)
{
    if (json_is_object(will))
        line(out, "will", "%s, QoS %" JSON_INTEGER_FORMAT "%s, %" JSON_INTEGER_FORMAT " octets",
             word(will, "topic"), number(will, "qos"),
             json_is_true(json_object_get(will, "retain")) ? ", retained" : "",
             number(will, "octets"));
}

static void print_topic(const char *name, const json_t *topic, FILE *out)
{
    const char *standing = word(topic, "standing");
    const bool usual = strcmp(standing, "confirmed") == 0;
    line(out, name, "%" JSON_INTEGER_FORMAT " = %s%s%s%s", number(topic, "topic_id"),
         word(topic, "name"), usual ? "" : " (", usual ? "" : standing, usual ? "" : ")");
}

static void print_subscription(const char *name, const json_t *s, FILE *out)
{
    const char *standing = word(s, "standing");
    const bool usual = strcmp(standing, "granted") == 0;
    line(out, name, "%s, QoS %" JSON_INTEGER_FORMAT "%s%s%s", word(s, "filter"), number(s, "qos"),
         usual ? "" : " (", usual ? "" : standing, usual ? "" : ")");
}

static void print_list(const char *name, const json_t *list,
                       void (*print)(const char *name, const json_t *one, FILE *out), FILE *out)
{
    const size_t count = json_array_size(list);
    for (size_t i = 0; i < count; i++) {
        if (i == LIST_MAX && count > LIST_MAX + 1) {
            line(out, "", "and %zu more (--json has them all)", count - LIST_MAX);
            return;
        }
        print(i == 0 ? name : "", json_array_get(list, i), out);
    }
}

/* ---- what waits ---- */

static struct waiting count_waiting(const json_t *messages)
{
    struct waiting w = { .count = json_array_size(messages) };
    for (size_t i = 0; i < w.count; i++) {
        const json_t *one = json_array_get(messages, i);
        const json_int_t since = number(one, "since_ms");
        w.octets += number(one, "octets");
        w.oldest = w.oldest == 0 || since < w.oldest ? since : w.oldest;
    }
    return w;
}

static void join(struct waiting *all, struct waiting one)
{
    if (one.count > 0 && (all->count == 0 || one.oldest < all->oldest))
        all->oldest = one.oldest;
    all->count += one.count;
    all->octets += one.octets;
}

static void print_waiting(const char *name, struct waiting w, json_int_t now, FILE *out)
{
    char age[TIME_TEXT];
    if (w.count > 0)
        line(out, name, "%zu message%s, %" JSON_INTEGER_FORMAT " octets, the oldest for %s",
             w.count, w.count == 1 ? "" : "s", w.octets, how_long(now - w.oldest, age));
}

static void print_client(const json_t *c, json_int_t now, struct totals *t, FILE *out)
{
    const struct waiting down = count_waiting(json_object_get(c, "downlink"));
    const struct waiting up = count_waiting(json_object_get(c, "uplink"));
    const json_t *topics = json_object_get(c, "topics"), *subs = json_object_get(c, "subscriptions");
    const size_t handshakes = json_array_size(json_object_get(c, "exchanges")) +
                              json_array_size(json_object_get(c, "arrivals"));
    fprintf(out, "\nclient %s\n", word(c, "client_id"));
    print_state(c, now, out);
    print_heard(json_object_get(c, "heard"), out);
    print_will(json_object_get(c, "will"), out);
    print_list("topics", topics, print_topic, out);
    print_list("subscriptions", subs, print_subscription, out);
    print_waiting("waits for it", down, now, out);
    print_waiting("to the broker", up, now, out);
    if (handshakes > 0)
        line(out, "QoS 2", "%zu handshake%s remembered", handshakes, handshakes == 1 ? "" : "s");
    t->clients++;
    t->topics += json_array_size(topics);
    t->subscriptions += json_array_size(subs);
    join(&t->down, down);
    join(&t->up, up);
}

/* ---- all of it ---- */

static size_t count_state(const json_t *clients, const char *state)
{
    size_t count = 0;
    for (size_t i = 0; state && i < json_array_size(clients); i++)
        count += strcmp(word(json_array_get(clients, i), "state"), state) == 0;
    return count;
}

static void print_totals(const json_t *clients, const struct totals *t, json_int_t now, FILE *out)
{
    fprintf(out, "\nin all\n");
    line(out, "clients", "%zu", t->clients);
    for (size_t s = 0; s < store_states.count; s++) {
        const size_t count = count_state(clients, store_states.list[s]);
        if (count > 0)
            line(out, "", "%zu %s", count, store_states.list[s]);
    }
    line(out, "topics", "%zu", t->topics);
    line(out, "subscriptions", "%zu", t->subscriptions);
    print_waiting("for clients", t->down, now, out);
    print_waiting("to the broker", t->up, now, out);
}

void dump_print(const json_t *tree, FILE *out)
{
    const json_t *clients = json_object_get(tree, "clients");
    const json_t *file = json_object_get(tree, "file");
    const json_int_t now = number(file, "now_ms");
    struct totals totals = { 0 };
    print_file(file, out);
    for (size_t i = 0; i < json_array_size(clients); i++)
        print_client(json_array_get(clients, i), now, &totals, out);
    print_totals(clients, &totals, now, out);
}
