/* deconz_start.c -- the way of a deCONZ stick from an open line to a network.
 *
 * Each stretch of it is a program, a table of steps that are taken one after the other: a parameter to read or write, a
 * change of the network's state to ask for and to wait for. INQUIRE reads everything, and deconz_network.c decides what
 * follows: SETTLE on the network that is there, CONNECT to it, or FORM one. RECOVER waits for a network that was lost.
 *
 * Parameters that only some firmware has may be refused; what the network is made of may not. The firmware's answer for
 * the network key and the endpoint differs in what stands in front of the value, so the end of it is taken. */
#include "radio/deconz_inside.h"
#include "radio/little.h"

enum {
    TRUST_CENTRE_LINK_KEY = 3, /* security mode: no master key */
    WATCHDOG_S = 600,
    FEED_MS = WATCHDOG_S * 1000 / 3,
    CHANGE_MS = 30000,
    RECOVER_MS = 5000, /* it may come back by itself */
    WAIT_ONLY = 0      /* as a command */
};

struct step {
    uint8_t command;
    uint8_t what; /* the parameter, or the state of the network */
    bool must;    /* refused: give up */
};

static const struct step inquire[] = {
    { DECONZ_VERSION, 0, true },
    { DECONZ_READ, DECONZ_PROTOCOL_VERSION, false },
    { DECONZ_READ, DECONZ_MAC_ADDRESS, true },
    { DECONZ_READ, DECONZ_PAN_ID, true },
    { DECONZ_READ, DECONZ_EXTENDED_PAN_ID, true },
    { DECONZ_READ, DECONZ_WANTED_EXTENDED_PAN_ID, false },
    { DECONZ_READ, DECONZ_CHANNEL, false },
    { DECONZ_READ, DECONZ_CHANNEL_MASK, false },
    { DECONZ_READ, DECONZ_NETWORK_KEY, false },
    { DECONZ_READ, DECONZ_COORDINATOR, false },
    { DECONZ_STATE, 0, true },
};

static const struct step form[] = {
    { DECONZ_WRITE, DECONZ_COORDINATOR, true },
    { DECONZ_WRITE, DECONZ_CHANNEL_MASK, true },
    { DECONZ_WRITE, DECONZ_PREDEFINED_PAN_ID, false },
    { DECONZ_WRITE, DECONZ_PAN_ID, true },
    { DECONZ_WRITE, DECONZ_WANTED_EXTENDED_PAN_ID, true },
    { DECONZ_WRITE, DECONZ_TRUST_CENTRE, false },
    { DECONZ_WRITE, DECONZ_NETWORK_KEY, true },
    { DECONZ_WRITE, DECONZ_LINK_KEY, false },
    { DECONZ_WRITE, DECONZ_SECURITY_MODE, false }, /* not on a ConBee III */
    { DECONZ_CHANGE_STATE, DECONZ_OFFLINE, true },
    { DECONZ_CHANGE_STATE, DECONZ_CONNECTED, true },
};

static const struct step join[] = { { DECONZ_CHANGE_STATE, DECONZ_CONNECTED, true } };
static const struct step recover[] = { { WAIT_ONLY, DECONZ_CONNECTED, true } };

static const struct step settle[] = {
    { DECONZ_READ, DECONZ_ENDPOINT, false },     { DECONZ_WRITE, DECONZ_ENDPOINT, false },
    { DECONZ_READ, DECONZ_ENDPOINT, false },     { DECONZ_WRITE, DECONZ_WATCHDOG, false },
    { DECONZ_WRITE, DECONZ_PERMIT_JOIN, false }, { DECONZ_STATE, 0, true },
};

typedef void turn(struct deconz *d);
static turn look_again, did_not_connect, connect_it;

#define STEPS(table) (table), sizeof(table) / sizeof(table)[0]
static const struct program {
    const struct step *steps;
    size_t count;
    turn *done, *late; /* late: the network did not become what a step waits for */
} programs[] = {
    [DECONZ_INQUIRE] = { STEPS(inquire), deconz_decide, NULL },
    [DECONZ_FORM] = { STEPS(form), look_again, did_not_connect },
    [DECONZ_CONNECT] = { STEPS(join), look_again, did_not_connect },
    [DECONZ_RECOVER] = { STEPS(recover), look_again, connect_it },
    [DECONZ_SETTLE] = { STEPS(settle), deconz_settled, NULL },
};

/* ---- what is written -------------------------------------------------------------------------------------------- */

static void write_our_endpoint(const struct deconz *d, struct writer *w)
{
    const struct config_radio *s = d->c.settings;
    deconz_write_descriptor(s->endpoint, s->profile, s->cluster, w);
}

/* The key with which any node may ask to join; published by the ZigBee Alliance. */
static void write_link_key(uint64_t partner, struct writer *w)
{
    write_le64(w, partner);
    write_span(w, span_text("ZigBeeAlliance09"));
}

