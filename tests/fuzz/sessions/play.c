/* play.c -- the bytes of the session fuzzer as a program of steps: nodes speak, the broker answers or does not, time
 * passes, connections break, settings change.
 *
 * The first two octets choose the world, with a store or without. Then one chooses a step, the next ones its
 * details; a program that ends early ends with zeros. In a world with a store it commits now or later, falls ill and
 * gets well, and the gateway is killed and starts again. At the end all calm down: broker and nodes answer
 * everything, and then nothing may be left open. */
#include "tests/fuzz/sessions/disk.h"

#include <stdio.h>
#include <stdlib.h>

enum { STEPS_MAX = 700, TICKS = 400 };

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

static struct client *client_at(struct world *w, uint8_t dice)
{
    return &w->clients[dice % WORLD_CLIENTS];
}

/* Mostly where it is at home, sometimes elsewhere. */
static int address_of(const struct world *w, const struct client *c, uint8_t dice)
{
    enum { ELSEWHERE = 0xE8 };
    if (dice >= ELSEWHERE)
        return dice % WORLD_ADDRESSES;
    return c->address >= 0 ? c->address : (int)((c - w->clients) + 1) % WORLD_ADDRESSES;
}

static void node_says(struct world *w, int address, const struct mqttsn_message *m,
                      struct reader *in, uint8_t mutations)
{
    uint8_t frame[NODE_FRAME_MAX + 16];
    struct writer to = writer_of(frame, sizeof frame);
    if (mqttsn_encode(m, &to) != MQTTSN_OK)
        return;
    size_t len = sizeof frame - to.left;
    for (; mutations > 0; mutations--) {
        uint8_t at = read_u8(in);
        frame[at % len] ^= read_u8(in);
    }
    world_hears(w, address, span_of(frame, len));
}

static void remember(struct client *c, const struct mqttsn_message *m)
{
    struct writer to = writer_of(c->payload, sizeof c->payload);
    if (m->type != MQTTSN_PUBLISH || m->qos == 0 || m->qos > 2 || m->tail.len > sizeof c->payload)
        return;
    write_span(&to, m->tail);
    c->said = *m;
    c->said.tail.at = c->payload;
}

/* As nodes repeat what is not answered, with DUP, and networks double it, without. */
static void step_repeat(struct world *w, struct reader *in)
{
    uint8_t dice = read_u8(in);
    struct client *c = client_at(w, dice);
    struct mqttsn_message m = c->said;
    m.dup = m.dup || (dice & 0x80);
    if (m.type == MQTTSN_PUBLISH)
        node_says(w, address_of(w, c, dice), &m, NULL, 0);
}

static void step_message(struct world *w, struct reader *in, uint8_t mutations)
{
    uint8_t room[NODE_FRAME_MAX], dice = read_u8(in);
    struct client *c = client_at(w, dice);
    struct mqttsn_message m = node_message(w, c, in, room);
    remember(c, &m);
    node_says(w, address_of(w, c, dice), &m, in, mutations);
}

static void answer_seen(struct world *w, struct client *c, uint8_t code)
{
    struct mqttsn_message m = node_answer(c, code);
    c->waits = false;
    node_says(w, c->address, &m, NULL, 0);
}

static void step_answer(struct world *w, struct reader *in)
{
    enum { REJECT_FROM = 0xC0 };
    struct client *c = client_at(w, read_u8(in));
    uint8_t code = read_u8(in);
    if (c->here && c->address >= 0 && c->seen.type != 0)
        answer_seen(w, c, code < REJECT_FROM ? 0 : code & 3);
}

static void step_raw(struct world *w, struct reader *in)
{
    uint8_t dice = read_u8(in);
    struct span frame = read_span(in, dice % 32U < in->left ? dice % 32U : in->left);
    world_hears(w, dice % WORLD_ADDRESSES, frame);
}

/* A client that is there, so that the rest of the program has someone to meet. */
static void step_connect(struct world *w, struct reader *in)
{
    static const uint16_t durations[] = { 60, 0, 20, 60 };
    uint8_t dice = read_u8(in), how = read_u8(in);
    struct client *c = client_at(w, dice);
    struct mqttsn_message m = { .type = MQTTSN_CONNECT,
                                .protocol_id = 1,
                                .clean = how & 1,
                                .duration = durations[how >> 1 & 3],
                                .tail = span_text(c->name) };
    node_says(w, address_of(w, c, dice), &m, in, 0);
    broker_accepts(w, &w->lines[c - w->clients], how & 0x80);
}

