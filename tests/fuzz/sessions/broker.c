/* broker.c -- a model of the broker for the session fuzzer: what it owes, what it waits for, and what it may not see.
 *
 * It remembers each request until it is answered and each message of its own until it is acknowledged, in a window as
 * brokers have one. Whatever the gateway writes is decoded; an acknowledgement for something that was never sent, or
 * was acknowledged before, breaks a promise. */
#include "tests/fuzz/sessions/disk.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- what it owes ------------------------------------------------------------------------------------------------ */

static void owe(struct world *w, struct line *l, const struct due *d)
{
    must(w, l->due_count < sizeof l->dues / sizeof l->dues[0],
         "requests without an answer are bounded");
    l->dues[l->due_count++] = *d;
}

static struct sent *sent_by_id(struct line *l, uint16_t packet_id)
{
    for (size_t i = 0; i < l->sent_count; i++)
        if (l->sent[i].packet_id == packet_id)
            return &l->sent[i];
    return NULL;
}

static void sent_end(struct line *l, struct sent *one)
{
    *one = l->sent[--l->sent_count];
}

/* ---- what it hears ----------------------------------------------------------------------------------------------- */

static void connect_heard(struct world *w, struct line *l, const struct mqtt_packet *p)
{
    must(w, !l->asked, "one CONNECT for each connection");
    l->asked = true;
    l->clean = p->connect.clean;
    l->due_count = 0;
    l->stray_releases = 0;
    l->stored = l->stored && !l->clean;
    if (l->clean)
        l->sent_count = 0;
}

static void ack_heard(struct world *w, struct line *l, const struct mqtt_packet *p)
{
    struct sent *one = sent_by_id(l, p->packet_id);
    if (p->type == MQTT_PUBACK) {
        must(w, one && one->qos == 1, "PUBACK to the broker is for a message that waits for it");
        judge_acknowledged(w, l, one->tag);
        sent_end(l, one);
    } else if (p->type == MQTT_PUBREC) {
        must(w, one && one->qos == 2, "PUBREC to the broker is for a message that waits for it");
        judge_acknowledged(w, l, one->tag);
        if (!one->released)
            owe(w, l, &(struct due){ .type = MQTT_PUBREL, .packet_id = p->packet_id });
        one->received = true;
    } else if (one && one->released) {
        sent_end(l, one);
    } else {
        must(w, l->stray_releases > 0, "PUBCOMP to the broker is for a message that it released");
        l->stray_releases--;
    }
}

static uint8_t answer_to(const struct mqtt_packet *p)
{
    switch (p->type) {
    case MQTT_PUBLISH:
        return p->qos == 2 ? MQTT_PUBREC : MQTT_PUBACK;
    case MQTT_PUBREL:
        return MQTT_PUBCOMP;
    case MQTT_SUBSCRIBE:
        return MQTT_SUBACK;
    case MQTT_UNSUBSCRIBE:
        return MQTT_UNSUBACK;
    default:
        return MQTT_PINGRESP;
    }
}

static void request_heard(struct world *w, struct line *l, const struct mqtt_packet *p)
{
    bool publish = p->type == MQTT_PUBLISH;
    if (publish)
        judge_published(w, l, p);
    if (publish && p->qos == 2)
        judge_received(w, l, p);
    if (p->type == MQTT_PUBREL)
        judge_released(l, p->packet_id);
    if (!publish || p->qos > 0)
        owe(w, l,
            &(struct due){ .type = answer_to(p),
                           .qos = p->qos,
                           .packet_id = p->packet_id,
                           .content = publish ? judge_hash(p->payload) : 0 });
}

void broker_hears(struct world *w, struct line *l, struct span frame)
{
    struct mqtt_packet p;
    must(w, mqtt_decode(frame, &p) == MQTT_OK, "what goes to the broker is valid MQTT");
    if (w->trace)
        fprintf(stderr, "  > broker %td %s id=%u qos=%u\n", l - w->lines, mqtt_type_name(p.type),
                p.packet_id, p.qos);
    if (p.type == MQTT_CONNECT)
        connect_heard(w, l, &p);
    else if (p.type == MQTT_PUBACK || p.type == MQTT_PUBREC || p.type == MQTT_PUBCOMP)
        ack_heard(w, l, &p);
    else if (p.type != MQTT_DISCONNECT)
        request_heard(w, l, &p);
}

/* ---- what it says ------------------------------------------------------------------------------------------------ */

static bool line_is_up(const struct line *l)
{
    return l->made && l->up->mqtt.state == MQTT_CLIENT_ONLINE;
}

static void hear(struct world *w, struct line *l, struct span frame)
{
    struct mqtt_packet heard;
    uint8_t refused = 0;
    if (mqtt_decode(frame, &heard) != MQTT_OK || !upstream_hear(l->up, &heard, w->now, &refused) ||
        refused != 0)
        line_lost(w, l);
    else if (heard.type == MQTT_CONNACK && !heard.session_present)
        disk_drop_arrivals(w, l);
    world_settle(w);
}

