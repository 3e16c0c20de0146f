/* deconz_network.c -- is the network in a deCONZ stick the one that the settings want?
 *
 * A stick with a network that fits is used as it is; one without gets one where the settings allow it. A network that
 * differs is left alone: nodes live in it, and a person must say that they may be lost. The refusal shows both values
 * of everything that differs, but never a key.
 *
 * A stick whose parameters look like a network has one, even while it is offline. After a network was made everything
 * is read again and compared, and a stick that did not take it is refused rather than tried for ever. */
#include "radio/deconz_inside.h"

#include <stdio.h>

enum {
    CHANNEL_FIRST = 11,
    CHANNEL_LAST = 26,
    CHANNEL_USUAL = 15,
    NO_PAN = 0xFFFF,
    ANY_PAN_MAX = 0x3FFE,
    PAYLOAD = 127,         /* more goes only in fragments; unverified on hardware */
    BROADCAST_PAYLOAD = 82 /* one frame in the air, secured */
};

static bool is_channel(uint8_t channel)
{
    return channel >= CHANNEL_FIRST && channel <= CHANNEL_LAST;
}

/* In use, or else the only one that it would use; 0: it does not say. */
static uint8_t channel_of(const struct deconz_found *f)
{
    if (is_channel(f->channel))
        return f->channel;
    for (unsigned channel = CHANNEL_FIRST; channel <= CHANNEL_LAST; channel++)
        if (f->mask == UINT32_C(1) << channel)
            return (uint8_t)channel;
    return 0;
}

static uint64_t extended_of(const struct deconz_found *f)
{
    return f->extended ? f->extended : f->wanted_extended;
}

/* In doubt it has one: it would be lost otherwise. */
static bool has_network(const struct deconz *d)
{
    const uint64_t extended = extended_of(&d->found);
    return deconz_network(d) == DECONZ_CONNECTED ||
           (d->found.pan != NO_PAN && extended != 0 && extended != UINT64_MAX);
}

static bool has_other_key(struct deconz *d)
{
    uint8_t key[DECONZ_KEY_LEN];
    if (!d->c.events->key(d->c.events->context, false, key))
        return false;
    if (!d->found.has_key)
        coordinator_log(&d->c, LEVEL_INFO,
                        "the stick does not tell its network key: it is not compared with that in %s",
                        d->c.settings->network_key_file);
    return d->found.has_key && memcmp(key, d->found.key, DECONZ_KEY_LEN) != 0;
}

/* "" = none. */
static void differences(struct deconz *d, char line[COORDINATOR_TEXT])
{
    const struct deconz_found *f = &d->found;
    const uint8_t channel = channel_of(f);
    coordinator_compare(
        &d->c,
        &(struct coordinator_network){ .channel = channel ? channel : d->c.settings->channel,
                                       .pan_id = f->pan,
                                       .extended_pan_id = extended_of(f),
                                       .other_key = has_other_key(d) },
        line);
    if (f->no_coordinator)
        coordinator_add(line, "it is a router, no coordinator");
}

static uint16_t any_pan(struct deconz *d)
{
    return (uint16_t)(1 + coordinator_random(&d->c) % ANY_PAN_MAX);
}

/* What the settings leave open is kept from the network that is there. */
static void form_it(struct deconz *d)
{
    const struct config_radio *s = d->c.settings;
    const struct deconz_found *f = &d->found;
    const bool had = has_network(d);
    struct deconz_plan *p = &d->plan;
    if (!d->c.events->key(d->c.events->context, true, p->key)) {
        coordinator_enter(&d->c, COORDINATOR_REFUSED, "%s", coordinator_keyless);
        return;
    }
    p->channel = s->channel ? s->channel : had && channel_of(f) ? channel_of(f) : CHANNEL_USUAL;
    p->extended = s->extended_pan_id ? s->extended_pan_id : had ? extended_of(f) : f->mac;
    p->pan = s->pan_id ? s->pan_id : had ? f->pan : any_pan(d);
    d->formed = true;
    coordinator_log(&d->c, LEVEL_INFO, "making a network: channel %u, PAN 0x%04x", p->channel,
                    p->pan);
    deconz_run(d, DECONZ_FORM);
}

void deconz_decide(struct deconz *d)
{
    const enum config_form allowed = d->c.settings->form;
    const bool has = has_network(d);
    char line[COORDINATOR_TEXT];
    differences(d, line);
    if (!has && allowed == FORM_NEVER)
        coordinator_enter(&d->c, COORDINATOR_REFUSED, "%s", coordinator_forbidden);
    else if ((!has || (line[0] && allowed == FORM_REPLACE)) && !d->formed)
        form_it(d);
    else if (!has || line[0])
        coordinator_refuse_network(&d->c, has ? line : "it has none", d->formed);
    else
        deconz_run(d, deconz_network(d) == DECONZ_CONNECTED ? DECONZ_SETTLE : DECONZ_CONNECT);
}

/* ---- up --------------------------------------------------------------------------------------------------------- */

static void fill_in_info(struct deconz *d)
{
    const uint16_t most = d->c.settings->max_message;
    struct coordinator_info *i = &d->c.info;
    snprintf(i->firmware, sizeof i->firmware, "%s, firmware 0x%08x",
             deconz_platform(d->found.version), (unsigned)d->found.version);
    i->eui64 = d->found.mac;
    i->extended_pan_id = extended_of(&d->found);
    i->pan_id = d->found.pan;
    i->channel = channel_of(&d->found);
    i->payload_limit = most && most < PAYLOAD ? most : PAYLOAD;
    i->broadcast_limit = most && most < BROADCAST_PAYLOAD ? most : BROADCAST_PAYLOAD;
    i->window = DECONZ_WINDOW;
}

void deconz_settled(struct deconz *d)
{
    if (deconz_network(d) != DECONZ_CONNECTED) {
        deconz_run(d, DECONZ_CONNECT);
        return;
    }
    if (!d->found.has_endpoint)
        coordinator_log(&d->c, LEVEL_WARN,
                        "the stick did not take endpoint 0x%02x; it may not hear nodes that send to it",
                        d->c.settings->endpoint);
    d->program = DECONZ_RUN;
    fill_in_info(d);
    coordinator_enter(&d->c, COORDINATOR_UP, "%s", "");
}