static void step_subscribe(struct world *w, struct reader *in)
{
    enum { UNANSWERED = 0xD0 };
    uint8_t dice = read_u8(in), how = read_u8(in);
    struct client *c = client_at(w, dice);
    struct mqttsn_message m = { .type = MQTTSN_SUBSCRIBE,
                                .qos = how % 3,
                                .message_id = 9 + how % 8,
                                .tail = node_topic(how >> 2) };
    struct line *l = &w->lines[world_shares(w, c) ? WORLD_SHARED : c - w->clients];
    node_says(w, address_of(w, c, dice), &m, in, 0);
    if (how < UNANSWERED && l->made && l->due_count > 0)
        broker_answers(w, l, l->due_count - 1, 2);
}

/* A node that does not wait for answers. */
static void step_crowd(struct world *w, struct reader *in)
{
    enum { REQUESTS = 7, FIRST_ID = 20 };
    uint8_t dice = read_u8(in), how = read_u8(in);
    struct client *c = client_at(w, dice);
    struct mqttsn_message m = { .type = MQTTSN_SUBSCRIBE, .qos = 1, .tail = node_topic(how) };
    for (m.message_id = FIRST_ID; m.message_id < FIRST_ID + REQUESTS; m.message_id++)
        node_says(w, address_of(w, c, dice), &m, in, 0);
}

static void step_takeover(struct world *w, struct reader *in)
{
    uint8_t dice = read_u8(in);
    struct client *c = client_at(w, dice);
    bool connected =
        c->here &&
        (session_is_connected(&c->session) || c->session.state == SESSION_CONNECTING ||
         c->session.state == SESSION_WILL_TOPIC || c->session.state == SESSION_WILL_MESSAGE);
    if (connected && (dice < 0xC0 || !session_is_connected(&c->session)))
        world_client_lost(w, c);
    else if (connected)
        world_client_dismissed(w, c);
}

static void step_radio(struct world *w, struct reader *in)
{
    struct client *c = client_at(w, read_u8(in));
    if (c->here && c->session.radio_reports)
        world_radio_sent(w, c);
}

/* ---- broker ------------------------------------------------------------------------------------------------------ */

static struct line *line_at(struct world *w, uint8_t dice)
{
    return &w->lines[dice % WORLD_LINES];
}

/* The next line from there on that owes an answer. */
static struct line *line_owing(struct world *w, uint8_t dice)
{
    for (size_t i = 0; i < WORLD_LINES; i++) {
        struct line *l = &w->lines[(dice + i) % WORLD_LINES];
        if (l->made && (l->asked || l->due_count > 0))
            return l;
    }
    return line_at(w, dice);
}

static void step_broker_answers(struct world *w, struct reader *in)
{
    enum { DISORDER = 0xE0 };
    uint8_t dice = read_u8(in), code = read_u8(in);
    struct line *l = line_owing(w, dice);
    broker_answers(w, l, dice >= DISORDER && l->due_count > 0 ? dice % l->due_count : 0, code);
}

static void step_broker_publishes(struct world *w, struct reader *in)
{
    struct line *l = line_at(w, read_u8(in));
    uint8_t topic = read_u8(in), how = read_u8(in);
    broker_publishes(w, l, topic, how, read_u8(in));
}

static void step_broker_wrong(struct world *w, struct reader *in)
{
    static const uint8_t types[] = { MQTT_PUBACK, MQTT_PUBREC,   MQTT_PUBCOMP,  MQTT_SUBACK,
                                     MQTT_PUBREL, MQTT_UNSUBACK, MQTT_PINGRESP, MQTT_CONNACK };
    struct line *l = line_at(w, read_u8(in));
    uint8_t dice = read_u8(in);
    struct mqtt_packet p = { .type = (enum mqtt_type)types[dice & 7], .packet_id = 1 + (dice >> 3) };
    if (p.type == MQTT_CONNACK && l->asked)
        return; /* that would not be wrong */
    l->stray_releases = (uint16_t)(l->stray_releases + (p.type == MQTT_PUBREL));
    broker_says(w, l, p);
}

static void step_broker_lost(struct world *w, struct reader *in)
{
    enum { ALL = 0xC0, LONG = 0xE0 };
    uint8_t dice = read_u8(in);
    for (size_t i = 0; i < WORLD_LINES; i++)
        if (w->lines[i].made && (dice >= ALL || i == dice % WORLD_LINES))
            line_lost(w, &w->lines[i]);
    w->unreachable = w->unreachable || dice >= LONG;
    world_settle(w);
}

