/* ezsp_start.c -- bringing an NCP up, as a table of steps.
 *
 * A step asks one thing, or waits for the network's status, and says which step comes next. After a reset the NCP knows
 * nothing: protocol version, sizes of its tables, policies and our endpoint are set first, since it refuses them later.
 * Then its network is started, compared with the settings, or formed, as ezsp_network.c decides.
 *
 * Sizes and policies that a firmware refuses are logged and left as they are: they make a difference to how much it can
 * do at once, not to what it does. */
#include "radio/ezsp_machine.h"

#include "radio/ezsp_key.h"
#include "radio/little.h"

#include <stdio.h>

/* All nodes keep a route to a concentrator; "high RAM": it remembers theirs. */
enum {
    CONCENTRATOR_HIGH_RAM = 0xFFF9,
    CONCENTRATOR_LEAST_S = 30,
    CONCENTRATOR_MOST_S = 600,
    ROUTE_ERRORS = 5,
    DELIVERY_FAILURES = 3
};

static const struct {
    uint8_t id;
    uint16_t value;
} configuration[] = {
    { 0x0C, 2 },    /* stack profile: ZigBee PRO */
    { 0x0D, 5 },    /* security level */
    { 0x12, 7680 }, /* ms that a frame is kept for a sleeping child */
    { 0x10, 30 },   /* hops */
    { 0x11, 32 },   /* sleeping children */
    { 0x13, 8 },    /* after 2^8 minutes of silence a child is forgotten */
    { 0x19, 2 },    /* joining nodes whose addresses are remembered */
    { 0x1A, 64 },   /* source routes */
    { 0x2D, 1 },    /* networks */
    { 0x01, 0xFF }, /* packet buffers: all memory that is left; newer firmware has none to set */
};

static const struct {
    uint8_t id, decision;
} policies[] = {
    { 0x00, 0x02 }, /* trust centre: known nodes may come back, new ones may not come */
    { 0x04, 0x40 }, /* messageSentHandler names the tag only, not the contents */
    { 0x05, 0x51 }, /* a joined node may ask for its own link key */
};

/* ---- version --------------------------------------------------------------------------------------------------- */

static void ask_version(struct ezsp *e, struct writer *w)
{
    write_u8(w, e->version);
}

static enum ezsp_step take_version(struct ezsp *e, const struct ezsp_frame *answer, msec now)
{
    struct reader r = reader_of(answer->params);
    uint8_t version = read_u8(&r);
    read_u8(&r); /* stack type */
    uint16_t stack = read_le16(&r);
    if (r.failed) {
        ezsp_fail(e, now, "a version without numbers");
        return EZSP_STEP_NONE;
    }
    snprintf(e->c.info.firmware, sizeof e->c.info.firmware, "EmberZNet %u.%u.%u.%u, EZSP %u",
             (unsigned)stack >> 12, (unsigned)stack >> 8 & 0xF, (unsigned)stack >> 4 & 0xF,
             (unsigned)stack & 0xF, (unsigned)version);
    if (version < EZSP_VERSION_MIN || version > EZSP_VERSION_MAX) {
        coordinator_enter(&e->c, COORDINATOR_REFUSED,
                          "its firmware speaks EZSP %u (%s); versions %d to %d are supported",
                          version, e->c.info.firmware, EZSP_VERSION_MIN, EZSP_VERSION_MAX);
        return EZSP_STEP_NONE;
    }
    bool settled = version == e->version;
    if (!settled && e->step == EZSP_STEP_SETTLE) {
        ezsp_fail(e, now, "it said EZSP %u first, and %u now", e->version, version);
        return EZSP_STEP_NONE;
    }
    e->version = version;
    return settled ? EZSP_STEP_CONFIGURE : EZSP_STEP_SETTLE;
}

/* ---- sizes, policies, endpoint: one by one --------------------------------------------------------------------- */

static void log_refusal(struct ezsp *e, const struct ezsp_frame *answer, const char *what, unsigned id)
{
    uint32_t code = 0;
    if (ezsp_status_of(e, answer, &code) != EZSP_OK)
        coordinator_log(&e->c, LEVEL_DEBUG, "the NCP refuses %s 0x%02x: status 0x%02x", what, id,
                        (unsigned)code);
}

static void ask_configuration(struct ezsp *e, struct writer *w)
{
    write_u8(w, configuration[e->row].id);
    write_le16(w, configuration[e->row].value);
}

static enum ezsp_step take_configuration(struct ezsp *e, const struct ezsp_frame *answer, msec now)
{
    (void)now;
    log_refusal(e, answer, "the configuration value", configuration[e->row++].id);
    if (e->row < sizeof configuration / sizeof *configuration)
        return EZSP_STEP_CONFIGURE;
    e->row = 0;
    return EZSP_STEP_POLICY;
}

