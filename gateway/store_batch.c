/* store_batch.c -- changes on their way to the file: from structs to octets, and back to values.
 *
 * A batch is one growing buffer, so that a change costs no allocation, and a full one goes to the writer by swapping
 * two buffers. A change is the number of its statement and the values for it, each with its kind; the writer binds
 * them one after the other and need not know what they mean.
 *
 * While the disk is ill or slow the batch grows up to a limit. Beyond that it is emptied and nothing is kept any more:
 * everything is in the gateway's memory too, and is asked for as a whole when the disk is well again. */
#include "gateway/store_inside.h"

#include <assert.h>

enum { HEAD = 2, NUMBER_SIZE = 1 + 8, BYTES_HEAD = 1 + 4 };

static struct store_value number(uint64_t n)
{
    return (struct store_value){ .kind = STORE_NUMBER, .number = n };
}

static struct store_value moment(msec t)
{
    return (struct store_value){ .kind = STORE_TIME, .number = t };
}

static struct store_value row_number(uint64_t row)
{
    return (struct store_value){ .kind = STORE_ROW, .number = row };
}

static struct store_value text(struct span s)
{
    return (struct store_value){ .kind = STORE_TEXT, .bytes = s };
}

static struct store_value blob(struct span s)
{
    return (struct store_value){ .kind = STORE_BLOB, .bytes = s };
}

static struct store_value word(struct store_words w, size_t i)
{
    assert(i < w.count && w.list[i]);
    return text(span_text(w.list[i]));
}

/* ---- octets ---- */

static bool has_bytes(enum store_kind kind)
{
    return kind == STORE_TEXT || kind == STORE_BLOB;
}

static void write_u32(struct writer *w, uint32_t v)
{
    write_u16(w, (uint16_t)(v >> 16));
    write_u16(w, (uint16_t)v);
}

static uint32_t read_u32(struct reader *r)
{
    const uint32_t high = read_u16(r);
    return high << 16 | read_u16(r);
}

static void write_value(struct writer *w, const struct store_value *v)
{
    write_u8(w, (uint8_t)v->kind);
    if (has_bytes(v->kind)) {
        write_u32(w, (uint32_t)v->bytes.len);
        write_span(w, v->bytes);
        return;
    }
    write_u32(w, (uint32_t)(v->number >> 32));
    write_u32(w, (uint32_t)v->number);
}

static void read_value(struct reader *r, struct store_value *v)
{
    *v = (struct store_value){ .kind = (enum store_kind)read_u8(r) };
    if (has_bytes(v->kind)) {
        v->bytes = read_span(r, read_u32(r));
        return;
    }
    const uint64_t high = read_u32(r);
    v->number = high << 32 | read_u32(r);
}

size_t store_batch_read(struct reader *r, enum store_op *op, struct store_value v[STORE_VALUES])
{
    *op = (enum store_op)read_u8(r);
    const size_t count = read_u8(r);
    for (size_t i = 0; i < count; i++)
        read_value(r, &v[i]);
    assert(!r->failed);
    return count;
}

bool store_batch_matters(struct span batch)
{
    struct store_value v[STORE_VALUES];
    struct reader r = reader_of(batch);
    bool matters = false;
    for (enum store_op op; r.left > 0 && !matters;) {
        (void)store_batch_read(&r, &op, v);
        matters = op != STORE_DROP_ARRIVALS;
    }
    return matters;
}

static size_t size_of(const struct store_value *v, size_t count)
{
    size_t size = HEAD;
    for (size_t i = 0; i < count; i++)
        size += has_bytes(v[i].kind) ? BYTES_HEAD + v[i].bytes.len : NUMBER_SIZE;
    return size;
}

/* When nothing is under way and the disk is well, what is put now is gone at the end of the turn. While a long batch is
 * being written as much may wait: else everything, written anew, would be followed by everything, for ever. */
static size_t most(const struct store *s)
{
    if (s->rewriting || (s->state == STORE_WELL && s->handed == s->safe))
        return SIZE_MAX;
    return s->handed > s->safe && s->handed_len > STORE_BATCH_LIMIT ? s->handed_len
                                                                    : STORE_BATCH_LIMIT;
}

