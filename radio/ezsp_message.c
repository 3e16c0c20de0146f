/* ezsp_message.c -- the fields of EZSP commands and callbacks, there and back.
 *
 * Two layouts are alive: up to version 13, and from 14 on, which has tags of two octets, statuses of four and in front,
 * and names the sender's 64-bit address in each incoming message. What differs is decided at the field that differs, so
 * that one function reads like the vendor's table of the message. */
#include "radio/ezsp_message.h"

#include "radio/little.h"

enum { VERSION_NEW_LAYOUT = 14, NO_ALIAS = 0xFFFF };

static bool is_new(uint8_t version)
{
    return version >= VERSION_NEW_LAYOUT;
}

static void read_aps(struct reader *r, struct ezsp_aps *a)
{
    a->profile = read_le16(r);
    a->cluster = read_le16(r);
    a->source = read_u8(r);
    a->destination = read_u8(r);
    a->options = read_le16(r);
    a->group = read_le16(r);
    a->sequence = read_u8(r);
}

static void write_aps(struct writer *w, const struct ezsp_aps *a)
{
    write_le16(w, a->profile);
    write_le16(w, a->cluster);
    write_u8(w, a->source);
    write_u8(w, a->destination);
    write_le16(w, a->options);
    write_le16(w, a->group);
    write_u8(w, a->sequence);
}

static uint16_t read_tag(struct reader *r, uint8_t version)
{
    return is_new(version) ? read_le16(r) : read_u8(r);
}

static void write_tag(struct writer *w, uint16_t tag, uint8_t version)
{
    write_little(w, tag, is_new(version) ? 2 : 1);
}

/* A length octet and so many octets. */
static struct span read_data(struct reader *r)
{
    return read_span(r, read_u8(r));
}

static void write_data(struct writer *w, struct span data)
{
    if (data.len > UINT8_MAX)
        w->failed = true;
    write_u8(w, (uint8_t)data.len);
    write_span(w, data);
}

/* ---- sending --------------------------------------------------------------------------------------------------- */

bool ezsp_read_unicast(struct span params, uint8_t version, struct ezsp_transmission *t)
{
    struct reader r = reader_of(params);
    uint8_t type = read_u8(&r);
    *t = (struct ezsp_transmission){ .to = read_le16(&r) };
    read_aps(&r, &t->aps);
    t->tag = read_tag(&r, version);
    t->data = read_data(&r);
    return !r.failed && type == EZSP_UNICAST;
}

void ezsp_write_unicast(const struct ezsp_transmission *t, uint8_t version, struct writer *w)
{
    write_u8(w, EZSP_UNICAST);
    write_le16(w, t->to);
    write_aps(w, &t->aps);
    write_tag(w, t->tag, version);
    write_data(w, t->data);
}

bool ezsp_read_broadcast(struct span params, uint8_t version, struct ezsp_transmission *t)
{
    struct reader r = reader_of(params);
    if (is_new(version))
        read_le16(&r); /* alias */
    *t = (struct ezsp_transmission){ .to = read_le16(&r) };
    if (is_new(version))
        read_u8(&r); /* sequence */
    read_aps(&r, &t->aps);
    t->radius = read_u8(&r);
    t->tag = read_tag(&r, version);
    t->data = read_data(&r);
    return !r.failed;
}

void ezsp_write_broadcast(const struct ezsp_transmission *t, uint8_t version, struct writer *w)
{
    if (is_new(version))
        write_le16(w, NO_ALIAS);
    write_le16(w, t->to);
    if (is_new(version))
        write_u8(w, 0); /* the stack takes its own */
    write_aps(w, &t->aps);
    write_u8(w, t->radius);
    write_tag(w, t->tag, version);
    write_data(w, t->data);
}

