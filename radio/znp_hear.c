/* znp_hear.c -- frames that came, and the nodes they are from.
 *
 * Z-Stack gives a sender's 16-bit address only. The table of neighbours knows most of them, from joins and
 * announcements; a stranger's frame waits while the network is asked for the 64-bit address. There is no profile in
 * an indication either: the stick hands us only what fits the endpoint that we registered.
 *
 * A message that is too long for one serial frame stays in the stick, which names it by its time stamp. It is fetched
 * piece by piece and freed there; one at a time, since it is rare. */
#include "radio/znp_machine.h"

enum {
    PIECE_MAX = 240,
    ALL_ENDPOINTS = 0xFF,
    ALWAYS_ON = 0x08, /* a capability: its receiver does not sleep */
    ADDRESS_ALONE = 0,
    NWK_MASK = 0xFFFF
};

/* ---- whose is it ------------------------------------------------------------------------------------------------- */

/* True: it is to be asked for. Several frames of one stranger are one question. */
static bool is_new_question(struct znp *z, uint16_t nwk, msec now)
{
    struct znp_question *oldest = z->questions;
    for (struct znp_question *q = z->questions; q < z->questions + PARKED_MAX; q++) {
        if (q->nwk == nwk && now < q->until)
            return false;
        if (q->until < oldest->until)
            oldest = q;
    }
    *oldest = (struct znp_question){ nwk, now + PARKED_MS };
    return true;
}

static void ask_whose(struct znp *z, uint16_t nwk, msec now)
{
    const struct znp_asker nobody = { ZNP_FOR_NOBODY };
    const struct znp_message m = { .command = ZNP_FIND_EUI64, .nwk = nwk, .mode = ADDRESS_ALONE };
    if (is_new_question(z, nwk, now) && !znp_request(z, &nobody, &m, now))
        coordinator_log(&z->c, LEVEL_DEBUG, "too busy to ask who is 0x%04x", nwk);
}

static void hand_up(struct znp *z, const struct incoming *in, msec now)
{
    if (coordinator_heard(&z->c, in, now) == COORDINATOR_ASK)
        ask_whose(z, in->nwk, now);
}

/* ---- frames ------------------------------------------------------------------------------------------------------ */

static struct incoming incoming_of(const struct znp *z, const struct znp_message *m)
{
    const struct config_radio *s = z->c.settings;
    struct incoming in = { .nwk = m->source,
                           .source_endpoint = m->source_endpoint,
                           .endpoint = m->endpoint == ALL_ENDPOINTS ? s->endpoint : m->endpoint,
                           .profile = s->profile,
                           .cluster = m->cluster,
                           .frame = { .bytes = m->data,
                                      .broadcast = m->broadcast != 0,
                                      .lqi = m->lqi,
                                      .rssi = RSSI_UNKNOWN } };
    if (m->command == ZNP_INCOMING_EXT && m->address_mode == ZNP_MODE_EUI64) {
        in.eui64 = m->sender;
        in.nwk = NWK_UNKNOWN;
    } else if (m->command == ZNP_INCOMING_EXT) {
        in.nwk = (uint16_t)(m->sender & NWK_MASK);
    }
    const struct neighbour *from = in.eui64 ? neighbours_find(z->c.neighbours, in.eui64)
                                            : neighbours_at(z->c.neighbours, in.nwk);
    in.frame.sleeper = from && from->sleeper;
    return in;
}

static bool ask_piece(struct znp *z, uint32_t timestamp, size_t wanted, msec now)
{
    const struct znp_asker asker = { wanted > 0 ? ZNP_FOR_LONG : ZNP_FOR_NOBODY };
    return znp_request(z, &asker,
                       &(struct znp_message){ .command = ZNP_RETRIEVE,
                                              .timestamp = timestamp,
                                              .index = wanted > 0 ? z->late.len : 0,
                                              .wanted = (uint8_t)wanted },
                       now);
}

