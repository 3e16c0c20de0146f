/* outage_day_test.c -- the broker is away for a day, a hundred nodes go on with a QoS 1 message each minute, then it is
 * back (SN-BRK-2, design section 6). Time is a number, the disk is always in time, and whoever drains gives each node
 * its turn. What every node was told "accepted" for arrives, in its order, and once as long as no connection breaks. */
#include "gateway/core/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define TEXT(t) span_text(t)

enum { NODES = 100, MINUTES = 1440, MINUTE = 60000, UNANSWERED = NODES * 8 };

struct day_node {
    struct session session;
    uint32_t said, accepted; /* readings */
    uint32_t arrived;        /* the broker has all up to this one */
};

struct day {
    struct limits limits;
    struct access access;
    struct keeping keeping;
    struct common common;
    struct aggregate *shared;
    struct actions actions;
    struct day_node nodes[NODES];
    msec now;
    uint64_t rows;
    uint16_t unanswered[UNANSWERED]; /* packet ids, as they came */
    size_t unanswered_count;
    uint32_t received, again; /* messages that the broker had, and those of them that it had already */
};

/* ---- the gateway ------------------------------------------------------------------------------------------------- */

static struct upstream *link_of(const struct day *d)
{
    return aggregate_upstream(d->shared);
}

static void perform(struct day *d, struct day_node *node)
{
    for (size_t i = 0; i < d->actions.count; i++) {
        const struct action *a = &d->actions.list[i];
        if (a->kind == ACTION_KEEP && a->keep->row == 0)
            a->keep->row = ++d->rows;
        if (a->kind == ACTION_UPSTREAM)
            link_of(d)->strategy->request(link_of(d), &node->session, &a->upstream, d->now);
        if (a->kind == ACTION_SEND && a->send.type == MQTTSN_PUBACK)
            node->accepted += a->send.return_code == MQTTSN_ACCEPTED;
    }
    d->actions.count = 0;
}

static struct day_node *node_of(struct day *d, const struct session *s)
{
    for (size_t i = 0; i < NODES; i++)
        if (&d->nodes[i].session == s)
            return &d->nodes[i];
    return NULL;
}

static void broker_says(struct day *d, struct mqtt_packet p)
{
    struct upstream *u = link_of(d);
    uint8_t refused;
    assert_true(upstream_hear(u, &p, d->now, &refused));
    while (u->hits.next < u->hits.count) {
        struct hit hit = u->hits.list[u->hits.next++];
        session_broker(hit.session, &hit.packet, d->now, &d->actions);
        perform(d, node_of(d, hit.session));
    }
    u->hits.count = u->hits.next = 0;
}

static void connect_broker(struct day *d, bool session_present)
{
    mqtt_client_open(&link_of(d)->mqtt, &(struct mqtt_connect){ .client_id = TEXT("g") }, d->now);
    buffer_consume(&link_of(d)->mqtt.out, link_of(d)->mqtt.out.len, SIZE_MAX);
    broker_says(d, (struct mqtt_packet){ .type = MQTT_CONNACK, .session_present = session_present });
}

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

static void node_says(struct day *d, struct day_node *node, struct mqttsn_message m)
{
    session_receive(&node->session, &m, d->now, &d->actions);
    perform(d, node);
}

/* Its next reading; the same one once more, if it was not accepted. */
static void node_publishes(struct day *d, struct day_node *node)
{
    char text[12];
    uint32_t before = node->accepted;
    snprintf(text, sizeof text, "%u", node->said + 1);
    node_says(d, node,
              (struct mqttsn_message){ .type = MQTTSN_PUBLISH,
                                       .qos = 1,
                                       .topic_id_type = MQTTSN_PREDEFINED,
                                       .topic_id = 2,
                                       .message_id = (uint16_t)(node->said % 60000 + 1),
                                       .tail = TEXT(text) });
    node->said += node->accepted > before;
}

static void a_minute_passes(struct day *d)
{
    for (size_t i = 0; i < NODES; i++) {
        d->now += MINUTE / NODES;
        node_publishes(d, &d->nodes[i]);
    }
}

/* ---- the broker -------------------------------------------------------------------------------------------------- */

static uint32_t number_in(struct span digits)
{
    char text[12] = "";
    assert_true(digits.len < sizeof text);
    memcpy(text, digits.at, digits.len);
    return (uint32_t)strtoul(text, NULL, 10);
}

