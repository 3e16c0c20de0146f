/* ezsp_network.c -- the steps of the bring-up that are about the NCP's network.
 *
 * The NCP keeps its network, with all keys and counters, over every reset. It is started and then compared with the
 * settings, as far as they name anything. Where there is none, one is formed, with what the settings name and chance
 * for the rest. Where there is another, nothing is touched unless the settings say "replace", since all its nodes
 * would be lost; both are shown instead. The network's key is kept by us first, so that no network exists whose key
 * nobody has. */
#include "radio/ezsp_machine.h"

#include "radio/ezsp_key.h"
#include "radio/little.h"

enum { CHANNEL_DEFAULT = 15, POWER_DBM = 8, ALL_CHANNELS = 0x07FFF800, PAN_ID_MAX = 0xFFF7 };
enum { VERSION_INIT_EXTENDED = 5, VERSION_LEAVE_OPTION = 14 };

/* ---- the network that is there --------------------------------------------------------------------------------- */

enum ezsp_id ezsp_network_init_id(const struct ezsp *e)
{
    return e->version == VERSION_INIT_EXTENDED ? EZSP_NETWORK_INIT_EXTENDED : EZSP_NETWORK_INIT;
}

void ezsp_network_ask_init(struct ezsp *e, struct writer *w)
{
    e->network_up = false;
    if (e->version >= VERSION_INIT_EXTENDED)
        write_le16(w, 0);
}

static enum ezsp_step form_or_refuse(struct ezsp *e)
{
    if (e->c.settings->form != FORM_NEVER)
        return EZSP_STEP_SECURITY;
    coordinator_enter(&e->c, COORDINATOR_REFUSED, "%s", coordinator_forbidden);
    return EZSP_STEP_NONE;
}

enum ezsp_step ezsp_network_take_init(struct ezsp *e, const struct ezsp_frame *answer, msec now)
{
    uint32_t code = 0;
    switch (ezsp_status_of(e, answer, &code)) {
    case EZSP_OK:
        return EZSP_STEP_AWAIT_UP;
    case EZSP_NOT_JOINED:
        return form_or_refuse(e);
    default:
        ezsp_fail(e, now, "networkInit was refused with status 0x%02x", (unsigned)code);
        return EZSP_STEP_NONE;
    }
}

/* ---- is it the one of the settings? ---------------------------------------------------------------------------- */

bool ezsp_network_knows_key(struct ezsp *e)
{
    e->other_key = false;
    return e->c.events->key(e->c.events->context, false, e->key);
}

void ezsp_network_ask_key(struct ezsp *e, struct writer *w)
{
    ezsp_write_key_question(e->version, w);
}

/* An NCP that keeps its key to itself is used all the same. */
enum ezsp_step ezsp_network_take_key(struct ezsp *e, const struct ezsp_frame *answer, msec now)
{
    uint8_t key[EZSP_KEY] = { 0 };
    (void)now;
    bool told =
        answer->id == ezsp_key_id(e->version) && ezsp_read_key(answer->params, e->version, key);
    e->other_key = told && memcmp(key, e->key, EZSP_KEY) != 0;
    memset(e->key, 0, EZSP_KEY);
    if (!told)
        coordinator_log(&e->c, LEVEL_INFO,
                        "the stick does not tell its network key: it is not compared with that in %s",
                        e->c.settings->network_key_file);
    return EZSP_STEP_COMPARE;
}

/* "" : the stick has what the settings want, as far as they say. */
static void differences(const struct ezsp *e, uint8_t node_type, char text[COORDINATOR_TEXT])
{
    const struct coordinator_info *i = &e->c.info;
    coordinator_compare(
        &e->c,
        &(struct coordinator_network){ i->channel, i->pan_id, i->extended_pan_id, e->other_key },
        text);
    if (node_type != EZSP_NODE_COORDINATOR)
        coordinator_add(text, "it is a node of type %u, no coordinator", node_type);
}

static void take_network(struct ezsp *e, const struct ezsp_network *n)
{
    e->c.info.channel = n->channel;
    e->c.info.pan_id = n->pan_id;
    e->c.info.extended_pan_id = n->extended_pan_id;
}

