/* lossy_ledger.h -- who published what and who received what: the judge over networks that lose and gateways that die.
 *
 * A lane is what one receiver is to get of one topic. Its messages are numbered 1, 2, 3, ... and each is published
 * after the one before it was accepted, so they must arrive in that order: at QoS 2 each once, at QoS 1 each at least
 * once, where a repetition may come late. The number and the topic are in the payload, so that a message on the wrong
 * topic is found too. The first fault is kept as one line of text; whoever judges a gateway may add its own. */
#pragma once

#include "mqtt/bytes.h"

enum { LEDGER_TEXT = 64, LEDGER_FAULT = 256, LANE_NAME = 24 };

struct lane {
    char topic[LANE_NAME], receiver[LANE_NAME];
    uint8_t qos;        /* 1 or 2 */
    uint32_t published; /* the last number given */
    uint32_t accepted;  /* the last one whose publisher was told so */
    uint32_t received;  /* the last one, and all before it */
    uint32_t repeated;  /* arrivals at QoS 1 that were there before */
    uint32_t excused;   /* as many may come twice at QoS 2, because ... */
    uint32_t by_broker; /* ... it is proven that the broker did it, as these came */
};

struct ledger {
    struct lane *lanes; /* owned */
    size_t count, room;
    bool nothing_on_disk; /* then nobody is told "accepted" before the receiver has it (design rule 1) */
    char fault[LEDGER_FAULT]; /* empty: none so far */
};

void ledger_init(struct ledger *l, size_t lanes);
void ledger_clear(struct ledger *l);

/* A new lane; at most as many as ledger_init was told. */
struct lane *ledger_lane(struct ledger *l, const char *topic, const char *receiver, uint8_t qos);

/* The next message of the lane: its payload in `text`. */
void ledger_publishes(struct lane *one, char text[static LEDGER_TEXT]);

/* The publisher was told that the gateway or the broker has its last message. */
void ledger_accepts(struct ledger *l, struct lane *one);

/* The receiver got this. */
void ledger_receives(struct ledger *l, struct lane *one, struct span payload);

/* At QoS 2 one message on this topic may come twice from now on, and it is not the gateway's fault. */
void ledger_excuses(struct ledger *l, const char *topic);
void ledger_excuses_nobody(struct ledger *l);

/* Something must not be; only the first one is kept. */
__attribute__((format(printf, 2, 3))) void ledger_blames(struct ledger *l, const char *format, ...);

/* Has everything published arrived? */
bool ledger_is_complete(const struct ledger *l);

/* It is over: what did not arrive is a fault. */
void ledger_closes(struct ledger *l);
