/* sim_deconz.c -- the stick side of the deCONZ protocol: a simulated ConBee II.
 *
 * It keeps what the real one keeps: parameters, a few places for requests, a queue of frames that came, and one of what
 * became of those that went. It never pushes a frame, only its state octet when there is news in it; the host has to
 * ask. A network comes to be as with the real one: parameters are written, the network is taken offline and connected
 * again. A reset loses everything but the network, and so does a watchdog that the host wound up and then forgot.
 *
 * --stick-option 1: old firmware, which tells only the 16-bit address of a sender and has no watchdog. 2: firmware that
 * sometimes answers with the wrong command. */
#include "tools/sim_deconz_inside.h"

#include "radio/little.h"

enum {
    CONBEE_II = 0x26780700,
    PROTOCOL = 0x010E,
    LEAVE_MS = 50,
    JOIN_MS = 200,
    RESTART_MS = 1000,
    WRONG_EVERY = 10,
    CHANNEL_FIRST = 11,
    CHANNEL_LAST = 26,
    USUAL_MASK = 0x02108800,
};

/* ---- the state octet, and frames to the host -------------------------------------------------------------------- */

uint8_t conbee_state(const struct stick *s)
{
    uint8_t octet = (uint8_t)s->state;
    bool free = false;
    for (size_t i = 0; i < SLOTS; i++)
        free = free || !s->slots[i].used;
    octet = (uint8_t)(octet | (s->confirm_count > 0 ? DECONZ_CONFIRM_WAITS : 0));
    octet = (uint8_t)(octet | (s->arrival_count > 0 ? DECONZ_INDICATION_WAITS : 0));
    return (uint8_t)(octet | (free ? DECONZ_SLOTS_FREE : 0));
}

void conbee_say(struct stick *s, const struct deconz_frame *f)
{
    uint8_t room[2 * DECONZ_FRAME_MAX + 2];
    struct writer w = writer_of(room, sizeof room);
    deconz_write(f, &w);
    s->s.world->write(s->s.world->context, span_of(room, sizeof room - w.left));
}

/* Answers, with a body; it holds the state octet in the end, where there is one. */
void conbee_answer(struct stick *s, const struct deconz_frame *to, enum deconz_status status,
                   struct span body)
{
    struct deconz_frame f = { to->command, to->sequence, (uint8_t)status, body };
    if (s->s.option == WRONG_ANSWERS && ++s->answers % WRONG_EVERY == 0 &&
        f.command != DECONZ_INDICATION && f.command != DECONZ_CONFIRM)
        f.command = DECONZ_VERSION;
    s->told = conbee_state(s);
    conbee_say(s, &f);
}

void conbee_answer_payload(struct stick *s, const struct deconz_frame *to,
                           enum deconz_status status, struct span payload)
{
    uint8_t room[DECONZ_FRAME_MAX];
    struct writer w = writer_of(room, sizeof room);
    deconz_write_payload(payload, &w);
    conbee_answer(s, to, status, span_of(room, sizeof room - w.left));
}

/* Unasked, when there is something new. */
void conbee_tell_state(struct stick *s)
{
    const uint8_t now = conbee_state(s), body[2] = { now, 0 };
    const bool network = (now ^ s->told) & DECONZ_NETWORK_MASK;
    if (!network && !(now & ~s->told))
        return;
    s->told = now;
    conbee_say(s, &(struct deconz_frame){ DECONZ_STATE_CHANGED, s->sequence++, DECONZ_OK,
                                          span_of(body, 2) });
}

/* ---- parameters ------------------------------------------------------------------------------------------------- */

static uint64_t number_of(const struct stick *s, uint8_t parameter)
{
    const struct value *v = &s->values[parameter];
    struct reader r = reader_of(span_of(v->bytes, v->len));
    return read_little(&r, v->len < 8 ? v->len : 8);
}

static void set_number(struct stick *s, uint8_t parameter, uint64_t number, uint8_t octets)
{
    struct value *v = &s->values[parameter];
    struct writer w = writer_of(v->bytes, sizeof v->bytes);
    write_little(&w, number, octets);
    v->len = octets;
}

static void set_key(struct stick *s, const uint8_t key[DECONZ_KEY_LEN])
{
    struct value *v = &s->values[DECONZ_NETWORK_KEY];
    v->bytes[0] = 0;
    memcpy(v->bytes + 1, key, DECONZ_KEY_LEN);
    v->len = 1 + DECONZ_KEY_LEN;
}

