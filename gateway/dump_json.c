/* dump_json.c -- the rows of the state file as one JSON value; its keys are in the manual page and stay.
 *
 * Text is written as in the log: octets that are no printable UTF-8 as \xNN, and the backslash doubled, so that a
 * client id is found there again. Payloads may be anything, so they are base64. Rows come table by table; what belongs
 * to a client is put with the client, found by its id. A message can outlive its client: then that has no state. */
#include "gateway/dump_inside.h"

#include "config/log.h"
#include "gateway/adopt.h"
#include "mqtt/buffer.h"
#include "mqtt/topic.h"
#include "radio/radio.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct tree {
    const struct dump_file *file;
    const struct config *config;
    const struct adopted *adopted;
    json_t *clients; /* in their order */
    json_t *by_id;   /* the same ones */
    json_t *shared;  /* arrivals of the connection that clients share */
    bool failed;     /* memory ended */
};

/* ---- values ---- */

static void put(struct tree *t, json_t *in, const char *key, json_t *value)
{
    t->failed = json_object_set_new(in, key, value) != 0 || t->failed;
}

static void add(struct tree *t, json_t *list, json_t *value)
{
    t->failed = json_array_append_new(list, value) != 0 || t->failed;
}

static bool append(struct buffer *b, struct span s)
{
    uint8_t *room = buffer_reserve(b, s.len);
    if (!room)
        return false;
    memcpy(room, s.at, s.len);
    buffer_grow(b, s.len);
    return true;
}

/* log_text, character by character, because it shortens. */
static json_t *text(struct span s)
{
    struct buffer b = { 0 };
    bool good = true;
    while (s.len > 0 && good) {
        const size_t len = utf8_char_len(s);
        good = append(&b, span_text(log_text(span_of(s.at, len > 0 ? len : 1))));
        s = span_from(s, len > 0 ? len : 1);
    }
    const struct span whole = buffer_span(&b);
    json_t *value =
        good ? json_stringn(whole.len > 0 ? (const char *)whole.at : "", whole.len) : NULL;
    buffer_clear(&b);
    return value;
}

static json_t *base64(struct span s)
{
    char *room = malloc(4 * ((s.len + 2) / 3) + 1);
    json_t *value = NULL;
    if (!room)
        return NULL;
    const int len = EVP_EncodeBlock((unsigned char *)room, s.at, (int)s.len);
    value = json_stringn(room, (size_t)len);
    free(room);
    return value;
}

static json_t *hex(struct span s)
{
    char digits[2 * UINT8_MAX + 1] = "";
    for (size_t i = 0; i < s.len && i < UINT8_MAX; i++)
        snprintf(digits + 2 * i, 3, "%02x", s.at[i]);
    return json_string(digits);
}

static json_t *word(struct store_words words, uint8_t value)
{
    return json_string(words.list[value]);
}

static json_t *time_of(const struct tree *t, msec at)
{
    return json_integer(store_clock_out(&t->file->store.clock, at));
}

/* ---- clients ---- */

/* Every client has every key: what is not known is null. */
static json_t *new_client(struct tree *t, const char *id)
{
    static const char *const values[] = {
        "state", "since_ms", "expected_until_ms", "sleep_s",      "keep_alive_s", "clean", "mode",
        "heard", "will",     "last_message_id",   "last_topic_id"
    };
    static const char *const lists[] = { "topics", "subscriptions", "downlink",
                                         "uplink", "exchanges",     "arrivals" };
    json_t *one = json_pack("{s:s}", "client_id", id);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        put(t, one, values[i], json_null());
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        put(t, one, lists[i], json_array());
    t->failed = json_object_set(t->by_id, id, one) != 0 || t->failed;
    add(t, t->clients, one);
    return one;
}

/* NULL only when memory ended. */
static json_t *client_of(struct tree *t, struct span client_id)
{
    json_t *id = text(client_id);
    json_t *one = id ? json_object_get(t->by_id, json_string_value(id)) : NULL;
    if (id && !one)
        one = new_client(t, json_string_value(id));
    t->failed = t->failed || !one;
    json_decref(id);
    return one;
}

