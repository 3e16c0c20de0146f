/* sim_znp_memory.c -- the non-volatile memory of a simulated Z-Stack stick.
 *
 * Items are what the host wrote; the NIB and the key in use are made of the network that there is. One item does not
 * exist until it is made, as in some firmware. */
#include "tools/sim_znp_inside.h"

#include "radio/little.h"

enum {
    STARTUP_OPTION = 0x0003,
    NIB = 0x0021,
    EXTENDED_PAN_ID = 0x002D,
    KEY_IN_USE = 0x003A,
    APS_EXTENDED_PAN_ID = 0x0047,
    KEY_TO_USE = 0x0062,
    KEY_IS_KNOWN = 0x0063,
    PAN_ID = 0x0083,
    CHANNELS = 0x0084,
    LOGICAL_TYPE = 0x0087,
    FORGET = 3,
    KEY = 16,
    NIB_MAX = 116,
    CREATED = 9,
    FAILED = 0x0A
};

static struct item *item_of(struct stick *s, uint16_t id)
{
    for (struct item *i = s->items; i < s->items + ITEMS; i++)
        if (i->len > 0 && i->id == id)
            return i;
    return NULL;
}

static void make(struct stick *s, uint16_t id, uint64_t value, uint8_t len)
{
    struct item *i = s->items;
    while (i->len > 0)
        i++;
    struct writer w = writer_of(i->bytes, sizeof i->bytes);
    i->id = id;
    i->len = len;
    write_little(&w, value, len < 8 ? len : 8);
}

void z_stack_load(struct stick *s)
{
    const struct sim_network *n = s->s.network;
    memset(s->items, 0, sizeof s->items);
    make(s, STARTUP_OPTION, 0, 1);
    make(s, LOGICAL_TYPE, 0, 1);
    make(s, KEY_IS_KNOWN, 0, 1);
    make(s, PAN_ID, n->formed ? n->pan_id : 0xFFFF, 2);
    make(s, CHANNELS, n->formed ? UINT32_C(1) << n->channel : 0x00000800, 4);
    make(s, EXTENDED_PAN_ID, n->formed ? n->extended_pan_id : 0, 8);
    make(s, APS_EXTENDED_PAN_ID, n->formed ? n->extended_pan_id : 0, 8);
    make(s, KEY_TO_USE, 0, KEY);
    if (n->formed)
        memcpy(item_of(s, KEY_TO_USE)->bytes, n->key, KEY);
}

uint64_t z_stack_number(const struct stick *s, uint16_t id)
{
    for (const struct item *i = s->items; i < s->items + ITEMS; i++) {
        struct reader r = reader_of(span_of(i->bytes, sizeof i->bytes));
        if (i->len > 0 && i->id == id)
            return read_little(&r, i->len < 8 ? i->len : 8);
    }
    return 0;
}

void z_stack_network_key(const struct stick *s, uint8_t key[16])
{
    for (const struct item *i = s->items; i < s->items + ITEMS; i++)
        if (i->len >= KEY && i->id == KEY_TO_USE)
            memcpy(key, i->bytes, KEY);
}

bool z_stack_is_to_forget(const struct stick *s)
{
    return (z_stack_number(s, STARTUP_OPTION) & FORGET) == FORGET;
}

/* As the compilers of the two kinds of chips lay it out. */
static struct span show_nib(const struct stick *s, uint8_t room[NIB_MAX])
{
    static const struct {
        size_t len, channel, pan_id, extended_pan_id;
    } layouts[] = { { 116, 24, 36, 57 }, { 110, 22, 33, 53 } };
    const bool packed = s->s.option == STACK_1_2 || s->s.option == STACK_3_0_X;
    const struct sim_network *n = s->s.network;
    memset(room, 0, NIB_MAX);
    struct writer w = writer_of(room + layouts[packed].pan_id, 2);
    write_le16(&w, n->formed ? n->pan_id : 0xFFFF);
    room[layouts[packed].channel] = n->formed ? n->channel : 0;
    w = writer_of(room + layouts[packed].extended_pan_id, 8);
    write_le64(&w, n->formed ? n->extended_pan_id : 0);
    return span_of(room, layouts[packed].len);
}

static struct span show(struct stick *s, uint16_t id, uint8_t room[NIB_MAX])
{
    const struct item *i = item_of(s, id);
    if (id == NIB)
        return show_nib(s, room);
    if (id == KEY_IN_USE) {
        memset(room, 0, 1 + KEY);
        memcpy(room + 1, s->s.network->key, s->s.network->formed ? KEY : 0);
        return span_of(room, 1 + KEY);
    }
    return i ? span_of(i->bytes, i->len) : span_of(NULL, 0);
}

void z_stack_read(struct stick *s, const struct znp_message *m, msec now)
{
    uint8_t room[NIB_MAX];
    struct span value = show(s, m->item, room);
    (void)now;
    if (m->offset >= value.len) {
        z_stack_answer(s, m, INVALID);
        return;
    }
    z_stack_say(
        s, &(struct znp_message){ .command = ZNP_NV_VALUE, .data = span_from(value, m->offset) });
}

void z_stack_write(struct stick *s, const struct znp_message *m, msec now)
{
    struct item *i = item_of(s, m->item);
    (void)now;
    const bool fits = i && m->data.len > 0 && (size_t)m->offset + m->data.len <= i->len;
    if (fits)
        memcpy(i->bytes + m->offset, m->data.at, m->data.len);
    z_stack_answer(s, m, fits ? 0 : INVALID);
}

void z_stack_init(struct stick *s, const struct znp_message *m, msec now)
{
    size_t used = 0;
    (void)now;
    for (const struct item *i = s->items; i < s->items + ITEMS; i++)
        used += i->len > 0;
    if (item_of(s, m->item)) {
        z_stack_answer(s, m, 0);
        return;
    }
    if (used == ITEMS || m->item_len == 0 || m->item_len > ITEM_MAX || m->data.len > m->item_len) {
        z_stack_answer(s, m, FAILED);
        return;
    }
    make(s, m->item, 0, (uint8_t)m->item_len);
    if (m->data.len > 0)
        memcpy(item_of(s, m->item)->bytes, m->data.at, m->data.len);
    z_stack_answer(s, m, CREATED);
}