static void step_broker_returns(struct world *w, struct reader *in)
{
    uint8_t dice = read_u8(in);
    w->unreachable = false;
    for (size_t i = 0; i < WORLD_LINES; i++) {
        line_dial(w, &w->lines[i]);
        if (dice & 2)
            broker_accepts(w, &w->lines[i], dice & 1);
    }
}

/* ---- time -------------------------------------------------------------------------------------------------------- */

static void step_time(struct world *w, struct reader *in)
{
    static const uint32_t spans[] = { 1,     1000,  5000,  9999,   10000,   15000,
                                      30000, 60000, 90000, 600000, 3600000, 86400000 };
    uint8_t dice = read_u8(in);
    msec next = world_next_deadline(w);
    if (dice >= 0x80 && next != MSEC_NEVER)
        world_time(w, next > w->now ? next - w->now : 0, TICKS);
    else
        world_time(w, spans[dice % 48U / 4U], TICKS);
}

static void step_disk(struct world *w, struct reader *in)
{
    uint8_t how = read_u8(in);
    disk_step(w, how, read_u8(in));
}

/* ---- the program ------------------------------------------------------------------------------------------------- */

static void step(struct world *w, struct reader *in)
{
    static void (*const steps[])(struct world *, struct reader *) = {
        step_connect,
        step_connect,
        step_subscribe,
        step_answer,
        step_answer,
        step_answer,
        step_answer,
        step_broker_answers,
        step_broker_answers,
        step_broker_answers,
        step_broker_answers,
        step_broker_publishes,
        step_broker_publishes,
        step_broker_publishes,
        step_time,
        step_time,
        step_broker_lost,
        step_broker_returns,
        step_broker_wrong,
        step_radio,
        step_radio,
        step_raw,
        step_takeover,
        step_repeat,
        step_repeat,
        step_crowd,
    };
    enum { KNOWN = sizeof steps / sizeof steps[0], MUTATED = KNOWN + 4, LIMITS, CHOICES = 43 };
    enum { DISK_FROM = 230 };
    uint8_t dice = read_u8(in), which = dice % CHOICES;
    if (w->disk && dice >= DISK_FROM)
        step_disk(w, in);
    else if (which < KNOWN)
        steps[which](w, in);
    else if (which < MUTATED)
        step_message(w, in, (uint8_t)(1 + which % 3));
    else if (which == LIMITS)
        world_limits(w, read_u8(in));
    else
        step_message(w, in, 0);
}

/* Each client shows itself and answers what it hears, until it hears nothing new. */
static void calm_client(struct world *w, struct client *c)
{
    enum { ANSWERS_MAX = 60 };
    struct mqttsn_message ping = { .type = MQTTSN_PINGREQ, .tail = span_text(c->name) };
    if (!c->here || c->address < 0)
        return;
    node_says(w, c->address, &ping, NULL, 0);
    for (size_t i = 0; i < ANSWERS_MAX && c->here && c->address >= 0; i++) {
        while (c->here && c->session.unsent > 0)
            world_radio_sent(w, c);
        if (!c->waits)
            return;
        answer_seen(w, c, 0);
    }
}

static void calm_broker(struct world *w)
{
    enum { ANSWERS_MAX = 400 };
    for (size_t i = 0; i < WORLD_LINES; i++) {
        line_dial(w, &w->lines[i]);
        for (size_t n = 0; n < ANSWERS_MAX && (w->lines[i].asked || w->lines[i].due_count > 0); n++)
            broker_answers(w, &w->lines[i], 0, 1);
    }
}

static void calm_down(struct world *w)
{
    enum { ROUNDS = 12 };
    w->unreachable = false;
    disk_calm(w);
    for (size_t round = 0; round < ROUNDS; round++) {
        calm_broker(w);
        for (size_t i = 0; i < WORLD_CLIENTS; i++)
            calm_client(w, &w->clients[i]);
        calm_broker(w);
        if (round + 1 < ROUNDS)
            world_time(w, 5 * SECOND, TICKS);
    }
    judge_calm(w);
}

size_t sessions_play(const uint8_t *bytes, size_t len)
{
    struct reader in = reader_of(span_of(bytes, len));
    uint8_t kind = read_u8(&in);
    struct world *w = world_new(kind, read_u8(&in));
    w->trace = getenv("SESSIONS_TRACE") != NULL;
    for (; in.left > 0 && w->step < STEPS_MAX; w->step++)
        step(w, &in);
    calm_down(w);
    size_t steps = w->step;
    world_free(w);
    return steps;
}