static void add_to(struct tree *t, struct span client_id, const char *list, json_t *value)
{
    add(t, json_object_get(client_of(t, client_id), list), value);
}

static json_t *will(const struct store_session *row)
{
    if (!row->has_will)
        return json_null();
    return json_pack("{s:o, s:i, s:b, s:I, s:o}", "topic", text(row->will_topic), "qos",
                     row->will_qos, "retain", row->will_retain, "octets",
                     (json_int_t)row->will_message.len, "message_base64", base64(row->will_message));
}

/* The settings may have changed since the address was written. */
static bool suits(enum config_driver driver, size_t len)
{
    enum { IPV4 = 6, IPV6 = 22, EUI64 = 8 };
    return driver == DRIVER_UDP ? len == IPV4 || len == IPV6
                                : driver == DRIVER_SERIAL || len == EUI64;
}

static json_t *address(const struct tree *t, const struct store_session *row)
{
    char line[128];
    struct address a = { .len = (uint8_t)row->address.len };
    struct writer w = writer_of(a.bytes, sizeof a.bytes);
    write_span(&w, row->address);
    for (size_t i = 0; i < t->config->radio_count && !w.failed; i++) {
        const struct config_radio *r = &t->config->radios[i];
        const struct radio_driver *d = radio_driver(r->driver);
        if (d && span_equal(span_text(r->name), row->radio) && suits(r->driver, a.len))
            return json_string(d->text(&a, line, sizeof line));
    }
    return hex(row->address);
}

static json_t *heard(struct tree *t, const struct store_session *row)
{
    struct reader nodes = reader_of(row->node);
    if (row->address.len == 0)
        return json_null();
    json_t *list = json_array();
    for (struct span node; nodes.left > 0 && !nodes.failed;) {
        node = read_span(&nodes, read_u8(&nodes));
        if (!nodes.failed)
            add(t, list, hex(node));
    }
    return json_pack("{s:o, s:o, s:o, s:o}", "radio", text(row->radio), "address", address(t, row),
                     "address_hex", hex(row->address), "nodes", list);
}

/* A sleeper's row is not written at each of its wake-ups: when the time has passed, nothing is known about the next. */
static json_t *expected(const struct tree *t, const struct store_session *row, const char *id)
{
    const struct config_client *settings;
    const struct access *access = adopted_access(t->adopted, id, &settings);
    const int64_t until = store_clock_out(&t->file->store.clock, row->since) +
                          (int64_t)access_patience(access, row->sleep_s);
    const bool asleep = row->state == SESSION_ASLEEP;
    return asleep && until >= t->file->now ? json_integer(until) : json_null();
}

static void on_session(void *context, const struct store_session *row)
{
    struct tree *t = context;
    json_t *one = client_of(t, row->client_id);
    put(t, one, "state", word(store_states, row->state));
    put(t, one, "since_ms", time_of(t, row->since));
    put(t, one, "expected_until_ms",
        expected(t, row, json_string_value(json_object_get(one, "client_id"))));
    put(t, one, "sleep_s", json_integer(row->sleep_s));
    put(t, one, "keep_alive_s", json_integer(row->keep_alive_s));
    put(t, one, "clean", json_boolean(row->clean));
    put(t, one, "mode", json_string(row->shared ? "aggregate" : "transparent"));
    put(t, one, "heard", heard(t, row));
    put(t, one, "will", will(row));
    put(t, one, "last_message_id", json_integer(row->last_message_id));
    put(t, one, "last_topic_id", json_integer(row->last_topic_id));
}

/* ---- what is a client's ---- */

static void on_topic(void *context, const struct store_topic *row)
{
    add_to(context, row->client_id, "topics",
           json_pack("{s:i, s:o, s:o}", "topic_id", row->topic_id, "name", text(row->name),
                     "standing", word(store_standings, row->standing)));
}

