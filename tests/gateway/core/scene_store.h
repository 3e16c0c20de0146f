/* scene_store.h -- the store on the stage of scene.h: what is put there outlives the gateway, as of the last commit.
 *
 * The rows are those of stored.h; here is what waits for a commit, as in gateway_hold.c, and how the next run
 * begins. It commits after each input unless a test makes it wait. At the end of a scene each row must belong to a
 * message that a session still has. */
#pragma once

#include "tests/gateway/core/scene.h"
#include "tests/gateway/core/stored.h"

enum held_kind { HELD_NOTHING, HELD_SEND, HELD_ACK };

/* What may not leave before the ticket is safe. */
struct held {
    enum held_kind kind;
    uint64_t ticket;
    size_t client;
    struct mqttsn_message message; /* its tail is in `tail` */
    struct mqtt_packet ack;
    uint8_t tail[STORED_TEXT];
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