/* As it leaves the factory, or with the network that it kept. */
static void load_parameters(struct stick *s)
{
    const struct sim_network *n = s->s.network;
    const uint32_t channel = n->formed ? UINT32_C(1) << n->channel : USUAL_MASK;
    set_number(s, DECONZ_MAC_ADDRESS, s->s.eui64, 8);
    set_number(s, DECONZ_PAN_ID, n->formed ? n->pan_id : 0xFFFF, 2);
    set_number(s, DECONZ_NWK_ADDRESS, 0, 2);
    set_number(s, DECONZ_EXTENDED_PAN_ID, n->formed ? n->extended_pan_id : 0, 8);
    set_number(s, DECONZ_WANTED_EXTENDED_PAN_ID, n->formed ? n->extended_pan_id : 0, 8);
    set_number(s, DECONZ_COORDINATOR, 1, 1);
    set_number(s, DECONZ_CHANNEL_MASK, channel, 4);
    set_number(s, DECONZ_CHANNEL, n->formed ? n->channel : 0, 1);
    set_number(s, DECONZ_PERMIT_JOIN, 0, 1);
    set_number(s, DECONZ_PROTOCOL_VERSION, PROTOCOL, 2);
    set_key(s, n->key);
    memset(s->endpoints, 0, sizeof s->endpoints);
}

static void answer_value(struct stick *s, const struct deconz_frame *to, enum deconz_status status,
                         const struct deconz_value *v)
{
    uint8_t room[VALUE_MAX + 8];
    struct writer w = writer_of(room, sizeof room);
    deconz_write_value(v, &w);
    conbee_answer(s, to, status, span_of(room, sizeof room - w.left));
}

static bool knows(const struct stick *s, uint8_t parameter)
{
    return parameter < PARAMETERS && !(s->s.option == OLD_FIRMWARE && parameter == DECONZ_WATCHDOG);
}

static void read_parameter(struct stick *s, const struct deconz_frame *f, msec now)
{
    struct deconz_value v;
    (void)now;
    if (!deconz_read_value(f->body, &v)) {
        conbee_answer_payload(s, f, DECONZ_ERROR, span_of(NULL, 0));
        return;
    }
    const bool endpoint = v.parameter == DECONZ_ENDPOINT;
    const struct value *have = &s->values[knows(s, v.parameter) ? v.parameter : 0];
    if (endpoint && v.value.len == 1 && v.value.at[0] < ENDPOINTS)
        have = &s->endpoints[v.value.at[0]];
    v.value = span_of(have->bytes, have->len);
    answer_value(s, f, have->len > 0 ? DECONZ_OK : DECONZ_UNSUPPORTED, &v);
}

static void value_has_come(struct stick *s, uint8_t parameter, msec now)
{
    if (parameter == DECONZ_WATCHDOG)
        s->watchdog_at = now + number_of(s, parameter) * 1000;
    if (parameter == DECONZ_PERMIT_JOIN)
        s->s.world->permit_join(s->s.world->context, (uint8_t)number_of(s, parameter));
}

static void write_parameter(struct stick *s, const struct deconz_frame *f, msec now)
{
    struct deconz_value v;
    if (!deconz_read_value(f->body, &v)) {
        conbee_answer_payload(s, f, DECONZ_ERROR, span_of(NULL, 0));
        return;
    }
    const bool endpoint = v.parameter == DECONZ_ENDPOINT && v.value.len > 0;
    enum deconz_status status = knows(s, v.parameter) ? DECONZ_OK : DECONZ_UNSUPPORTED;
    if (v.value.len == 0 || v.value.len > VALUE_MAX || (endpoint && v.value.at[0] >= ENDPOINTS))
        status = DECONZ_INVALID_VALUE;
    if (status == DECONZ_OK) {
        struct value *to = endpoint ? &s->endpoints[v.value.at[0]] : &s->values[v.parameter];
        to->len = (uint8_t)v.value.len;
        memcpy(to->bytes, v.value.at, v.value.len);
        value_has_come(s, v.parameter, now);
    }
    v.value.len = 0;
    answer_value(s, f, status, &v);
}

/* ---- the network ------------------------------------------------------------------------------------------------ */

static void change(struct stick *s, enum deconz_network next, msec at)
{
    s->state = next == DECONZ_OFFLINE ? DECONZ_LEAVING : DECONZ_JOINING;
    s->state_then = next;
    s->change_at = at;
}

/* What was written counts from now on. */
static void form(struct stick *s)
{
    struct sim_network *n = s->s.network;
    const uint64_t mask = number_of(s, DECONZ_CHANNEL_MASK);
    n->channel = CHANNEL_FIRST;
    while (n->channel < CHANNEL_LAST && !(mask >> n->channel & 1))
        n->channel++;
    n->pan_id = (uint16_t)number_of(s, DECONZ_PAN_ID);
    n->extended_pan_id = number_of(s, DECONZ_WANTED_EXTENDED_PAN_ID);
    memcpy(n->key, s->values[DECONZ_NETWORK_KEY].bytes + 1, DECONZ_KEY_LEN);
    n->formed = true;
    set_number(s, DECONZ_EXTENDED_PAN_ID, n->extended_pan_id, 8);
    set_number(s, DECONZ_CHANNEL, n->channel, 1);
}