void broker_says(struct world *w, struct line *l, struct mqtt_packet p)
{
    if (!l->made || l->up->mqtt.state == MQTT_CLIENT_OFFLINE)
        return;
    if (w->trace)
        fprintf(stderr, "%zu < broker %td %s id=%u qos=%u code=%u\n", w->step, l - w->lines,
                mqtt_type_name(p.type), p.packet_id, p.qos, p.code);
    if (p.type == MQTT_SUBACK)
        p.payload = span_of(&p.code, 1);
    for (size_t i = 0; i < l->due_count; i++)
        if (l->dues[i].packet_id == p.packet_id &&
            (p.type == MQTT_PUBACK || (p.type == MQTT_PUBREC && l->dues[i].type == MQTT_PUBREC)))
            judge_accepted(w, l->dues[i].content);
    size_t len = mqtt_encoded_len(&p);
    uint8_t *frame = malloc(len);
    struct writer to = writer_of(frame, len);
    if (mqtt_encode(&p, &to) == MQTT_OK)
        hear(w, l, span_of(frame, len));
    free(frame);
}

/* What was not acknowledged before the connection broke, once more. */
static void send_again(struct world *w, struct line *l)
{
    struct sent all[WORLD_WINDOW];
    size_t count = l->sent_count;
    memcpy(all, l->sent, sizeof all);
    for (size_t i = 0; i < count && line_is_up(l); i++) {
        struct sent *one = sent_by_id(l, all[i].packet_id);
        if (one && one->received) {
            one->released = true;
            broker_says(w, l,
                        (struct mqtt_packet){ .type = MQTT_PUBREL, .packet_id = one->packet_id });
        } else if (one) {
            uint8_t payload[NODE_FRAME_MAX] = { 'd', (uint8_t)(one->tag >> 8), (uint8_t)one->tag };
            broker_says(w, l,
                        (struct mqtt_packet){ .type = MQTT_PUBLISH,
                                              .dup = true,
                                              .qos = one->qos,
                                              .packet_id = one->packet_id,
                                              .topic = node_topic(w->tag_topics[one->tag]),
                                              .payload = span_of(payload, one->len) });
        }
    }
}

void broker_accepts(struct world *w, struct line *l, bool session_present)
{
    bool present = session_present && l->stored;
    if (!l->asked)
        return;
    l->asked = false;
    l->stored = !l->clean;
    if (!present) {
        l->sent_count = 0;
        judge_forgotten(w, l);
    }
    broker_says(w, l, (struct mqtt_packet){ .type = MQTT_CONNACK, .session_present = present });
    send_again(w, l);
}

static void connack(struct world *w, struct line *l, uint8_t code)
{
    enum { REFUSE_FROM = 240 };
    if (code < REFUSE_FROM) {
        broker_accepts(w, l, code & 1);
        return;
    }
    l->asked = false;
    broker_says(w, l, (struct mqtt_packet){ .type = MQTT_CONNACK, .code = (uint8_t)(1 + code % 5) });
}

void broker_answers(struct world *w, struct line *l, size_t which, uint8_t code)
{
    enum { FAIL_FROM = 224 };
    if (l->asked) {
        connack(w, l, code);
        return;
    }
    if (!line_is_up(l) || which >= l->due_count)
        return;
    struct due d = l->dues[which];
    struct mqtt_packet p = { .type = (enum mqtt_type)d.type, .packet_id = d.packet_id };
    if (d.type == MQTT_SUBACK)
        p.code = code >= FAIL_FROM ? MQTT_REFUSED : d.qos < code % 3 ? d.qos : code % 3;
    if (d.type == MQTT_PUBACK || d.type == MQTT_PUBREC)
        judge_accepted(w, d.content);
    struct sent *one = d.type == MQTT_PUBREL ? sent_by_id(l, d.packet_id) : NULL;
    if (one)
        one->released = true;
    l->stray_releases = (uint16_t)(l->stray_releases + (d.type == MQTT_PUBREL && !one));
    memmove(&l->dues[which], &l->dues[which + 1], (--l->due_count - which) * sizeof d);
    broker_says(w, l, p);
}

/* A clean session that just begins asked for nothing, and is not on disk. */
static bool knows_nobody(const struct world *w, const struct line *l)
{
    return w->disk && l != &w->lines[WORLD_SHARED] && !w->disk->open.sessions[l - w->lines].here;
}

void broker_publishes(struct world *w, struct line *l, uint8_t topic, uint8_t how, uint8_t size)
{
    enum { FLAG_RETAIN = 0x04, PACKET_IDS = 48 }; /* so few that they come again */
    uint8_t payload[NODE_FRAME_MAX] = { 'd', (uint8_t)(w->tag_count >> 8), (uint8_t)w->tag_count };
    uint8_t qos = how % 3;
    if (!line_is_up(l) || knows_nobody(w, l) || w->tag_count == WORLD_TAGS ||
        (qos > 0 && l->sent_count == WORLD_WINDOW))
        return;
    size_t len = 3 + (size > 200 ? size * 2U : size / 4U);
    do {
        l->last_packet_id = (uint16_t)(l->last_packet_id % PACKET_IDS + 1);
    } while (sent_by_id(l, l->last_packet_id));
    w->tag_topics[w->tag_count] = topic;
    w->tag_ids[w->tag_count] = qos > 0 ? l->last_packet_id : 0;
    if (qos > 0)
        l->sent[l->sent_count++] = (struct sent){
            .packet_id = l->last_packet_id, .tag = w->tag_count, .len = (uint16_t)len, .qos = qos
        };
    w->tag_count++;
    struct mqtt_packet p = { .type = MQTT_PUBLISH,
                             .qos = qos,
                             .retain = how & FLAG_RETAIN,
                             .packet_id = qos > 0 ? l->last_packet_id : 0,
                             .topic = node_topic(topic),
                             .payload = span_of(payload, len) };
    judge_expects(w, l, &p);
    broker_says(w, l, p);
    judge_reached(w, l);
}
