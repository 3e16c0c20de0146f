/* arrivals.h -- QoS 1 and 2 messages of the broker that we have not acknowledged to the end (MQTT 3.1.1, section 4.3).
 *
 * An arrival is named by its receipt, which is never given twice; packet ids are the broker's and come again. */
#pragma once

#include "mqtt/packet.h"

enum arrival_state {
    ARRIVAL_OPEN,     /* somebody still has to take it */
    ARRIVAL_TAKEN,    /* PUBACK or PUBREC is due, as soon as those before it are out */
    ARRIVAL_RECEIVED, /* QoS 2: PUBREC is out */
    ARRIVAL_RELEASED, /* QoS 2: PUBREL came, the receiver is not through yet */
    ARRIVAL_COMPLETE, /* QoS 2: the receiver is through, PUBREL did not come yet */
    ARRIVAL_FINISHED, /* QoS 2: PUBCOMP is due */
    ARRIVAL_DONE,     /* QoS 2: all is said, and it is remembered for a while */
    ARRIVAL_REFUSED /* nobody has room for it: the broker keeps it and sends it again on the next connection */
};

struct arrival {
    uint32_t receipt;
    uint32_t holders; /* receivers that have not taken it yet */
    uint16_t packet_id;
    uint8_t qos;
    uint8_t state; /* enum arrival_state */
    bool ours;     /* QoS 2: a receiver has it on disk, so its packet id has to be there too ... */
    bool kept;     /* ... and it is */
    bool through;  /* the receiver went through its own QoS 2 exchange before PUBREC could leave */
    uint32_t digest; /* QoS 2: of topic and payload */
};

struct arrivals {
    struct arrival *list; /* in order of arrival */
    size_t room, count;
    size_t exactly_once, done; /* how many are of QoS 2; how many of them are done */
    bool resending; /* on this connection the broker began no QoS 2 message yet: it may be sending old ones again */
    size_t restored; /* so many more than usual are remembered: some of them may not be done */
    uint32_t last_receipt;
};

void arrivals_clear(struct arrivals *a);

/* All that is open is void: the broker forgot our session. Receipts go on from where they are. */
void arrivals_forget(struct arrivals *a);

struct arrival *arrivals_by_id(const struct arrivals *a, uint16_t packet_id);
struct arrival *arrivals_by_receipt(const struct arrivals *a, uint32_t receipt);

/* A new one with one holder. NULL when memory ends. */
MUST_CHECK struct arrival *arrivals_add(struct arrivals *a, uint16_t packet_id, uint8_t qos);

void arrivals_end(struct arrivals *a, struct arrival *one);

/* One receiver took it / the QoS 2 receiver is through / the broker's PUBREL came. */
void arrival_take(struct arrival *a);
void arrival_complete(struct arrival *a);
void arrival_release(struct arrival *a);

/* A receiver puts it on disk. */
void arrival_keep(struct arrival *a);

/* QoS 2 messages whose packet ids have to outlive us, since a broker that did not hear PUBREC sends them again and they
 * must not be taken twice: those that are ours. What is only in memory is still the broker's. NULL when there is none.
 * The next one to be put on disk; it counts as kept from now on. */
struct arrival *arrivals_keep_next(struct arrivals *a);
/* The oldest of those that are done, when more are than need be remembered; to be taken off the disk where it is
 * kept, and then arrivals_end is the caller's to call. */
struct arrival *arrivals_forget_next(struct arrivals *a);

/* One of an earlier run, taken and perhaps released. False: no memory. */
MUST_CHECK bool arrivals_restore(struct arrivals *a, uint16_t packet_id, uint32_t digest);

/* Is this PUBLISH, which has the packet id of `one`, the same message? Brokers send again what they do not know that we
 * have, and Mosquitto 2.0 what it knew before its restart; others soon give the id to another message. */
bool arrivals_are(const struct arrivals *a, const struct arrival *one, const struct mqtt_packet *p);
uint32_t arrival_digest(const struct mqtt_packet *p);

/* Nobody has room for it. It holds back nobody behind it. */
void arrival_refuse(struct arrival *a);

/* A new connection: the broker sends them again, and then they are new. */
void arrivals_forget_refused(struct arrivals *a);

/* Was anything refused on this connection? What comes behind it must be refused too, for order. */
bool arrivals_any_refused(const struct arrivals *a);

/* Is nothing left but what was refused? */
bool arrivals_only_refused(const struct arrivals *a);

/* The next acknowledgement that may leave now, in the order that MQTT-4.6.0-2 and -3 want; false when there is none.
 * What it gives is settled: it must be sent. */
bool arrivals_due(struct arrivals *a, struct mqtt_packet *ack);
