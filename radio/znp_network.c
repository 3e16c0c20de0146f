/* znp_network.c -- the network that the stick keeps in its memory: read, compared with the settings, written.
 *
 * Z-Stack keeps everything in numbered items of non-volatile memory. Some hold what it was told (PAN id, channels,
 * the preconfigured key), some what it made of that: the NIB holds the network as it runs. The stick may take another
 * PAN id than it was told, when it hears that one nearby; so a network counts as the wanted one also when only the
 * item says so.
 *
 * The layout of the NIB is the memory of the firmware's own struct: two sizes are known, one for each kind of
 * compiler. Of an unknown size only what the other items say is used. Keys are compared and copied, never shown. */
#include "radio/znp_machine.h"

#include "radio/little.h"

#include <stdio.h>

enum item {
    ITEM_STARTUP_OPTION = 0x0003, /* 3: forget settings and network at the next reset */
    ITEM_NIB = 0x0021,
    ITEM_EXTENDED_PAN_ID = 0x002D,
    ITEM_KEY_IN_USE = 0x003A, /* sequence number and key */
    ITEM_APS_EXTENDED_PAN_ID = 0x0047,
    ITEM_KEY_TO_USE = 0x0062,
    ITEM_KEY_TO_USE_IS_KNOWN = 0x0063, /* 0: new nodes are given the key */
    ITEM_PAN_ID = 0x0083,
    ITEM_CHANNELS = 0x0084,
    ITEM_LOGICAL_TYPE = 0x0087, /* 0 = coordinator */
    ITEM_DIRECT_CALLBACKS = 0x008F
};

enum {
    KEY = 16,
    CHANNEL_FIRST = 11,
    CHANNEL_LAST = 26,
    CHANNEL_DEFAULT = 15, /* between the Wi-Fi channels, and sent with full power */
    PAN_NONE = 0xFFFE,    /* and the one above */
    PAN_RANDOM = 0x3FFF
};