static void on_subscription(void *context, const struct store_subscription *row)
{
    add_to(context, row->client_id, "subscriptions",
           json_pack("{s:o, s:i, s:o, s:i, s:o}", "filter", text(row->filter), "qos", row->qos,
                     "topic_id_type", word(store_id_types, row->topic_id_type), "topic_id",
                     row->topic_id, "standing", word(store_filter_standings, row->standing)));
}

static void on_message(void *context, enum store_way way, const struct store_message *row)
{
    struct tree *t = context;
    const size_t octets = row->topic.len + row->payload.len;
    json_t *one = json_pack("{s:I, s:i, s:b, s:o, s:i}", "row", (json_int_t)row->row, "qos",
                            row->qos, "retain", row->retain, "phase",
                            word(store_message_phases, row->phase), "message_id", row->message_id);
    put(t, one, "since_ms", time_of(t, row->since));
    put(t, one, "octets", json_integer((json_int_t)octets));
    put(t, one, "topic", text(row->topic));
    put(t, one, "payload_base64", base64(row->payload));
    add_to(t, row->client_id, way == STORE_DOWNLINK ? "downlink" : "uplink", one);
}

static void on_exchange(void *context, const struct store_exchange *row)
{
    struct tree *t = context;
    add_to(t, row->client_id, "exchanges",
           json_pack("{s:i, s:o, s:i, s:i, s:I, s:o}", "place", row->place, "phase",
                     word(store_exchange_phases, row->phase), "message_id", row->message_id,
                     "topic_id", row->topic_id, "digest", (json_int_t)row->digest, "since_ms",
                     time_of(t, row->since)));
}

static void on_arrival(void *context, const struct store_arrival *row)
{
    struct tree *t = context;
    json_t *one =
        json_pack("{s:i, s:I}", "packet_id", row->packet_id, "digest", (json_int_t)row->digest);
    if (row->link.len > 0)
        add_to(t, row->link, "arrivals", one);
    else
        add(t, t->shared, one);
}

/* ---- all of it ---- */

static json_t *file_facts(const struct dump_file *d)
{
    static const char *const runs[] = {
        [DUMP_RUNS] = "running", [DUMP_STOPPED] = "stopped", [DUMP_KILLED] = "killed"
    };
    return json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:s, s:I, s:I}", "path",
                     text(span_text(d->store.path)), "version", (json_int_t)d->version, "octets",
                     (json_int_t)d->octets, "log_octets", (json_int_t)d->log_octets, "written_ms",
                     (json_int_t)d->written, "now_ms", (json_int_t)d->now, "gateway", runs[d->run],
                     "pid", (json_int_t)d->pid, "unreadable_rows", (json_int_t)d->skipped);
}

static bool read_rows(struct dump_file *d, struct tree *t, struct store_trouble *trouble)
{
    const struct store_reader reader = { .context = t,
                                         .session = on_session,
                                         .topic = on_topic,
                                         .subscription = on_subscription,
                                         .message = on_message,
                                         .exchange = on_exchange,
                                         .arrival = on_arrival };
    return store_file_load(&d->store, &reader, &d->skipped, trouble) && !t->failed;
}

json_t *dump_tree(struct dump_file *d, const struct config *c, struct store_trouble *trouble)
{
    struct adopted *adopted = adopted_new(c);
    struct tree t = { .file = d,
                      .config = c,
                      .adopted = adopted,
                      .clients = json_array(),
                      .by_id = json_object(),
                      .shared = json_array() };
    json_t *root = NULL;
    if (adopted && t.clients && t.by_id && t.shared && read_rows(d, &t, trouble))
        root = json_pack("{s:o, s:O, s:O}", "file", file_facts(d), "clients", t.clients,
                         "shared_arrivals", t.shared);
    json_decref(t.shared);
    json_decref(t.by_id);
    json_decref(t.clients);
    adopted_free(adopted);
    return root;
}