static void write_wanted(const struct deconz *d, uint8_t parameter, struct writer *w)
{
    switch (parameter) {
    case DECONZ_CHANNEL_MASK:
        write_le32(w, UINT32_C(1) << d->plan.channel);
        return;
    case DECONZ_PAN_ID:
        write_le16(w, d->plan.pan);
        return;
    case DECONZ_WANTED_EXTENDED_PAN_ID:
        write_le64(w, d->plan.extended);
        return;
    case DECONZ_TRUST_CENTRE:
        write_le64(w, d->found.mac);
        return;
    case DECONZ_NETWORK_KEY:
        write_u8(w, 0);
        write_span(w, span_of(d->plan.key, DECONZ_KEY_LEN));
        return;
    case DECONZ_LINK_KEY:
        write_link_key(d->found.mac, w);
        return;
    case DECONZ_SECURITY_MODE:
        write_u8(w, TRUST_CENTRE_LINK_KEY);
        return;
    case DECONZ_ENDPOINT:
        write_u8(w, 0);
        write_our_endpoint(d, w);
        return;
    case DECONZ_WATCHDOG:
        write_le32(w, WATCHDOG_S);
        return;
    case DECONZ_PERMIT_JOIN:
        write_u8(w, (uint8_t)(d->permit > 0 ? d->permit : 0));
        return;
    default: /* DECONZ_COORDINATOR, DECONZ_PREDEFINED_PAN_ID */
        write_u8(w, 1);
    }
}

void deconz_ask_write(struct deconz *d, enum deconz_kind kind, uint8_t parameter, msec now)
{
    uint8_t value[64], body[72];
    struct writer v = writer_of(value, sizeof value), b = writer_of(body, sizeof body);
    write_wanted(d, parameter, &v);
    const struct span bytes = span_of(value, sizeof value - v.left);
    deconz_write_value(&(struct deconz_value){ parameter, bytes }, &b);
    if (parameter == DECONZ_WATCHDOG)
        d->feed_at = now + FEED_MS;
    if (parameter == DECONZ_PERMIT_JOIN)
        d->permit = -1;
    deconz_ask(d, kind, DECONZ_WRITE, span_of(body, sizeof body - b.left), now);
}

static void ask_read(struct deconz *d, uint8_t parameter, msec now)
{
    const bool indexed = parameter == DECONZ_NETWORK_KEY || parameter == DECONZ_ENDPOINT;
    uint8_t body[8];
    struct writer w = writer_of(body, sizeof body);
    deconz_write_value(&(struct deconz_value){ parameter, span_of("", indexed) }, &w);
    deconz_ask(d, DECONZ_ASK_STEP, DECONZ_READ, span_of(body, sizeof body - w.left), now);
}

/* ---- what is read ----------------------------------------------------------------------------------------------- */

/* The last `n` octets; NULL: there are fewer. */
static const uint8_t *end_of(struct span value, size_t n)
{
    struct reader r = reader_of(value);
    reader_take(&r, value.len < n ? 0 : value.len - n);
    return reader_take(&r, n);
}

static bool is_our_endpoint(const struct deconz *d, struct span value)
{
    uint8_t room[DECONZ_DESCRIPTOR_MAX];
    struct writer w = writer_of(room, sizeof room);
    write_our_endpoint(d, &w);
    const size_t len = sizeof room - w.left;
    const uint8_t *have = end_of(value, len);
    return have && memcmp(have, room, len) == 0;
}

static void take_key(struct deconz_found *found, struct span value)
{
    const uint8_t *key = end_of(value, DECONZ_KEY_LEN);
    found->has_key = key != NULL;
    if (key)
        memcpy(found->key, key, DECONZ_KEY_LEN);
}

static void take_value(struct deconz *d, const struct deconz_value *v)
{
    struct deconz_found *found = &d->found;
    struct reader r = reader_of(v->value);
    const uint64_t number = read_little(&r, v->value.len < 8 ? v->value.len : 8);
    switch (v->parameter) {
    case DECONZ_MAC_ADDRESS:
        found->mac = number;
        return;
    case DECONZ_PAN_ID:
        found->pan = (uint16_t)number;
        return;
    case DECONZ_EXTENDED_PAN_ID:
        found->extended = number;
        return;
    case DECONZ_WANTED_EXTENDED_PAN_ID:
        found->wanted_extended = number;
        return;
    case DECONZ_CHANNEL:
        found->channel = (uint8_t)number;
        return;
    case DECONZ_CHANNEL_MASK:
        found->mask = (uint32_t)number;
        return;
    case DECONZ_COORDINATOR:
        found->no_coordinator = number == 0;
        return;
    case DECONZ_NETWORK_KEY:
        take_key(found, v->value);
        return;
    case DECONZ_ENDPOINT:
        found->has_endpoint = is_our_endpoint(d, v->value);
        return;
    default:
        return;
    }
}

