/* inflight.h -- requests of one client that wait for the broker's answer (SN-PUB-12, SN-RTX-6, -7, -8).
 *
 * The client and the broker connection number requests independently; an exchange ties the two numbers together. Those
 * just answered are remembered for a while, so that a repeated PUBLISH is answered again and not published twice. */
#pragma once

#include "mqtt/client.h"
#include "mqttsn/message.h"

enum { EXCHANGES = 8 };

enum exchange_phase {
    EXCHANGE_FREE,
    EXCHANGE_ANSWERED, /* over; remembered as long as nobody needs the place */
    EXCHANGE_PUBACK,   /* waits for the broker's PUBACK */
    EXCHANGE_PUBREC,   /* waits for the broker's PUBREC */
    EXCHANGE_PUBREL,   /* waits for the client's PUBREL */
    EXCHANGE_PUBCOMP,  /* waits for the broker's PUBCOMP */
    EXCHANGE_SUBACK,
    EXCHANGE_UNSUBACK
};

struct exchange {
    uint8_t phase; /* enum exchange_phase */
    uint8_t qos;
    uint16_t message_id; /* the client's */
    uint16_t packet_id;  /* the broker connection's; 0 = none */
    uint16_t topic_id;   /* as the client named it, for PUBACK and SUBACK */
    uint32_t digest;     /* of topic and payload: is a repetition the same message? */
    msec since;          /* of its last step */
};

struct inflight {
    struct exchange list[EXCHANGES];
    uint8_t open, publishing; /* how many wait; how many of them are PUBLISHes */
    uint8_t changed,
        kept; /* a bit for each place: what is on disk is behind; something of it is on disk */
};

uint32_t inflight_digest(const struct mqttsn_message *m);

/* The open PUBLISH exchange, or the open SUBSCRIBE or UNSUBSCRIBE exchange, with the client's `message_id`. */
struct exchange *inflight_publish(struct inflight *f, uint16_t message_id);
struct exchange *inflight_subscribe(struct inflight *f, uint16_t message_id,
                                    enum exchange_phase phase);
struct exchange *inflight_by_packet_id(struct inflight *f, uint16_t packet_id);

/* The last exchange with this id and this content that ended at `since` or later. */
struct exchange *inflight_answered(struct inflight *f, uint16_t message_id, uint32_t digest,
                                   msec since);

/* Opens one in the free or longest answered place; NULL when all are open. */
MUST_CHECK struct exchange *inflight_open(struct inflight *f, enum exchange_phase phase, msec now);

/* To the next step of a QoS 2 exchange, or to EXCHANGE_ANSWERED or EXCHANGE_FREE. */
void inflight_step(struct inflight *f, struct exchange *e, enum exchange_phase next, msec now);

/* As an earlier run had it; the place must be free. */
void inflight_restore(struct inflight *f, size_t place, const struct exchange *e);

/* The first open one that waits in `phase` since before `since`; NULL when none does. */
struct exchange *inflight_overdue(struct inflight *f, enum exchange_phase phase, msec since);

/* When the first one in `phase` began to wait; MSEC_NEVER when none does. */
msec inflight_oldest(const struct inflight *f, enum exchange_phase phase);
