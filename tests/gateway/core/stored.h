/* stored.h -- the state file as a few arrays: the rows that outlive a gateway, without a disk.
 *
 * It reads the marks that the core sets, as gateway_keep.c does, so a mark that the core forgets shows after a kill.
 * Two copies of it make a store: one with the batch that is open, one as of the last commit. Whoever plays the shell
 * (the stage of scene.h, the session fuzzer) says when what is committed, and what waits for that. */
#pragma once

#include "gateway/core/session.h"

enum {
    STORED_CLIENTS = 8,
    STORED_SHARED = STORED_CLIENTS, /* the connection that all share, as the place of an arrival */
    STORED_ROWS = 160,
    STORED_FEW = 12,
    STORED_ARRIVALS = 600,
    STORED_TEXT = 520
};

struct stored_text {
    size_t len;
    uint8_t bytes[STORED_TEXT];
};

struct stored_message {
    uint64_t row;
    size_t client; /* its place among the clients */
    bool up, retain;
    uint8_t qos, phase;
    uint16_t message_id;
    msec since;
    struct stored_text topic, payload;
};

struct stored_topic {
    uint16_t id;
    uint8_t standing;
    struct stored_text name;
};

struct stored_subscription {
    uint8_t qos, topic_id_type, standing;
    uint16_t topic_id;
    struct stored_text filter;
};

/* What is long is last, for stored_copy. */
struct stored_session {
    bool here, clean, shared, has_will, will_retain;
    uint8_t state, will_qos;
    uint8_t places; /* a bit for each exchange that is there */
    int address;
    uint16_t keep_alive_s, sleep_s, last_message_id, last_topic_id;
    msec since;
    size_t topic_count, subscription_count;
    struct exchange exchanges[EXCHANGES];
    struct stored_text will_topic, will_message;
    struct stored_topic topics[STORED_FEW];
    struct stored_subscription subscriptions[STORED_FEW];
};

/* A QoS 2 message of the broker that was taken; `client` is whose connection it came on, or STORED_SHARED. */
struct stored_arrival {
    size_t client;
    uint16_t packet_id;
    uint32_t digest;
};

struct stored {
    struct stored_session sessions[STORED_CLIENTS];
    size_t message_count, arrival_count;
    struct stored_arrival arrivals[STORED_ARRIVALS];
    struct stored_message messages[STORED_ROWS];
};

/* ---- stored.c: what a decision changes --------------------------------------------------------------------------- */

/* The batch that is open. */
struct stored_batch {
    struct stored *rows;
    uint64_t ticket, last_row;
    size_t writes; /* of messages and their steps */
};

/* Whose decision it is. */
struct stored_client {
    size_t place;
    int address; /* where it is heard, if that matters to anybody */
    struct session *session;
};

/* Has the decision put a message; anything else that is not only taken away? */
struct stored_news {
    bool messages, others;
};

struct stored_news stored_keep(struct stored_batch *b, const struct stored_client *c,
                               const struct actions *decided);

/* The session is over: it goes, and all that is the client's, but not what waits for the broker. */
void stored_drop_session(struct stored *d, size_t client);
void stored_drop_arrival(struct stored *d, size_t client, uint16_t packet_id);
void stored_drop_arrivals(struct stored *d, size_t client);

/* A copy of the rows that are there, in the time that these take. */
void stored_copy(struct stored *to, const struct stored *from);

struct span stored_span(const struct stored_text *t);
const struct stored_message *stored_find(const struct stored *d, uint64_t row); /* NULL: not there */
enum session_state stored_lasting_state(const struct session *s);
/* Does the handshake end here and not at the broker? */
bool stored_lasts(const struct exchange *e);

/* ---- stored_load.c: a session of an earlier run (gateway_restore.c) ---------------------------------------------- */

/* Its state. The tables are next, when it has its upstream. */
void stored_load_session(const struct stored_session *row, struct session *s, msec now);
/* `shared`: where its subscriptions are held too; NULL: nowhere. */
void stored_load_tables(const struct stored_session *row, struct session *s,
                        struct aggregate *shared);
/* The caller's to give to the session. */
struct queued *stored_load_message(const struct stored_message *row);
/* On another connection than in the earlier run: it begins anew there. */
void stored_begin_anew(struct queued *q, struct actions *out);