static bool is_channel(unsigned channel)
{
    return channel >= CHANNEL_FIRST && channel <= CHANNEL_LAST;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* The key in use comes before the preconfigured one, which counts only where firmware does not show the other. */
static const uint16_t reads[] = { ITEM_NIB, ITEM_KEY_IN_USE, ITEM_KEY_TO_USE, ITEM_PAN_ID };
enum { READS = sizeof reads / sizeof *reads };

/* Offsets within the two known sizes; seen in dumps of sticks, not tried on hardware here. */
static const struct nib_layout {
    size_t len, channel, pan_id, extended_pan_id;
} nib_layouts[] = { { 116, 24, 36, 57 }, { 110, 22, 33, 53 } };

static uint64_t little_at(struct span s, size_t at, size_t octets)
{
    struct reader r = reader_of(span_from(s, at));
    return read_little(&r, octets);
}

static void take_nib(struct znp_found *f, struct span nib)
{
    for (size_t i = 0; i < sizeof nib_layouts / sizeof *nib_layouts; i++) {
        const struct nib_layout *l = &nib_layouts[i];
        if (nib.len != l->len)
            continue;
        f->channel = (uint8_t)little_at(nib, l->channel, 1);
        f->pan_id = (uint16_t)little_at(nib, l->pan_id, 2);
        f->extended_pan_id = little_at(nib, l->extended_pan_id, 8);
        f->has_nib = is_channel(f->channel) && f->pan_id < PAN_NONE;
        f->formed = f->has_nib;
        return;
    }
    f->formed = nib.len > 0; /* unless there is no key */
}

/* The last KEY octets; all zero is no key. */
static void take_key(struct znp_found *f, struct span value, size_t at)
{
    static const uint8_t none[KEY];
    if (f->has_key || value.len < at + KEY || memcmp(value.at + at, none, KEY) == 0)
        return;
    memcpy(f->key, value.at + at, KEY);
    f->has_key = true;
}

void znp_network_ask_read(const struct znp *z, struct znp_message *m)
{
    m->command = ZNP_NV_READ;
    m->item = reads[z->up.item];
}

bool znp_network_take_read(struct znp *z, const struct znp_message *m)
{
    struct znp_found *f = &z->up.found;
    struct span value = znp_failed(m) ? span_of(NULL, 0) : m->data;
    switch (reads[z->up.item]) {
    case ITEM_NIB:
        take_nib(f, value);
        break;
    case ITEM_KEY_IN_USE:
        take_key(f, value, 1);
        break;
    case ITEM_KEY_TO_USE:
        take_key(f, value, 0);
        break;
    default:
        f->asked_pan_id = value.len == 2 ? (uint16_t)little_at(value, 0, 2) : 0;
        break;
    }
    if (++z->up.item < READS)
        return false;
    f->formed = z->device_state == ZNP_COORDINATOR_RUNS || (f->formed && (f->has_nib || f->has_key));
    return true;
}

/* Firmware that does not know the command has what the NIB says, or does as it was told. */
bool znp_network_take_info(struct znp *z, const struct znp_message *m)
{
    struct znp_found *f = &z->up.found;
    if (m->command == ZNP_ERROR)
        return true;
    if (!is_channel(m->channel) || m->pan_id == 0 || m->pan_id >= PAN_NONE)
        return false;
    f->has_nib = true;
    f->channel = m->channel;
    f->pan_id = m->pan_id;
    f->extended_pan_id = m->extended_pan_id;
    return true;
}

/* ---- comparing --------------------------------------------------------------------------------------------------- */

void znp_network_compare_key(struct znp *z)
{
    uint8_t key[KEY];
    struct znp_found *f = &z->up.found;
    if (!z->c.events->key(z->c.events->context, false, key))
        return;
    f->key_differs = f->has_key && memcmp(key, f->key, KEY) != 0;
    if (!f->has_key)
        coordinator_log(&z->c, LEVEL_INFO,
                        "the stick does not tell its network key: it is not compared with that in %s",
                        z->c.settings->network_key_file);
}

/* A network that was told to take another PAN id, and could not, is still the right one. */
bool znp_network_differs(const struct znp *z, char text[COORDINATOR_TEXT])
{
    const struct config_radio *s = z->c.settings;
    const struct znp_found *f = &z->up.found;
    struct coordinator_network has = { s->channel, s->pan_id, s->extended_pan_id, f->key_differs };
    if (f->has_nib) {
        has.channel = f->channel;
        has.pan_id = s->pan_id == f->asked_pan_id ? s->pan_id : f->pan_id;
        has.extended_pan_id = f->extended_pan_id;
    }
    coordinator_compare(&z->c, &has, text);
    return text[0] != '\0';
}

/* ---- forming ----------------------------------------------------------------------------------------------------- */

bool znp_network_wish(struct znp *z)
{
    const struct config_radio *s = z->c.settings;
    struct znp_wish *w = &z->up.wish;
    w->channel = s->channel ? s->channel : CHANNEL_DEFAULT;
    w->pan_id = s->pan_id ? s->pan_id : (uint16_t)(coordinator_random(&z->c) % PAN_RANDOM + 1);
    w->extended_pan_id = s->extended_pan_id ? s->extended_pan_id : z->c.info.eui64;
    return z->c.events->key(z->c.events->context, true, w->key);
}

/* What is written before a network is formed. The first item is followed by a reset, which forgets all that was. */
enum source { FIXED, CHANNELS, PAN_ID, EXTENDED_PAN_ID, NETWORK_KEY };

static const struct store {
    uint16_t item;
    uint8_t len;
    enum source source;
    uint8_t fixed;
} stores[] = {
    { ITEM_STARTUP_OPTION, 1, FIXED, 3 },
    { ITEM_STARTUP_OPTION, 1, FIXED, 0 },
    { ITEM_LOGICAL_TYPE, 1, FIXED, 0 },
    { ITEM_DIRECT_CALLBACKS, 1, FIXED, 1 },
    { ITEM_CHANNELS, 4, CHANNELS },
    { ITEM_PAN_ID, 2, PAN_ID },
    { ITEM_EXTENDED_PAN_ID, 8, EXTENDED_PAN_ID },
    { ITEM_APS_EXTENDED_PAN_ID, 8, EXTENDED_PAN_ID },
    { ITEM_KEY_TO_USE_IS_KNOWN, 1, FIXED, 0 },
    { ITEM_KEY_TO_USE, KEY, NETWORK_KEY },
};
enum { STORES = sizeof stores / sizeof *stores };

static struct span value_of(const struct znp *z, const struct store *s, struct writer *w)
{
    const struct znp_wish *wish = &z->up.wish;
    const uint8_t *begin = w->at;
    switch (s->source) {
    case FIXED:
        write_u8(w, s->fixed);
        break;
    case CHANNELS:
        write_le32(w, UINT32_C(1) << wish->channel);
        break;
    case PAN_ID:
        write_le16(w, wish->pan_id);
        break;
    case EXTENDED_PAN_ID:
        write_le64(w, wish->extended_pan_id);
        break;
    case NETWORK_KEY:
        write_span(w, span_of(wish->key, KEY));
        break;
    }
    return span_of(begin, s->len);
}

/* Z-Stack 1.2 takes the key only through its simple interface. */
void znp_network_ask_store(const struct znp *z, struct writer *value, struct znp_message *m)
{
    const struct store *s = &stores[z->up.item];
    bool simple = s->source == NETWORK_KEY && z->product == ZNP_STACK_1_2;
    m->command = simple ? ZNP_CONFIGURE : ZNP_NV_WRITE;
    m->item = s->item;
    m->data = value_of(z, s, value);
}

void znp_network_ask_init(const struct znp *z, struct writer *value, struct znp_message *m)
{
    const struct store *s = &stores[z->up.item];
    m->command = ZNP_NV_INIT;
    m->item = s->item;
    m->item_len = s->len;
    m->data = value_of(z, s, value);
}

bool znp_network_stored_all(const struct znp *z)
{
    return z->up.item == STORES;
}