static void ask_policy(struct ezsp *e, struct writer *w)
{
    write_u8(w, policies[e->row].id);
    write_u8(w, policies[e->row].decision);
}

static enum ezsp_step take_policy(struct ezsp *e, const struct ezsp_frame *answer, msec now)
{
    (void)now;
    log_refusal(e, answer, "the policy", policies[e->row++].id);
    if (e->row < sizeof policies / sizeof *policies)
        return EZSP_STEP_POLICY;
    e->row = 0;
    return EZSP_STEP_ENDPOINT;
}

static void ask_endpoint(struct ezsp *e, struct writer *w)
{
    const struct config_radio *s = e->c.settings;
    ezsp_write_endpoint(
        &(struct ezsp_endpoint){
            .endpoint = s->endpoint, .profile = s->profile, .device = 1, .cluster = s->cluster },
        w);
}

static enum ezsp_step take_endpoint(struct ezsp *e, const struct ezsp_frame *answer, msec now)
{
    uint32_t code = 0;
    if (ezsp_status_of(e, answer, &code) == EZSP_OK)
        return EZSP_STEP_INIT;
    ezsp_fail(e, now, "endpoint 0x%02x was refused with status 0x%02x", e->c.settings->endpoint,
              (unsigned)code);
    return EZSP_STEP_NONE;
}

/* ---- what it is ------------------------------------------------------------------------------------------------ */

static enum ezsp_step take_eui64(struct ezsp *e, const struct ezsp_frame *answer, msec now)
{
    struct reader r = reader_of(answer->params);
    e->c.info.eui64 = read_le64(&r);
    if (!r.failed)
        return EZSP_STEP_PAYLOAD;
    ezsp_fail(e, now, "the NCP does not tell its address");
    return EZSP_STEP_NONE;
}

static enum ezsp_step take_payload(struct ezsp *e, const struct ezsp_frame *answer, msec now)
{
    struct reader r = reader_of(answer->params);
    uint8_t limit = read_u8(&r);
    if (r.failed || limit == 0) {
        ezsp_fail(e, now, "the NCP does not tell how much a frame carries");
        return EZSP_STEP_NONE;
    }
    e->c.info.payload_limit = limit < EZSP_UNICAST_MAX ? limit : EZSP_UNICAST_MAX;
    e->c.info.broadcast_limit = limit < EZSP_BROADCAST_MAX ? limit : EZSP_BROADCAST_MAX;
    e->c.info.window = EZSP_WINDOW;
    return EZSP_STEP_CONCENTRATOR;
}

static void ask_concentrator(struct ezsp *e, struct writer *w)
{
    (void)e;
    write_u8(w, 1);
    write_le16(w, CONCENTRATOR_HIGH_RAM);
    write_le16(w, CONCENTRATOR_LEAST_S);
    write_le16(w, CONCENTRATOR_MOST_S);
    write_u8(w, ROUTE_ERRORS);
    write_u8(w, DELIVERY_FAILURES);
    write_u8(w, 0); /* hops: as many as there are */
}

static enum ezsp_step take_concentrator(struct ezsp *e, const struct ezsp_frame *answer, msec now)
{
    (void)now;
    log_refusal(e, answer, "to be a concentrator, command", EZSP_SET_CONCENTRATOR);
    return EZSP_STEP_DONE;
}

/* ---- the table ------------------------------------------------------------------------------------------------- */

static const struct {
    enum ezsp_id id;
    void (*ask)(struct ezsp *e, struct writer *w); /* NULL: no parameters */
    ezsp_taken *take;    /* NULL: waits for the network's status instead */
    enum ezsp_step then; /* after that status */
    bool wants_up;       /* which status */
} steps[EZSP_STEPS] = {
    [EZSP_STEP_VERSION] = { EZSP_VERSION, ask_version, take_version },
    [EZSP_STEP_SETTLE] = { EZSP_VERSION, ask_version, take_version },
    [EZSP_STEP_CONFIGURE] = { EZSP_SET_CONFIGURATION, ask_configuration, take_configuration },
    [EZSP_STEP_POLICY] = { EZSP_SET_POLICY, ask_policy, take_policy },
    [EZSP_STEP_ENDPOINT] = { EZSP_ADD_ENDPOINT, ask_endpoint, take_endpoint },
    [EZSP_STEP_INIT] = { EZSP_NETWORK_INIT, ezsp_network_ask_init, ezsp_network_take_init },
    [EZSP_STEP_AWAIT_UP] = { .then = EZSP_STEP_KEY, .wants_up = true },
    [EZSP_STEP_KEY] = { EZSP_GET_KEY, ezsp_network_ask_key, ezsp_network_take_key },
    [EZSP_STEP_COMPARE] = { EZSP_GET_NETWORK_PARAMETERS, NULL, ezsp_network_compare },
    [EZSP_STEP_EUI64] = { EZSP_GET_EUI64, NULL, take_eui64 },
    [EZSP_STEP_PAYLOAD] = { EZSP_MAXIMUM_PAYLOAD, NULL, take_payload },
    [EZSP_STEP_CONCENTRATOR] = { EZSP_SET_CONCENTRATOR, ask_concentrator, take_concentrator },
    [EZSP_STEP_LEAVE] = { EZSP_LEAVE_NETWORK, ezsp_network_ask_leave, ezsp_network_take_leave },
    [EZSP_STEP_AWAIT_DOWN] = { .then = EZSP_STEP_SECURITY, .wants_up = false },
    [EZSP_STEP_SECURITY] = { EZSP_SET_SECURITY, ezsp_network_ask_security,
                             ezsp_network_take_security },
    [EZSP_STEP_FORM] = { EZSP_FORM_NETWORK, ezsp_network_ask_form, ezsp_network_take_form },
    [EZSP_STEP_AWAIT_FORMED] = { .then = EZSP_STEP_KEY, .wants_up = true },
};