static void put(struct store *s, enum store_op op, const struct store_value *v, size_t count)
{
    const size_t size = size_of(v, count);
    assert(count <= STORE_VALUES);
    if (s->forgetting)
        return;
    uint8_t *at = s->open.len + size > most(s) ? NULL : buffer_reserve(&s->open, size);
    if (!at) {
        store_forget(s);
        return;
    }
    struct writer w = writer_of(at, size);
    write_u8(&w, (uint8_t)op);
    write_u8(&w, (uint8_t)count);
    for (size_t i = 0; i < count; i++)
        write_value(&w, &v[i]);
    assert(!w.failed && w.left == 0);
    buffer_grow(&s->open, size);
}

#define PUT(s, op, ...)                                                                            \
    put(s, op, (const struct store_value[]){ __VA_ARGS__ },                                        \
        sizeof((const struct store_value[]){ __VA_ARGS__ }) / sizeof(struct store_value))

/* ---- rows ---- */

void store_put_session(struct store *s, const struct store_session *row)
{
    PUT(s, STORE_PUT_SESSION, text(row->client_id), word(store_states, row->state),
        moment(row->since), number(row->clean), number(row->shared), number(row->keep_alive_s),
        number(row->sleep_s), text(row->radio), blob(row->address), blob(row->node),
        number(row->last_message_id), number(row->last_topic_id), number(row->has_will),
        number(row->will_qos), number(row->will_retain), text(row->will_topic),
        blob(row->will_message));
}

void store_put_topic(struct store *s, const struct store_topic *row)
{
    PUT(s, STORE_PUT_TOPIC, text(row->client_id), number(row->topic_id), text(row->name),
        word(store_standings, row->standing));
}

void store_put_subscription(struct store *s, const struct store_subscription *row)
{
    PUT(s, STORE_PUT_SUBSCRIPTION, text(row->client_id), text(row->filter), number(row->qos),
        word(store_id_types, row->topic_id_type), number(row->topic_id),
        word(store_filter_standings, row->standing));
}

void store_put_message(struct store *s, enum store_way way, const struct store_message *row)
{
    PUT(s, way == STORE_UPLINK ? STORE_PUT_UPLINK : STORE_PUT_DOWNLINK, row_number(row->row),
        text(row->client_id), number(row->qos), number(row->retain),
        word(store_message_phases, row->phase), number(row->message_id), moment(row->since),
        text(row->topic), blob(row->payload));
}

void store_step_message(struct store *s, enum store_way way, uint64_t row, uint8_t phase,
                        uint16_t message_id)
{
    PUT(s, way == STORE_UPLINK ? STORE_STEP_UPLINK : STORE_STEP_DOWNLINK, row_number(row),
        word(store_message_phases, phase), number(message_id));
}

void store_put_exchange(struct store *s, const struct store_exchange *row)
{
    PUT(s, STORE_PUT_EXCHANGE, text(row->client_id), number(row->place),
        word(store_exchange_phases, row->phase), number(row->message_id), number(row->topic_id),
        number(row->digest), moment(row->since));
}

void store_put_arrival(struct store *s, const struct store_arrival *row)
{
    PUT(s, STORE_PUT_ARRIVAL, text(row->link), number(row->packet_id), number(row->digest));
}

void store_drop_session(struct store *s, struct span client_id)
{
    static const enum store_op all[] = { STORE_DROP_SESSION,       STORE_DROP_TOPICS,
                                         STORE_DROP_SUBSCRIPTIONS, STORE_DROP_EXCHANGES,
                                         STORE_DROP_QUEUE,         STORE_DROP_ARRIVALS };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        PUT(s, all[i], text(client_id));
}

void store_drop_topics(struct store *s, struct span client_id)
{
    PUT(s, STORE_DROP_TOPICS, text(client_id));
}

void store_drop_subscriptions(struct store *s, struct span client_id)
{
    PUT(s, STORE_DROP_SUBSCRIPTIONS, text(client_id));
}

void store_drop_message(struct store *s, enum store_way way, uint64_t row)
{
    PUT(s, way == STORE_UPLINK ? STORE_DROP_UPLINK : STORE_DROP_DOWNLINK, row_number(row));
}

void store_drop_exchange(struct store *s, struct span client_id, uint8_t place)
{
    PUT(s, STORE_DROP_EXCHANGE, text(client_id), number(place));
}

void store_drop_arrival(struct store *s, struct span link, uint16_t packet_id)
{
    PUT(s, STORE_DROP_ARRIVAL, text(link), number(packet_id));
}

void store_drop_arrivals(struct store *s, struct span link)
{
    PUT(s, STORE_DROP_ARRIVALS, text(link));
}

void store_empty(struct store *s)
{
    put(s, STORE_EMPTY, NULL, 0);
}