static void network_changes(struct stick *s)
{
    s->change_at = MSEC_NEVER;
    s->state = s->state_then;
    if (s->state == DECONZ_CONNECTED && number_of(s, DECONZ_PAN_ID) == 0xFFFF)
        s->state = DECONZ_OFFLINE; /* there is nothing to connect to */
    else if (s->state == DECONZ_CONNECTED)
        form(s);
}

static void change_state(struct stick *s, const struct deconz_frame *f, msec now)
{
    const uint8_t next = f->body.len > 0 ? f->body.at[0] : DECONZ_JOINING;
    if (next != DECONZ_OFFLINE && next != DECONZ_CONNECTED) {
        conbee_answer(s, f, DECONZ_INVALID_VALUE, f->body);
        return;
    }
    conbee_answer(s, f, DECONZ_OK, span_of(&next, 1));
    if (next != s->state)
        change(s, (enum deconz_network)next, now + (next == DECONZ_OFFLINE ? LEAVE_MS : JOIN_MS));
}

/* ---- commands --------------------------------------------------------------------------------------------------- */

static void give_version(struct stick *s, const struct deconz_frame *f, msec now)
{
    uint8_t body[4];
    struct writer w = writer_of(body, sizeof body);
    (void)now;
    write_le32(&w, CONBEE_II);
    conbee_answer(s, f, DECONZ_OK, span_of(body, sizeof body));
}

static void give_state(struct stick *s, const struct deconz_frame *f, msec now)
{
    const uint8_t body[3] = { conbee_state(s), 0, 0 };
    (void)now;
    conbee_answer(s, f, DECONZ_OK, span_of(body, sizeof body));
}

static conbee_command *const commands[] = {
    [DECONZ_VERSION] = give_version,        [DECONZ_STATE] = give_state,
    [DECONZ_READ] = read_parameter,         [DECONZ_WRITE] = write_parameter,
    [DECONZ_REQUEST] = conbee_take_request, [DECONZ_CHANGE_STATE] = change_state,
    [DECONZ_CONFIRM] = conbee_give_confirm, [DECONZ_INDICATION] = conbee_give_indication,
};

static void deconz_hear(struct sim_stick *stick, struct span bytes, msec now)
{
    struct stick *s = stick_of(stick);
    struct deconz_frame f;
    while (deconz_next(&s->reader, &bytes, &f)) {
        conbee_command *run =
            f.command < sizeof commands / sizeof commands[0] ? commands[f.command] : NULL;
        if (run)
            run(s, &f, now);
        else
            conbee_answer(s, &f, DECONZ_UNSUPPORTED, span_of(NULL, 0));
        conbee_tell_state(s);
    }
}

static void start(struct stick *s, msec at)
{
    load_parameters(s);
    deconz_reader_init(&s->reader);
    memset(s->slots, 0, sizeof s->slots);
    s->arrival_count = s->confirm_count = 0;
    s->state = DECONZ_OFFLINE;
    s->change_at = s->watchdog_at = MSEC_NEVER;
    if (s->s.network->formed)
        change(s, DECONZ_CONNECTED, at);
}

static void deconz_plug(struct sim_stick *stick, msec now)
{
    struct stick *s = stick_of(stick);
    start(s, now + JOIN_MS);
    s->told = conbee_state(s);
}

static void deconz_reset(struct sim_stick *stick, msec now)
{
    struct stick *s = stick_of(stick);
    start(s, now + RESTART_MS);
    s->state = DECONZ_OFFLINE; /* until it is up again */
    conbee_tell_state(s);
}

static void deconz_tick(struct sim_stick *stick, msec now)
{
    struct stick *s = stick_of(stick);
    if (now >= s->watchdog_at) {
        s->s.world->log(s->s.world->context, "the watchdog was not fed: reset");
        deconz_reset(stick, now);
    }
    if (now >= s->change_at)
        network_changes(s);
    conbee_forget(s, now);
    conbee_tell_state(s);
}

static msec deconz_deadline(const struct sim_stick *stick)
{
    const struct stick *s = (const struct stick *)stick;
    const msec own = s->change_at < s->watchdog_at ? s->change_at : s->watchdog_at;
    const msec slots = conbee_forgets_at(s);
    return own < slots ? own : slots;
}

static bool deconz_has_room(const struct sim_stick *s)
{
    return ((const struct stick *)s)->arrival_count < INDICATIONS / 2;
}

const struct sim_family sim_deconz = {
    .name = "deconz",
    .size = sizeof(struct stick),
    .baud = 115200,
    .plug = deconz_plug,
    .hear = deconz_hear,
    .tick = deconz_tick,
    .deadline = deconz_deadline,
    .receive = conbee_receive,
    .outcome = conbee_outcome,
    .joined = conbee_joined,
    .has_room = deconz_has_room,
    .reset = deconz_reset,
};