static void broker_gets(struct day *d, const struct mqtt_packet *p)
{
    size_t before = strlen("node/");
    uint32_t number = number_in(p->payload);
    uint32_t place = number_in(span_of(p->topic.at + before, p->topic.len - before));
    struct day_node *node = &d->nodes[place];
    bool known = number <= node->arrived;
    d->received++;
    d->again += known;
    assert_true(known ? p->dup : number == node->arrived + 1);
    node->arrived = known ? node->arrived : number;
    assert_true(d->unanswered_count < UNANSWERED);
    d->unanswered[d->unanswered_count++] = p->packet_id;
}

static void broker_reads(struct day *d)
{
    struct buffer *out = &link_of(d)->mqtt.out;
    struct mqtt_packet p;
    size_t total = 0, at = 0;
    for (struct span bytes; bytes = buffer_span(out), at < bytes.len; at += total) {
        struct span rest = span_of(bytes.at + at, bytes.len - at);
        assert_int_equal(mqtt_frame_len(rest, &total), MQTT_OK);
        assert_int_equal(mqtt_decode(span_of(rest.at, total), &p), MQTT_OK);
        if (p.type == MQTT_PUBLISH)
            broker_gets(d, &p);
    }
    buffer_consume(out, out->len, SIZE_MAX);
}

/* The last one first, since it may. */
static void broker_answers(struct day *d)
{
    while (d->unanswered_count > 0)
        broker_says(d, (struct mqtt_packet){ .type = MQTT_PUBACK,
                                             .packet_id = d->unanswered[--d->unanswered_count] });
}

static bool everybody_has_a_turn(struct day *d)
{
    bool more = false;
    for (size_t i = 0; i < NODES; i++) {
        if (!session_wants_turn(&d->nodes[i].session))
            continue;
        more = session_drain(&d->nodes[i].session, UINT64_MAX, d->now, &d->actions) || more;
        perform(d, &d->nodes[i]);
    }
    return more;
}

static bool is_empty(const struct day *d)
{
    return d->keeping.uplink_bytes == 0;
}

/* ---- the day ----------------------------------------------------------------------------------------------------- */

static struct limits generous(void)
{
    return (struct limits){ .topics = 8,
                            .inflight_in = 4,
                            .max_client_id = 32,
                            .queue_bytes = 1024,
                            .uplink_bytes = 32 << 20,
                            .uplink_ttl = (msec)7 * 86400 * 1000,
                            .retry = 10000,
                            .retry_count = 3,
                            .max_idle = 86400 * 1000,
                            .connect_timeout = 10000,
                            .session_expiry = 86400 * 1000,
                            .qos2_expiry = 3600 * 1000 };
}

static void node_begins(struct day *d, size_t place)
{
    char name[8];
    struct day_node *node = &d->nodes[place];
    snprintf(name, sizeof name, "%zu", place);
    assert_true(session_init(&node->session, TEXT(name), &d->common, d->now));
    node->session.access = &d->access;
    node->session.max_message = 200;
    node->session.upstream = link_of(d);
    struct mqttsn_message connect = {
        .type = MQTTSN_CONNECT, .protocol_id = 1, .duration = 120, .tail = TEXT(name)
    };
    node_says(d, node, connect);
    session_broker(&node->session, &(struct mqtt_packet){ .type = MQTT_CONNACK }, d->now,
                   &d->actions);
    link_of(d)->hits.count = 0;
    d->actions.count = 0;
    assert_int_equal(node->session.state, SESSION_ACTIVE);
}

static int open_day(void **state)
{
    static const struct predefined_row rows[] = { { "*", "node/{client}", 2 } };
    struct day *d = calloc(1, sizeof *d);
    d->limits = generous();
    d->access.allow = true;
    d->keeping.on = true;
    d->common = (struct common){ &d->limits, predefined_new(rows, 1), &d->keeping };
    d->now = 1000000;
    d->actions.room = actions_needed(8, 8);
    d->actions.list = calloc(d->actions.room, sizeof *d->actions.list);
    d->shared = aggregate_new(7);
    mqtt_client_init(&link_of(d)->mqtt, 0, 10000);
    link_of(d)->flight_limit = d->limits.uplink_bytes;
    connect_broker(d, false);
    for (size_t i = 0; i < NODES; i++)
        node_begins(d, i);
    mqtt_client_lost(&link_of(d)->mqtt); /* and here the outage begins */
    *state = d;
    return 0;
}