bool ezsp_read_sent(struct span params, uint8_t version, struct ezsp_sent *s)
{
    struct reader r = reader_of(params);
    *s = (struct ezsp_sent){ 0 };
    if (is_new(version))
        s->status = ezsp_read_status(&r, version, &s->code);
    s->type = read_u8(&r);
    s->to = read_le16(&r);
    read_aps(&r, &s->aps);
    s->tag = read_tag(&r, version);
    if (!is_new(version))
        s->status = ezsp_read_status(&r, version, &s->code);
    s->data = read_data(&r);
    return !r.failed;
}

void ezsp_write_sent(const struct ezsp_sent *s, uint8_t version, struct writer *w)
{
    if (is_new(version))
        ezsp_write_status(w, version, s->status);
    write_u8(w, s->type);
    write_le16(w, s->to);
    write_aps(w, &s->aps);
    write_tag(w, s->tag, version);
    if (!is_new(version))
        ezsp_write_status(w, version, s->status);
    write_data(w, s->data);
}

/* ---- receiving ------------------------------------------------------------------------------------------------- */

static void read_quality(struct reader *r, struct ezsp_incoming *in)
{
    in->lqi = read_u8(r);
    in->rssi = (int8_t)read_u8(r);
}

static void read_places(struct reader *r, struct ezsp_incoming *in)
{
    in->binding = read_u8(r);
    in->address = read_u8(r);
}

bool ezsp_read_incoming(struct span params, uint8_t version, struct ezsp_incoming *in)
{
    struct reader r = reader_of(params);
    *in = (struct ezsp_incoming){ .type = read_u8(&r) };
    read_aps(&r, &in->aps);
    if (!is_new(version))
        read_quality(&r, in);
    in->from = read_le16(&r);
    if (is_new(version))
        in->eui64 = read_le64(&r);
    read_places(&r, in);
    if (is_new(version)) {
        read_quality(&r, in);
        in->timestamp = read_le32(&r);
    }
    in->data = read_data(&r);
    return !r.failed;
}

static void write_quality(struct writer *w, const struct ezsp_incoming *in)
{
    write_u8(w, in->lqi);
    write_u8(w, (uint8_t)in->rssi);
}

void ezsp_write_incoming(const struct ezsp_incoming *in, uint8_t version, struct writer *w)
{
    write_u8(w, in->type);
    write_aps(w, &in->aps);
    if (!is_new(version))
        write_quality(w, in);
    write_le16(w, in->from);
    if (is_new(version))
        write_le64(w, in->eui64);
    write_u8(w, in->binding);
    write_u8(w, in->address);
    if (is_new(version)) {
        write_quality(w, in);
        write_le32(w, in->timestamp);
    }
    write_data(w, in->data);
}

/* ---- the network ----------------------------------------------------------------------------------------------- */

void ezsp_read_network(struct reader *r, struct ezsp_network *n)
{
    n->extended_pan_id = read_le64(r);
    n->pan_id = read_le16(r);
    n->power = (int8_t)read_u8(r);
    n->channel = read_u8(r);
    n->join_method = read_u8(r);
    n->manager = read_le16(r);
    n->update_id = read_u8(r);
    n->channels = read_le32(r);
}

void ezsp_write_network(struct writer *w, const struct ezsp_network *n)
{
    write_le64(w, n->extended_pan_id);
    write_le16(w, n->pan_id);
    write_u8(w, (uint8_t)n->power);
    write_u8(w, n->channel);
    write_u8(w, n->join_method);
    write_le16(w, n->manager);
    write_u8(w, n->update_id);
    write_le32(w, n->channels);
}

static void read_key(struct reader *r, uint8_t key[EZSP_KEY])
{
    const uint8_t *at = reader_take(r, EZSP_KEY);
    if (at)
        memcpy(key, at, EZSP_KEY);
}

bool ezsp_read_security(struct span params, struct ezsp_security *s)
{
    struct reader r = reader_of(params);
    *s = (struct ezsp_security){ .bitmask = read_le16(&r) };
    read_key(&r, s->link_key);
    read_key(&r, s->network_key);
    s->sequence = read_u8(&r);
    s->trust_centre = read_le64(&r);
    return !r.failed;
}