static bool is_waiting(enum ezsp_step step)
{
    return steps[step].then != EZSP_STEP_NONE;
}

static void enter_step(struct ezsp *e, enum ezsp_step next, msec now);

static void step_answered(struct ezsp *e, const struct ezsp_command *asked,
                          const struct ezsp_frame *answer, msec now)
{
    enter_step(e, steps[asked->about].take(e, answer, now), now);
}

/* Two of the commands are others in some versions. */
static uint16_t step_id(const struct ezsp *e)
{
    if (e->step == EZSP_STEP_INIT)
        return (uint16_t)ezsp_network_init_id(e);
    return e->step == EZSP_STEP_KEY ? ezsp_key_id(e->version) : (uint16_t)steps[e->step].id;
}

static void ask_step(struct ezsp *e, msec now)
{
    struct ezsp_command command = { .id = step_id(e),
                                    .about = (uint16_t)e->step,
                                    .answered = step_answered };
    struct writer w = ezsp_params(&command);
    if (steps[e->step].ask)
        steps[e->step].ask(e, &w);
    ezsp_params_end(&command, &w);
    if (!ezsp_ask(e, &command, now))
        ezsp_fail(e, now, "too many commands wait");
}

static void come_up(struct ezsp *e, msec now)
{
    e->up_since = now;
    e->down_since = MSEC_NEVER;
    e->heard_at = now;
    coordinator_enter(&e->c, COORDINATOR_UP, "%s", e->formed ? "with a new network" : "");
}

/* The network may have changed before the answer came that it will. */
static bool is_so_already(const struct ezsp *e, enum ezsp_step step)
{
    return is_waiting(step) && steps[step].wants_up == e->network_up;
}

static void enter_step(struct ezsp *e, enum ezsp_step next, msec now)
{
    if (is_so_already(e, next))
        next = steps[next].then;
    if (next == EZSP_STEP_KEY && !ezsp_network_knows_key(e))
        next = EZSP_STEP_COMPARE;
    if ((next == EZSP_STEP_SECURITY || next == EZSP_STEP_LEAVE) && !ezsp_network_has_key(e))
        next = EZSP_STEP_NONE;
    e->step = next;
    e->step_until = is_waiting(next) ? now + EZSP_STATUS_MS : MSEC_NEVER;
    if (next == EZSP_STEP_DONE)
        come_up(e, now);
    else if (next != EZSP_STEP_NONE && !is_waiting(next))
        ask_step(e, now);
}

/* ---- from outside ---------------------------------------------------------------------------------------------- */

void ezsp_start_begin(struct ezsp *e, msec now)
{
    e->version = EZSP_VERSION_MIN;
    e->sequence = 0;
    e->row = 0;
    e->formed = false;
    e->network_up = false;
    enter_step(e, EZSP_STEP_VERSION, now);
}

void ezsp_start_compare(struct ezsp *e, msec now)
{
    enter_step(e, EZSP_STEP_KEY, now);
}

void ezsp_start_network_changed(struct ezsp *e, msec now)
{
    if (is_so_already(e, e->step))
        enter_step(e, e->step, now);
}

void ezsp_start_tick(struct ezsp *e, msec now)
{
    if (e->down_since != MSEC_NEVER && now >= e->down_since + EZSP_DOWN_MS)
        ezsp_fail(e, now, "the network does not come back");
    if (now < e->step_until)
        return;
    e->step_until = MSEC_NEVER;
    ezsp_fail(e, now, "the network did not %s", steps[e->step].wants_up ? "start" : "stop");
}
