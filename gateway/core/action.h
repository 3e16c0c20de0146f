/* action.h -- the closed list of things a decision of the core can ask for.
 *
 * The core never calls the shell; it fills a list, and gateway_perform does what it says, in order. */
#pragma once

#include "mqtt/client.h"
#include "mqttsn/message.h"

enum drop {
#define DROP(name, text) DROP_##name,
#include "gateway/core/drops.def"
#undef DROP
    DROPS
};

struct queued;

enum action_kind {
    ACTION_SEND, /* `send` to the client's address */
    ACTION_UPSTREAM, /* `upstream` to the client's broker connection, with that connection's packet ids and receipts */
    ACTION_DROP,  /* a message ended here: count and log */
    ACTION_KEEP,  /* `keep` has to be on disk as it stands now before what follows may leave */
    ACTION_STATE, /* the session went on from state `from`: log */
    ACTION_FORGET /* the session is over: free it */
};

struct action {
    enum action_kind kind;
    union {
        struct mqttsn_message send;
        struct mqtt_packet upstream;
        struct {
            enum drop why;
            uint32_t octets; /* of the message, where its size was the reason; else 0 */
        } drop;
        struct queued *keep; /* the session's; lives until the next call */
        unsigned from;       /* enum session_state */
    };
};

/* The list a decision fills. Its room is made once by the shell, for the longest list the limits allow. */
struct actions {
    struct action *list;
    size_t count, room;
    uint8_t short_name[2]; /* a short topic name as a span needs octets somewhere */
};

const char *drop_name(enum drop d); /* "broker_away": for metrics */
const char *drop_text(enum drop d); /* "broker away": for people */

/* The longest list that one input can make, for queues and subscriptions of these lengths. */
size_t actions_needed(size_t queue_messages, size_t subscriptions);

void actions_send(struct actions *out, const struct mqttsn_message *m);
void actions_upstream(struct actions *out, const struct mqtt_packet *p);
void actions_drop(struct actions *out, enum drop why);
void actions_drop_sized(struct actions *out, enum drop why, size_t octets);
void actions_keep(struct actions *out, struct queued *one);
void actions_state(struct actions *out, unsigned from);
void actions_forget(struct actions *out);
