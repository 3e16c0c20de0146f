/* layout.h -- the message table, for those who walk it: decoder, encoder, text form and tests.
 *
 * Every message is a few fixed fields and at most one variable field, always last. */
#pragma once

#include "mqttsn/message.h"

enum mqttsn_field {
    END,
    MAY_END, /* the message may end here: it is then brief */
    FLAGS,
    GATEWAY_ID,
    RADIUS,
    PROTOCOL_ID,
    DURATION,
    TOPIC_ID,
    MESSAGE_ID,
    RETURN_CODE
};

/* Section 5.3.4. */
enum mqttsn_flag {
    FLAG_DUP = 0x80,
    FLAG_QOS = 0x60,
    FLAG_RETAIN = 0x10,
    FLAG_WILL = 0x08,
    FLAG_CLEAN = 0x04,
    FLAG_TOPIC_ID_TYPE = 0x03
};

enum mqttsn_tail {
    NO_TAIL,
    REST,  /* the rest of the frame, maybe empty */
    EXTRA, /* likewise, and empty is the same as not there */
    OR_ID  /* a topic name, or exactly two octets of id or short name when topic_id_type says so */
};

struct mqttsn_layout {
    const char *name;
    bool from_client;  /* a client may send it; the gateway too, perhaps */
    uint8_t fields[5]; /* enum mqttsn_field, in wire order, closed by END */
    uint8_t tail;      /* enum mqttsn_tail */
    const char *tail_name;
    uint8_t flags; /* the flags that mean something here */
};

/* NULL for a reserved type. */
const struct mqttsn_layout *mqttsn_layout_of(unsigned type);

/* The messages that may end early and did: WILLTOPIC, WILLTOPICUPD, DISCONNECT. */
static inline bool mqttsn_ends_early(const struct mqttsn_layout *l, const struct mqttsn_message *m)
{
    return m->brief && l->fields[0] == MAY_END;
}

static inline bool mqttsn_ends_in_id(const struct mqttsn_layout *l, const struct mqttsn_message *m)
{
    return l->tail == OR_ID && m->topic_id_type != MQTTSN_NORMAL;
}

/* The length of the frame that begins at `r`, as its first octets give it; they are taken off. 0 when it makes no
 * sense: no octets, or a length that does not cover its own header. */
static inline size_t mqttsn_read_length(struct reader *r)
{
    size_t len = read_u8(r), header = 2;
    if (len == 1) {
        len = read_u16(r);
        header = 4;
    }
    return r->failed || len < header ? 0 : len;
}
