/* xbee_network.c -- is the network of this XBee the one that the settings want, and if there is none, may one be
 * formed?
 *
 * Everything was read before, and here it is decided. A module that is coordinator of the right network is taken as
 * it is, and nothing in it is touched, since nearly every setting, written, makes an XBee leave its network and
 * orphan its nodes. Where there is no network, and where a person wrote `form: replace`, a new one is described to
 * it. In all other cases the radio is refused, with both values in the line.
 *
 * A module that was just switched on may still be about to start the network that it had: nothing is decided before
 * that had its time. */
#include "radio/xbee_inside.h"

#include <stdio.h>

enum {
    FRAME_MOST = 255,    /* payload octets, whatever NP says */
    BROADCAST_MOST = 92, /* a broadcast is never fragmented ... */
    BROADCAST_SECURE = 74,
    AI_INITIAL = 0xFF,
    S2_WITH_API = 0x21 /* VR of the old coordinator firmware begins so */
};

static const char *model_of(const struct xbee *x)
{
    const uint64_t vr = x->facts[FACT_VR];
    if (vr >> 12 == XBEE_VR_3)
        return "XBee 3";
    if (vr >> 12 == XBEE_VR_S2C)
        return "XBee S2C";
    return vr >> 8 == S2_WITH_API ? "XBee S2" : NULL; /* its coordinator firmware with API */
}

static bool is_coordinator(const struct xbee *x)
{
    return x->facts[FACT_MY] == 0 &&
           (x->facts[FACT_CE] == 1 || x->facts[FACT_VR] >> 12 == XBEE_VR_S2);
}

/* The keys of a module cannot be read. */
static void compare(const struct xbee *x, char text[COORDINATOR_TEXT])
{
    char differences[COORDINATOR_TEXT];
    coordinator_compare(&x->common,
                        &(struct coordinator_network){ .channel = (uint8_t)x->facts[FACT_CH],
                                                       .pan_id = (uint16_t)x->facts[FACT_OI],
                                                       .extended_pan_id = x->facts[FACT_OP] },
                        differences);
    text[0] = '\0';
    if (differences[0] != '\0')
        coordinator_add(text, "other network: %s", differences);
}

/* It was told a network, or had one, whether that is there now or not. */
static bool has_network(const struct xbee *x)
{
    return x->facts[FACT_AI] == 0 ||
           (is_coordinator(x) && (x->facts[FACT_OP] != 0 || x->facts[FACT_ID] != 0));
}

/* Its own: if it is not used, that is for what the settings want. */
static bool runs_one(const struct xbee *x)
{
    return x->facts[FACT_AI] == 0 && is_coordinator(x);
}

/* Why this module cannot be used as it is; "" = it can. `text` has COORDINATOR_TEXT octets. */
static void examine(const struct xbee *x, char *text)
{
    const uint64_t *facts = x->facts;
    if (facts[FACT_AI] != 0 && has_network(x))
        snprintf(text, COORDINATOR_TEXT,
                 "its network, extended PAN %llx, does not start (AI is %02x)",
                 (unsigned long long)(facts[FACT_OP] ? facts[FACT_OP] : facts[FACT_ID]),
                 (unsigned)facts[FACT_AI]);
    else if (facts[FACT_AI] != 0)
        snprintf(text, COORDINATOR_TEXT, "it has no network (AI is %02x)", (unsigned)facts[FACT_AI]);
    else if (!is_coordinator(x))
        snprintf(text, COORDINATOR_TEXT,
                 "it is a router in PAN %04x, no coordinator (CE is %u, MY is %04x)",
                 (unsigned)facts[FACT_OI], (unsigned)facts[FACT_CE], (unsigned)facts[FACT_MY]);
    else
        compare(x, text);
}

/* ---- forming ------------------------------------------------------------------------------------------------ */

