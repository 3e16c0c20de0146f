/* scene_store.h -- the store on the stage of scene.h: what is put there outlives the gateway, as of the last commit.
 *
 * It reads the same marks that gateway_keep.c reads, holds what gateway_hold.c holds and restores as gateway_restore.c
 * does, so a mark that the core forgets to set shows after a kill. It commits after each input unless a test makes it
 * wait. At the end of a scene each row must belong to a message that a session still has. */
#pragma once

#include "tests/gateway/core/scene.h"

enum { STORE_ROWS = 160, STORE_FEW = 12, STORE_TEXT = 48 };

struct stored_text {
    uint8_t bytes[STORE_TEXT];
    size_t len;
};

struct stored_message {
    uint64_t row;
    size_t client; /* its place in scene.clients */
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

struct stored_session {
    bool here, clean, shared, has_will, will_retain;
    uint8_t state, will_qos;
    uint16_t keep_alive_s, sleep_s, last_message_id, last_topic_id;
    msec since;
    struct stored_text will_topic, will_message;
    struct stored_topic topics[STORE_FEW];
    struct stored_subscription subscriptions[STORE_FEW];
    size_t topic_count, subscription_count;
    uint8_t places; /* a bit for each exchange that is there */
    struct exchange exchanges[EXCHANGES];
};

struct stored_arrival {
    size_t client;
    uint16_t packet_id;
    uint32_t digest;
};

struct stored {
    struct stored_session sessions[SCENE_CLIENTS];
    struct stored_message messages[STORE_ROWS];
    struct stored_arrival arrivals[STORE_FEW];
    size_t message_count, arrival_count;
};

enum held_kind { HELD_NOTHING, HELD_SEND, HELD_ACK };

/* What may not leave before the ticket is safe. */
struct held {
    enum held_kind kind;
    uint64_t ticket;
    size_t client;
    struct mqttsn_message message; /* its tail is in `tail` */
    struct mqtt_packet ack;
    uint8_t tail[STORE_TEXT];
};

struct scene_store {
    struct keeping keeping;
    bool waits;                  /* commits only when a test says so */
    struct stored open, on_disk; /* with the batch that is open; and as a kill leaves it */
    uint64_t last_row, ticket, safe;
    size_t writes; /* of messages and their steps */
    struct held held[SCENE_LOG];
    size_t first_held, held_count;
};

int open_transparent_kept(void **state);
int open_aggregate_kept(void **state);

#define KEPT_TRANSPARENT(test)                                                                     \
    cmocka_unit_test_setup_teardown(test, open_transparent_kept, close_scene)
#define KEPT_AGGREGATE(test)                                                                       \
    {                                                                                              \
#test " (aggregate)", test, open_aggregate_kept, close_scene, NULL                         \
    }
#define KEPT_BOTH(test) KEPT_TRANSPARENT(test), KEPT_AGGREGATE(test)

/* From now on it commits only when it is told to. */
void the_store_waits(struct scene *s);
void the_store_commits(struct scene *s);
/* Ill: nothing may be promised, nothing is committed. */
void the_store_fails(struct scene *s);
void the_store_is_well(struct scene *s);

/* So many messages of the client are kept, towards the broker or from it. */
void waiting_for_the_broker(struct scene *s, const char *who, size_t messages);
void waiting_for_the_client(struct scene *s, const char *who, size_t messages);
/* The row of the only one; fails when there are several. */
const struct stored_message *the_row(struct scene *s, const char *who);

/* The client's turn to hand one waiting message to the broker. True: one more could do more. */
bool a_drain_turn(struct scene *s, const char *who);

/* What scene.actions holds, as if the client's session had decided it. */
void scene_perform_for(struct scene *s, const char *who);

/* kill -9: what was not committed is lost, and so is all memory. The broker's connections are gone. */
void the_gateway_is_killed(struct scene *s);
void the_gateway_starts(struct scene *s);