static int close_day(void **state)
{
    struct day *d = *state;
    for (size_t i = 0; i < NODES; i++) {
        upstream_leave(link_of(d), &d->nodes[i].session, d->now);
        session_clear(&d->nodes[i].session);
    }
    aggregate_free(d->shared);
    predefined_release(d->common.predefined);
    free(d->actions.list);
    free(d);
    return 0;
}

static void everything_accepted_has_arrived(const struct day *d)
{
    for (size_t i = 0; i < NODES; i++) {
        assert_int_equal(d->nodes[i].said, d->nodes[i].accepted);
        assert_int_equal(d->nodes[i].arrived, d->nodes[i].accepted);
    }
    assert_int_equal(link_of(d)->mqtt.flights.count, 0);
}

/* ---- scenes ------------------------------------------------------------------------------------------------------ */

static void a_day_s_messages_arrive_in_order_and_once(void **state) /* SN-BRK-2 */
{
    struct day *d = *state;
    for (int i = 0; i < MINUTES; i++)
        a_minute_passes(d);
    assert_int_equal(d->rows, NODES * MINUTES); /* nobody was refused */
    connect_broker(d, true);
    while (!is_empty(d)) {
        (void)everybody_has_a_turn(d);
        broker_reads(d);
        if (d->unanswered_count > UNANSWERED / 2 || !everybody_has_a_turn(d)) {
            broker_reads(d);
            broker_answers(d);
        }
    }
    everything_accepted_has_arrived(d);
    assert_int_equal(d->received, NODES * MINUTES);
}

static void while_it_drains_nodes_go_on_and_stay_in_order(void **state) /* design section 6 */
{
    struct day *d = *state;
    for (int i = 0; i < 60; i++)
        a_minute_passes(d);
    connect_broker(d, true);
    while (!is_empty(d)) { /* one comes, two leave */
        a_minute_passes(d);
        (void)everybody_has_a_turn(d);
        (void)everybody_has_a_turn(d);
        broker_reads(d);
        broker_answers(d);
    }
    a_minute_passes(d); /* nothing waits any more: end to end */
    assert_int_equal(d->rows, NODES * 120);
    broker_reads(d);
    broker_answers(d);
    assert_int_equal(d->received, NODES * 121);
}

static void a_connection_that_breaks_costs_repetitions_and_nothing_else(void **state) /* MQTT-4.4.0-1 */
{
    struct day *d = *state;
    for (int i = 0; i < 240; i++)
        a_minute_passes(d);
    connect_broker(d, true);
    for (int i = 0; !is_empty(d); i++) {
        (void)everybody_has_a_turn(d);
        broker_reads(d);
        if (i % 7 == 3) {
            mqtt_client_lost(&link_of(d)->mqtt);
            d->unanswered_count = 0;
            connect_broker(d, true);
            broker_reads(d);
        }
        if (i % 3 == 0)
            broker_answers(d);
    }
    everything_accepted_has_arrived(d);
    assert_true(d->again > 0);
    assert_int_equal(d->received - d->again, NODES * 240);
}

static void what_is_accepted_arrives_also_if_there_was_not_room_for_all(void **state) /* SN-CNG-1 */
{
    struct day *d = *state;
    d->limits.uplink_bytes = 1 << 20;
    for (int i = 0; i < MINUTES; i++)
        a_minute_passes(d);
    assert_true(d->rows < NODES * MINUTES);
    assert_true(d->keeping.uplink_bytes <= d->limits.uplink_bytes);
    connect_broker(d, true);
    while (!is_empty(d)) {
        (void)everybody_has_a_turn(d);
        broker_reads(d);
        broker_answers(d);
    }
    everything_accepted_has_arrived(d);
    assert_int_equal(d->received, d->rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_day_s_messages_arrive_in_order_and_once, open_day,
                                        close_day),
        cmocka_unit_test_setup_teardown(while_it_drains_nodes_go_on_and_stay_in_order, open_day,
                                        close_day),
        cmocka_unit_test_setup_teardown(a_connection_that_breaks_costs_repetitions_and_nothing_else,
                                        open_day, close_day),
        cmocka_unit_test_setup_teardown(what_is_accepted_arrives_also_if_there_was_not_room_for_all,
                                        open_day, close_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
