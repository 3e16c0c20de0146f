/* flights.h -- requests of ours that the broker has not answered to the end (MQTT 3.1.1, sections 2.3.1 and 4.4). */
#pragma once

#include "mqtt/packet.h"

enum flight_state {
    FLIGHT_FREE,
    FLIGHT_RESERVED, /* the id is given away, the packet did not come yet */
    FLIGHT_ANSWER,   /* waits for PUBACK, SUBACK or UNSUBACK */
    FLIGHT_PUBREC,   /* QoS 2, waits for PUBREC */
    FLIGHT_PUBREC_REL, /* QoS 2, sent again as new; its owner released it already, so PUBREL follows PUBREC at once */
    FLIGHT_RELEASED, /* likewise after PUBREC, while the connection was away: PUBREL could not leave yet */
    FLIGHT_HELD,   /* PUBREC came; its owner did not release it yet */
    FLIGHT_PUBCOMP /* PUBREL is out */
};

/* A request of ours that the broker has not answered to the end. */
struct flight {
    void *owner;     /* whom the answer is for; NULL = nobody any more */
    uint8_t *packet; /* owned, encoded, to be sent again; NULL for a reserved id */
    uint32_t packet_len;
    uint32_t order; /* of sending */
    uint16_t packet_id;
    uint8_t state;     /* enum flight_state */
    bool exactly_once; /* a QoS 2 PUBLISH */
    bool kept; /* its owner has it on disk and asks for the answer whatever becomes of its connection */
    uint8_t closes; /* how often the broker closed the connection with this one next to be answered ... */
    uint64_t first_close_ms; /* ... since then */
};

struct flights {
    struct flight *table; /* direct mapped: packet_id & (room - 1) */
    size_t room, count, bytes;
    size_t exactly_once; /* how many are QoS 2 PUBLISHes */
    uint32_t next_order;
    uint16_t last_packet_id;
};

void flights_clear(struct flights *f);

/* A free packet id for a request of `owner`; 0 when all are in use. Never one in use (MQTT-2.3.1-2). */
uint16_t flights_reserve(struct flights *f, void *owner);

/* The flight of an earlier run under its old packet id; NULL: the id is in use, or no memory. */
MUST_CHECK struct flight *flights_claim(struct flights *f, uint16_t packet_id, void *owner);

struct flight *flights_find(const struct flights *f, uint16_t packet_id);

/* Keeps the encoded packet `p` for sending again. False: no memory, or the packet is too long; the id stays
 * reserved. */
MUST_CHECK bool flights_keep(struct flights *f, struct flight *one, const struct mqtt_packet *p);
void flights_end(struct flights *f, struct flight *one);

/* The owner forgets its requests, but for the kept ones. */
void flights_orphan(struct flights *f, const void *owner);

/* The first one in the order of sending that the broker did not say anything to yet; NULL: none. */
struct flight *flights_next_answer(const struct flights *f);

/* All of them in the order of sending, for the caller to free(); NULL when there are none, or no memory. */
struct flight **flights_in_order(const struct flights *f, size_t *count);
