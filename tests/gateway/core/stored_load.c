/* stored_load.c -- the state file as a few arrays: a session of an earlier run is put in place out of its rows.
 *
 * The steps are those of gateway/gateway_restore.c; their order among each other is the shell's, and so is everything
 * about connections. */
#include "tests/gateway/core/stored.h"

#include <assert.h>

/* Without memory there is no test. */
static void must(bool done)
{
    assert(done);
}

static void load_will(struct session *s, const struct stored_session *row)
{
    const struct mqttsn_message topic = { .type = MQTTSN_WILLTOPIC,
                                          .qos = row->will_qos,
                                          .retain = row->will_retain,
                                          .tail = stored_span(&row->will_topic) };
    if (!row->has_will)
        return;
    must(will_set_topic(&s->will, &topic));
    must(will_set_message(s->will, stored_span(&row->will_message)));
}

void stored_load_session(const struct stored_session *row, struct session *s, msec now)
{
    s->clean = row->clean;
    s->keep_alive_s = row->keep_alive_s;
    s->sleep_s = row->sleep_s;
    s->last_message_id = row->last_message_id;
    s->topics.last_id = row->last_topic_id;
    load_will(s, row);
    session_restore(s, (enum session_state)row->state, row->since, now);
}

static void load_subscription(const struct stored_subscription *row, struct session *s,
                              struct aggregate *shared)
{
    struct subscription *sub = subscriptions_restore(&s->subscriptions, stored_span(&row->filter),
                                                     (enum subscription_standing)row->standing);
    must(sub != NULL);
    sub->qos = row->qos;
    sub->topic_id_type = row->topic_id_type;
    sub->topic_id = row->topic_id;
    if (shared && sub->standing == SUBSCRIPTION_GRANTED)
        must(aggregate_restore(shared, s, sub->filter, row->qos));
}

void stored_load_tables(const struct stored_session *row, struct session *s, struct aggregate *shared)
{
    for (size_t i = 0; i < row->topic_count; i++)
        must(registry_restore(&s->topics, row->topics[i].id, stored_span(&row->topics[i].name),
                              (enum topic_standing)row->topics[i].standing));
    for (size_t i = 0; i < row->subscription_count; i++)
        load_subscription(&row->subscriptions[i], s, shared);
    for (size_t i = 0; i < EXCHANGES; i++) {
        struct exchange e = row->exchanges[i];
        e.packet_id = 0;
        if (row->places >> i & 1U)
            session_restore_exchange(s, i, &e);
    }
}

struct queued *stored_load_message(const struct stored_message *row)
{
    const struct mqtt_packet p = { .type = MQTT_PUBLISH,
                                   .qos = row->qos,
                                   .retain = row->retain,
                                   .topic = stored_span(&row->topic),
                                   .payload = stored_span(&row->payload) };
    struct queued *q = queued_new(&p, row->since);
    must(q != NULL);
    q->row = row->row;
    q->up = row->up;
    q->phase = row->phase;
    q->message_id = row->message_id;
    return q;
}

void stored_begin_anew(struct queued *q, struct actions *out)
{
    q->phase = QUEUED_WAITING;
    q->message_id = 0;
    actions_keep(out, q);
}