/* ---- steps ------------------------------------------------------------------------------------------------------ */

static const struct step *this_step(const struct deconz *d)
{
    return &programs[d->program].steps[d->step];
}

/* The endpoint is there already: it is neither written nor read again. */
static bool is_needless(const struct deconz *d)
{
    return d->program == DECONZ_SETTLE && d->found.has_endpoint &&
           this_step(d)->what == DECONZ_ENDPOINT;
}

/* Is the network as the step wants it? Then the next one may be taken. */
static void check_wait(struct deconz *d)
{
    if (!d->waits || deconz_network(d) != (enum deconz_network)this_step(d)->what)
        return;
    d->waits = false;
    d->ready = true;
    d->step++;
}

static void wait_for_it(struct deconz *d, msec now)
{
    d->waits = true;
    d->step_until = now + (this_step(d)->command == WAIT_ONLY ? RECOVER_MS : CHANGE_MS);
    d->poll_at = now;
    check_wait(d);
}

static void take_step(struct deconz *d, msec now)
{
    static const uint8_t zero[4] = { 0 };
    const struct step *s = this_step(d);
    if (s->command == DECONZ_READ)
        ask_read(d, s->what, now);
    else if (s->command == DECONZ_WRITE)
        deconz_ask_write(d, DECONZ_ASK_STEP, s->what, now);
    else if (s->command == DECONZ_CHANGE_STATE)
        deconz_ask(d, DECONZ_ASK_STEP, s->command, span_of(&s->what, 1), now);
    else if (s->command == WAIT_ONLY)
        wait_for_it(d, now);
    else
        deconz_ask(d, DECONZ_ASK_STEP, s->command,
                   span_of(zero, s->command == DECONZ_STATE ? 3 : 4), now);
}

/* Takes the next step, or what follows the last one, until there is something to wait for. */
static void go_on(struct deconz *d, msec now)
{
    while (d->ready && !d->given_up) {
        const struct program *p = &programs[d->program];
        d->ready = false;
        while (d->step < p->count && is_needless(d))
            d->step++;
        if (d->step < p->count)
            take_step(d, now);
        else
            p->done(d);
    }
}

void deconz_run(struct deconz *d, enum deconz_program program)
{
    d->program = program;
    d->step = 0;
    d->waits = false;
    d->ready = true;
    if (program == DECONZ_INQUIRE)
        d->found = (struct deconz_found){ 0 };
}

void deconz_start_begin(struct deconz *d, msec now)
{
    deconz_run(d, DECONZ_INQUIRE);
    go_on(d, now);
}

/* Takes what the answer says; false: it is refused, or makes no sense. */
static bool take_step_answer(struct deconz *d, const struct deconz_frame *f)
{
    struct deconz_value v;
    if (f->status != DECONZ_OK)
        return false;
    if (f->command == DECONZ_VERSION)
        return deconz_read_version(f->body, &d->found.version);
    if (f->command != DECONZ_READ)
        return true;
    if (!deconz_read_value(f->body, &v) || v.parameter != this_step(d)->what)
        return false;
    take_value(d, &v);
    return true;
}

void deconz_start_answer(struct deconz *d, const struct deconz_frame *f, msec now)
{
    const struct step *s = this_step(d);
    const bool fine = take_step_answer(d, f);
    if (!fine && s->must) {
        deconz_give_up(d, "it refuses command 0x%02x for 0x%02x: status %u", s->command, s->what,
                       f->status);
        return;
    }
    if (!fine && s->what == DECONZ_WATCHDOG)
        d->feed_at = MSEC_NEVER;
    if (s->command == DECONZ_CHANGE_STATE) {
        wait_for_it(d, now);
    } else {
        d->ready = true;
        d->step++;
    }
    go_on(d, now);
}

void deconz_start_state(struct deconz *d, msec now)
{
    if (d->c.state == COORDINATOR_UP && deconz_network(d) != DECONZ_CONNECTED) {
        deconz_air_lost(d);
        coordinator_enter(&d->c, COORDINATOR_DOWN, "the stick is not in its network any more");
        deconz_run(d, DECONZ_RECOVER);
    }
    check_wait(d);
    go_on(d, now);
}

void deconz_start_tick(struct deconz *d, msec now)
{
    if (!d->waits || now < d->step_until)
        return;
    d->waits = false;
    programs[d->program].late(d);
    go_on(d, now);
}

static void look_again(struct deconz *d)
{
    deconz_run(d, DECONZ_INQUIRE);
}

static void connect_it(struct deconz *d)
{
    deconz_run(d, DECONZ_CONNECT);
}

static void did_not_connect(struct deconz *d)
{
    deconz_give_up(d,
                   "the network did not come up within %d s; a USB 3 port beside it can drown its radio: "
                   "use a USB 2 extension cable",
                   CHANGE_MS / 1000);
}