void ezsp_write_security(const struct ezsp_security *s, struct writer *w)
{
    write_le16(w, s->bitmask);
    write_span(w, span_of(s->link_key, EZSP_KEY));
    write_span(w, span_of(s->network_key, EZSP_KEY));
    write_u8(w, s->sequence);
    write_le64(w, s->trust_centre);
}

bool ezsp_read_join(struct span params, struct ezsp_join *j)
{
    struct reader r = reader_of(params);
    j->nwk = read_le16(&r);
    j->eui64 = read_le64(&r);
    j->update = read_u8(&r);
    j->decision = read_u8(&r);
    j->parent = read_le16(&r);
    return !r.failed;
}

void ezsp_write_join(const struct ezsp_join *j, struct writer *w)
{
    write_le16(w, j->nwk);
    write_le64(w, j->eui64);
    write_u8(w, j->update);
    write_u8(w, j->decision);
    write_le16(w, j->parent);
}

/* The layout is the vendor's document's; no vector shows one, so it is not verified on hardware. */
bool ezsp_read_child(struct span params, struct ezsp_child *c)
{
    struct reader r = reader_of(params);
    c->index = read_u8(&r);
    c->joining = read_u8(&r) != 0;
    c->nwk = read_le16(&r);
    c->eui64 = read_le64(&r);
    c->type = read_u8(&r);
    return !r.failed;
}

void ezsp_write_child(const struct ezsp_child *c, struct writer *w)
{
    write_u8(w, c->index);
    write_u8(w, c->joining);
    write_le16(w, c->nwk);
    write_le64(w, c->eui64);
    write_u8(w, c->type);
}

bool ezsp_read_endpoint(struct span params, struct ezsp_endpoint *e)
{
    struct reader r = reader_of(params);
    *e = (struct ezsp_endpoint){ .endpoint = read_u8(&r) };
    e->profile = read_le16(&r);
    e->device = read_le16(&r);
    e->version = read_u8(&r);
    uint8_t in = read_u8(&r), out = read_u8(&r);
    e->cluster = read_le16(&r);
    read_le16(&r);
    return !r.failed && in == 1 && out == 1;
}

void ezsp_write_endpoint(const struct ezsp_endpoint *e, struct writer *w)
{
    write_u8(w, e->endpoint);
    write_le16(w, e->profile);
    write_le16(w, e->device);
    write_u8(w, e->version);
    write_u8(w, 1); /* clusters in and out */
    write_u8(w, 1);
    write_le16(w, e->cluster);
    write_le16(w, e->cluster);
}

/* ---- ZDO ------------------------------------------------------------------------------------------------------- */

bool ezsp_read_zdo(struct span data, uint16_t cluster, struct ezsp_zdo *a)
{
    struct reader r = reader_of(data);
    *a = (struct ezsp_zdo){ .sequence = read_u8(&r) };
    if (cluster == EZSP_ZDO_IEEE_ADDRESS_ANSWER) {
        a->status = read_u8(&r);
        a->eui64 = read_le64(&r);
        a->nwk = read_le16(&r);
        return !r.failed;
    }
    a->nwk = read_le16(&r);
    if (cluster == EZSP_ZDO_DEVICE_ANNOUNCE) {
        a->eui64 = read_le64(&r);
        a->capability = read_u8(&r);
        return !r.failed;
    }
    return !r.failed && cluster == EZSP_ZDO_IEEE_ADDRESS;
}

void ezsp_write_zdo(const struct ezsp_zdo *a, uint16_t cluster, struct writer *w)
{
    write_u8(w, a->sequence);
    if (cluster == EZSP_ZDO_IEEE_ADDRESS_ANSWER) {
        write_u8(w, a->status);
        write_le64(w, a->eui64);
        write_le16(w, a->nwk);
        return;
    }
    write_le16(w, a->nwk);
    if (cluster == EZSP_ZDO_DEVICE_ANNOUNCE) {
        write_le64(w, a->eui64);
        write_u8(w, a->capability);
        return;
    }
    write_u8(w, 0); /* this device's address only, */
    write_u8(w, 0); /* from the first one on */
}
