/* client_inside.h -- what client.c (what the caller wants) and client_receive.c (what the gateway wants) share. */
#pragma once

#include "mqttsn/client.h"
#include "mqttsn/client_arrivals.h"
#include "mqttsn/client_topics.h"

/* What the client waits to have answered. `message.tail` points into the client's own `tail`. */
struct sn_request {
    bool open;
    struct mqttsn_message message;
    unsigned sent; /* times */
    msec due;      /* when to send it again, or to give it up */
};

struct mqttsn_client {
    struct sn_settings settings;
    enum sn_state state;
    struct sn_request request;
    uint8_t *tail; /* owned, settings.max_message long */
    struct client_topics topics;
    uint16_t last_message_id;
    msec sent_at, heard_at;
    struct client_arrivals arrivals;
};

/* Writes one message into the turn. SN_TOO_LONG leaves everything as it was. */
MUST_CHECK enum sn_error client_send(struct mqttsn_client *c, const struct mqttsn_message *m,
                                     msec now, struct sn_turn *t);

/* Sends `m` and waits for its answer, in place of any request before it. */
MUST_CHECK enum sn_error client_request(struct mqttsn_client *c, const struct mqttsn_message *m,
                                        msec now, struct sn_turn *t);

/* The answer came. */
static inline void client_close_request(struct mqttsn_client *c)
{
    c->request.open = false;
}

/* The only line that writes `state`. */
void client_enter(struct mqttsn_client *c, enum sn_state next);