/* Why a new network is not formed here; NULL: it may be. */
static const char *forbidden(const struct xbee *x)
{
    const enum config_form form = x->common.settings->form;
    if (x->formings > 0)
        return "; that is after forming one";
    if (has_network(x) && form != FORM_REPLACE)
        return runs_one(x) ? "; correct the settings, or form: replace forms a new one"
                           : "; form: replace forms a new one";
    if (form == FORM_NEVER)
        return "; form: blank forms one";
    return x->common.settings->pan_id != 0 ? "; an XBee chooses its PAN: leave pan_id out" : NULL;
}

static void form(struct xbee *x, const char *why, msec now)
{
    const struct coordinator_events *up = x->common.events;
    if (xbee_script_keeps_key(x) && !up->key(up->context, true, x->key)) {
        xbee_start_refuse(x, coordinator_keyless, "");
        return;
    }
    coordinator_log(&x->common, LEVEL_INFO, "forming a network: %s", why);
    if (x->common.settings->security && !xbee_script_keeps_key(x))
        coordinator_log(&x->common, LEVEL_WARN,
                        "without network_key_file the XBee makes its own key and gives it to "
                        "joining nodes in the clear");
    xbee_enter(x, XBEE_FORMING, MSEC_NEVER);
    xbee_script_begin(x, XBEE_SCRIPT_FORMING, now);
}

static void form_or_refuse(struct xbee *x, const char *why, msec now)
{
    const char *hindrance = forbidden(x);
    if (hindrance)
        xbee_start_refuse(x, why, hindrance);
    else
        form(x, why, now);
}

/* ---- the decision ------------------------------------------------------------------------------------------- */

bool xbee_network_may_start(const struct xbee *x)
{
    const uint64_t association = x->facts[FACT_AI];
    return x->waits == 0 && association != 0 && (is_coordinator(x) || association == AI_INITIAL);
}

void xbee_network_await(struct xbee *x, msec now)
{
    x->patience = now + XBEE_AWAIT_MS;
    xbee_enter(x, XBEE_AWAITING, now + XBEE_AWAIT_POLL_MS);
}

void xbee_network_decide(struct xbee *x, msec now)
{
    char why[COORDINATOR_TEXT];
    if (!model_of(x)) {
        snprintf(why, sizeof why, "firmware %04x is none of a ZigBee coordinator",
                 (unsigned)x->facts[FACT_VR]);
        xbee_start_refuse(x, why, " (S2: 21xx, S2C: 40xx, XBee 3: 10xx)");
        return;
    }
    if (xbee_network_may_start(x)) {
        xbee_network_await(x, now);
        return;
    }
    examine(x, why);
    if (why[0] != '\0') {
        form_or_refuse(x, why, now);
        return;
    }
    xbee_enter(x, XBEE_SETTLING, MSEC_NEVER);
    xbee_script_begin(x, XBEE_SCRIPT_SETTLING, now);
}

void xbee_network_take(struct xbee *x)
{
    struct coordinator_info *info = &x->common.info;
    const uint64_t *facts = x->facts, longest = facts[FACT_NP];
    snprintf(info->firmware, sizeof info->firmware, "%s ZigBee %04X, hardware %04X", model_of(x),
             (unsigned)facts[FACT_VR], (unsigned)facts[FACT_HV]);
    info->eui64 = facts[FACT_SH] << 32 | (facts[FACT_SL] & UINT32_MAX);
    info->extended_pan_id = facts[FACT_OP];
    info->pan_id = (uint16_t)facts[FACT_OI];
    info->channel = (uint8_t)facts[FACT_CH];
    info->payload_limit = (uint16_t)(longest < FRAME_MOST ? longest : FRAME_MOST);
    info->broadcast_limit = facts[FACT_EE] ? BROADCAST_SECURE : BROADCAST_MOST;
    xbee_send_begin(x);
    x->waits = x->formings = 0;
    if (!facts[FACT_EE] && x->common.settings->security)
        coordinator_log(&x->common, LEVEL_WARN, "this network is not encrypted (EE is 0)");
    xbee_enter(x, XBEE_RUNNING, MSEC_NEVER);
    coordinator_enter(&x->common, COORDINATOR_UP, "%s", "");
}
