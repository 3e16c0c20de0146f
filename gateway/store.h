/* store.h -- what outlives a stop, a kill and a power cut: one SQLite file.
 *
 * The gateway lives in memory; the file is a mirror of what it promised. During a turn of the loop changes are put into
 * the open batch; at its end the batch goes to the writer, the only other thread of the process, which makes one
 * transaction of it. A batch that is under way when the turn ends lets the next one grow: one commit covers all
 * decisions since the last one. Each batch has a ticket, counted up; what waits for a batch waits until store_safe is
 * that ticket or more. When a batch is on disk and the next one was committed meanwhile, that one goes by itself.
 *
 * Trouble with the disk never reaches the caller as an error of one call. A batch that fails is tried again, with
 * back-off, for ever, and its order is kept; meanwhile, and while a batch is not confirmed for ten seconds, store_well
 * is false and the gateway promises nothing new.
 *
 * Times in the file are milliseconds of the store's own clock: the wall clock at the start where that is plausible, and
 * from then on the monotonic one, so that a wall clock that jumps, or begins in 1970, changes no age. */
#pragma once

#include "mqtt/client.h"

struct event_base;
struct store;

struct store_events {
    void *context;
    /* A batch is on disk: store_safe grew. Called in the loop, not in the writer. */
    void (*safe)(void *context);
    /* store_well changed. It is logged already. */
    void (*health)(void *context, bool well);
    /* A file that could not be opened at start is there now: read it with store_load. Before the next batch is
     * written. */
    void (*opened)(void *context);
    /* Too much was put while nothing could be written, or something before the file was opened, or the file is a new
     * one because the old was damaged or taken away: the open batch begins with an empty file, put everything there
     * is into it. It is committed by itself. What waits for an older ticket is safe with it. */
    void (*rewrite)(void *context);
};

/* Rows, as they are put and as they are read back. Spans are borrowed: by store_put_ until it returns, by store_load
 * while the callback runs. `since` is a monotonic time (as clock_now) in both directions; read, it is never later than
 * now, and 0 when it was before the monotonic clock began. Enums have the values of their headers; in the file they are
 * words. */

struct store_session {
    struct span client_id;
    uint8_t state; /* enum session_state: DISCONNECTED, ACTIVE, ASLEEP or LOST */
    bool clean;
    bool shared; /* on the gateway's own connection (aggregate), else one of its own */
    uint16_t keep_alive_s, sleep_s, last_message_id, last_topic_id;
    struct span radio;         /* name of the radio where it was heard; empty = nowhere */
    struct span address, node; /* octets of the address there, and of the node behind a forwarder */
    msec since;                /* when it entered the state */
    bool has_will, will_retain;
    uint8_t will_qos;
    struct span will_topic, will_message;
};

struct store_topic {
    struct span client_id;
    uint16_t topic_id;
    struct span name;
    uint8_t standing; /* enum topic_standing */
};

struct store_subscription {
    struct span client_id;
    struct span filter;
    uint8_t qos, topic_id_type;
    uint16_t topic_id;
    uint8_t standing; /* enum subscription_standing, all but ASKED */
};

/* A message that waits: in `downlink` for its client, in `uplink` for the broker. */
enum store_way { STORE_DOWNLINK, STORE_UPLINK };

struct store_message {
    uint64_t row; /* from store_next_row, never given twice in a file; order of rows is order of messages. Before the
                   * file was ever open it is one that this run alone knows, and stays so for the run */
    struct span client_id;
    uint8_t qos;
    bool retain;
    uint8_t phase; /* 0 waiting, 1 it may have been sent under `message_id`, 2 released (QoS 2) */
    uint16_t message_id; /* downlink: the MQTT-SN message id; uplink: the packet id; 0 = none */
    msec since;
    struct span topic, payload;
};

/* One of the places of a client's QoS 2 handshakes (struct exchange). */
struct store_exchange {
    struct span client_id;
    uint8_t place, phase;
    uint16_t message_id, topic_id;
    uint32_t digest;
    msec since;
};

/* A QoS 2 message of the broker that was taken: it may be sent again. `link` is the client id of a connection of its
 * own, empty for the shared one. */
struct store_arrival {
    struct span link;
    uint16_t packet_id;
    uint32_t digest; /* of topic and payload */
};

/* Opens and creates the file and starts the writer. Whatever is wrong with the file is logged (one line: what, where,
 * what to do) and tried again later; see store_well. NULL: no memory. `path` is copied. */
MUST_CHECK struct store *store_new(struct event_base *loop, const char *path,
                                   const struct store_events *events);

/* Waits until everything put so far, committed or not, is on disk, at most `wait` milliseconds while the disk is ill,
 * notes that the stop was an orderly one, and closes. Calls no event any more. NULL is allowed. */
void store_free(struct store *s, msec wait);

/* May the gateway promise to keep something? */
bool store_well(const struct store *s);

/* Was there a file before, with a session in it? Was the last stop an orderly one? Known once the file is open. */
bool store_had_before(const struct store *s);
bool store_stopped_well(const struct store *s);
/* Was the machine started since? Then a kill was perhaps a power cut. */
bool store_rebooted(const struct store *s);

/* Every row of the file, sessions first, each kind in the order of its key. The file must be open (store_well, or the
 * event `opened`) and no batch under way; the callbacks may put but not commit. Rows that make no sense are left out,
 * with one line in the log. False: it could not be read to the end; what could be read is good. The file is set aside
 * as corrupt, and as soon as there is a new one `rewrite` asks for everything. */
struct store_reader {
    void *context;
    void (*session)(void *context, const struct store_session *row);
    void (*topic)(void *context, const struct store_topic *row);
    void (*subscription)(void *context, const struct store_subscription *row);
    void (*message)(void *context, enum store_way way, const struct store_message *row);
    void (*exchange)(void *context, const struct store_exchange *row);
    void (*arrival)(void *context, const struct store_arrival *row);
};
MUST_CHECK bool store_load(struct store *s, const struct store_reader *reader);

/* Into the open batch. Each replaces the row with the same key. */
void store_put_session(struct store *s, const struct store_session *row);
void store_put_topic(struct store *s, const struct store_topic *row);
void store_put_subscription(struct store *s, const struct store_subscription *row);
void store_put_message(struct store *s, enum store_way way, const struct store_message *row);
/* Only phase and message_id of a message that was put before. */
void store_step_message(struct store *s, enum store_way way, uint64_t row, uint8_t phase,
                        uint16_t message_id);
void store_put_exchange(struct store *s, const struct store_exchange *row);
void store_put_arrival(struct store *s, const struct store_arrival *row);

void store_drop_session(struct store *s,
                        struct span client_id); /* and all that is the client's, but not its uplink */
void store_drop_topics(struct store *s, struct span client_id);
void store_drop_subscriptions(struct store *s, struct span client_id);
void store_drop_message(struct store *s, enum store_way way, uint64_t row);
void store_drop_exchange(struct store *s, struct span client_id, uint8_t place);
void store_drop_arrival(struct store *s, struct span link, uint16_t packet_id);
void store_drop_arrivals(struct store *s, struct span link);

uint64_t store_next_row(struct store *s);

/* The ticket of the open batch: everything put since the last store_commit. */
uint64_t store_ticket(const struct store *s);
/* All batches up to this ticket are on disk. */
uint64_t store_safe(const struct store *s);
/* Has the open batch anything in it? */
bool store_has_news(const struct store *s);

/* The turn is over: the open batch goes to the writer if that is idle, else it stays open. Without news it costs
 * nothing. */
void store_commit(struct store *s);