static bool ask_next_piece(struct znp *z, msec now)
{
    size_t wanted = z->late.whole_len - z->late.len;
    return ask_piece(z, z->late.timestamp, wanted < PIECE_MAX ? wanted : PIECE_MAX, now);
}

/* Asking for no octets frees the message in the stick. */
static void refuse_long(struct znp *z, uint32_t timestamp, const char *reason, msec now)
{
    z->c.events->dropped(z->c.events->context, reason);
    if (!ask_piece(z, timestamp, 0, now))
        coordinator_log(&z->c, LEVEL_WARN, "a long message stays in the stick: too busy to free it");
}

static void fetch_long(struct znp *z, const struct incoming *in, const struct znp_message *m, msec now)
{
    if (m->whole_len > COORDINATOR_PAYLOAD_MAX) {
        refuse_long(z, m->timestamp, "oversize", now);
        return;
    }
    if (z->late.active) {
        refuse_long(z, m->timestamp, "radio busy", now);
        return;
    }
    z->late = (struct znp_long){
        .active = true, .timestamp = m->timestamp, .whole_len = m->whole_len, .in = *in
    };
    if (ask_next_piece(z, now))
        return;
    z->late.active = false;
    refuse_long(z, m->timestamp, "radio busy", now);
}

void znp_hear_incoming(struct znp *z, const struct znp_message *m, msec now)
{
    if (z->c.state != COORDINATOR_UP) {
        z->c.events->dropped(z->c.events->context, "radio not up");
        return;
    }
    const struct incoming in = incoming_of(z, m);
    if (m->command == ZNP_INCOMING_EXT && m->data.len < m->whole_len)
        fetch_long(z, &in, m, now);
    else
        hand_up(z, &in, now);
}

void znp_hear_piece(struct znp *z, const struct znp_message *m, msec now)
{
    struct znp_long *l = &z->late;
    if (!l->active)
        return;
    if (znp_failed(m) || m->data.len == 0 || m->data.len > (size_t)(l->whole_len - l->len)) {
        l->active = false;
        refuse_long(z, l->timestamp, "not fetched", now);
        return;
    }
    memcpy(l->data + l->len, m->data.at, m->data.len);
    l->len = (uint16_t)(l->len + m->data.len);
    if (l->len < l->whole_len && ask_next_piece(z, now))
        return;
    l->active = false;
    if (l->len < l->whole_len) {
        refuse_long(z, l->timestamp, "radio busy", now);
        return;
    }
    (void)ask_piece(z, l->timestamp, 0, now);
    l->in.frame.bytes = span_of(l->data, l->len);
    hand_up(z, &l->in, now);
}

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

/* Whose address it is now is known: should it be another's later, that one is asked for anew. */
void znp_hear_found(struct znp *z, const struct znp_message *m, msec now)
{
    for (struct znp_question *q = z->questions; q < z->questions + PARKED_MAX; q++)
        if (q->nwk == m->nwk)
            q->until = 0;
    if (m->status == 0 && m->eui64 != 0)
        (void)coordinator_learn(&z->c, m->eui64, m->nwk, now);
}

void znp_hear_joined(struct znp *z, const struct znp_message *m, msec now)
{
    (void)coordinator_learn(&z->c, m->eui64, m->nwk, now);
    coordinator_joined(&z->c, m->eui64, false);
}

/* Also after a rejoin, with a new 16-bit address; a node that joined was told of already. */
void znp_hear_announced(struct znp *z, const struct znp_message *m, msec now)
{
    bool stranger = !neighbours_find(z->c.neighbours, m->eui64);
    struct neighbour *one = coordinator_learn(&z->c, m->eui64, m->nwk, now);
    if (one)
        one->sleeper = !(m->capability & ALWAYS_ON);
    if (stranger)
        coordinator_joined(&z->c, m->eui64, false);
}

void znp_hear_left(struct znp *z, const struct znp_message *m)
{
    struct neighbour *one = neighbours_find(z->c.neighbours, m->eui64);
    if (one)
        neighbours_lose_address(z->c.neighbours, one);
    coordinator_joined(&z->c, m->eui64, true);
}