enum ezsp_step ezsp_network_compare(struct ezsp *e, const struct ezsp_frame *answer, msec now)
{
    struct ezsp_network n = { 0 };
    struct reader r = reader_of(answer->params);
    char text[COORDINATOR_TEXT];
    bool bad = ezsp_read_status(&r, e->version, NULL) != EZSP_OK;
    uint8_t type = read_u8(&r);
    ezsp_read_network(&r, &n);
    if (bad || r.failed) {
        ezsp_fail(e, now, "the NCP does not tell its network");
        return EZSP_STEP_NONE;
    }
    take_network(e, &n);
    differences(e, type, text);
    if (text[0] == '\0')
        return EZSP_STEP_EUI64;
    if (e->c.settings->form == FORM_REPLACE && !e->formed)
        return EZSP_STEP_LEAVE;
    coordinator_refuse_network(&e->c, text, e->formed);
    return EZSP_STEP_NONE;
}

/* ---- a new one ------------------------------------------------------------------------------------------------- */

/* The key comes first: without one, nothing about the stick's network is touched. */
bool ezsp_network_has_key(struct ezsp *e)
{
    if (e->c.events->key(e->c.events->context, true, e->key))
        return true;
    coordinator_enter(&e->c, COORDINATOR_REFUSED, "%s", coordinator_keyless);
    return false;
}

/* Newer firmware takes an octet of options, which older does not know. Not verified on hardware. */
void ezsp_network_ask_leave(struct ezsp *e, struct writer *w)
{
    if (e->version >= VERSION_LEAVE_OPTION)
        write_u8(w, 0);
}

enum ezsp_step ezsp_network_take_leave(struct ezsp *e, const struct ezsp_frame *answer, msec now)
{
    uint32_t code = 0;
    enum ezsp_status s = ezsp_status_of(e, answer, &code);
    coordinator_log(&e->c, LEVEL_WARN,
                    "leaving the network on channel %u, PAN 0x%04x: the settings replace it",
                    e->c.info.channel, e->c.info.pan_id);
    if (s == EZSP_OK)
        return EZSP_STEP_AWAIT_DOWN;
    if (s == EZSP_NOT_JOINED)
        return EZSP_STEP_SECURITY;
    ezsp_fail(e, now, "leaving the network was refused with status 0x%02x", (unsigned)code);
    return EZSP_STEP_NONE;
}

void ezsp_network_ask_security(struct ezsp *e, struct writer *w)
{
    struct ezsp_security s = { .bitmask = EZSP_SECURITY_BITMASK };
    memcpy(s.link_key, "ZigBeeAlliance09", EZSP_KEY);
    memcpy(s.network_key, e->key, EZSP_KEY);
    memset(e->key, 0, EZSP_KEY);
    ezsp_write_security(&s, w);
}

enum ezsp_step ezsp_network_take_security(struct ezsp *e, const struct ezsp_frame *answer, msec now)
{
    uint32_t code = 0;
    if (ezsp_status_of(e, answer, &code) == EZSP_OK)
        return EZSP_STEP_FORM;
    ezsp_fail(e, now, "the security settings were refused with status 0x%02x", (unsigned)code);
    return EZSP_STEP_NONE;
}

static uint64_t random_extended_pan_id(struct coordinator *c)
{
    uint64_t high = coordinator_random(c);
    return high << 32 | coordinator_random(c);
}

void ezsp_network_ask_form(struct ezsp *e, struct writer *w)
{
    const struct config_radio *s = e->c.settings;
    struct ezsp_network n = { .extended_pan_id = s->extended_pan_id,
                              .pan_id = s->pan_id,
                              .power = POWER_DBM,
                              .channel = s->channel ? s->channel : CHANNEL_DEFAULT,
                              .channels = ALL_CHANNELS };
    if (n.pan_id == 0)
        n.pan_id = (uint16_t)(1 + coordinator_random(&e->c) % PAN_ID_MAX);
    if (n.extended_pan_id == 0)
        n.extended_pan_id = random_extended_pan_id(&e->c);
    e->network_up = false;
    e->formed = true;
    ezsp_write_network(w, &n);
}

enum ezsp_step ezsp_network_take_form(struct ezsp *e, const struct ezsp_frame *answer, msec now)
{
    uint32_t code = 0;
    if (ezsp_status_of(e, answer, &code) == EZSP_OK)
        return EZSP_STEP_AWAIT_FORMED;
    ezsp_fail(e, now,
              "no network could be formed, status 0x%02x; on a USB 3 port a USB 2 cable helps",
              (unsigned)code);
    return EZSP_STEP_NONE;
}
