/* scene.h -- clients, sessions and a broker on a stage: no socket, no sleeping, time is a number.
 *
 * A test says what a client or the broker sends and then names all that the gateway does about it: what each client and
 * the broker receive, and which messages were dropped and why. What a test does not name fails it at the end, so that
 * nothing goes unnoticed. Both strategies play on the same stage; IN_BOTH runs a scene in each.
 *
 * Everything goes over the wire form on its way: what a client or the broker says is encoded into a block of its own,
 * decoded and freed after the call, so that a span kept too long is found by the address sanitizer. */
#pragma once

#include "gateway/core/session.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { SCENE_CLIENTS = 8, SCENE_LOG = 512, SCENE_BEGIN = 1000000, SECOND = 1000 };

/* M(PUBLISH, .qos = 1) is a message between client and gateway, P(PUBACK, .packet_id = 7) a packet between gateway and
 * broker. */
#define M(...) ((struct mqttsn_message){ .type = MQTTSN_##__VA_ARGS__ })
#define P(...) ((struct mqtt_packet){ .type = MQTT_##__VA_ARGS__ })
#define TEXT(t) span_text(t)

/* Something that left the gateway and that no test line has named yet. */
struct said {
    char who[32]; /* the client, or whose connection to the broker */
    uint8_t *bytes;
    size_t len;
};

struct said_list {
    struct said list[SCENE_LOG];
    size_t first, count;
};

struct scene_client {
    char name[32];
    bool here; /* it has a session */
    struct session session;
    struct upstream own; /* transparent */
    bool dialled, closing;
};

struct scene {
    struct limits limits;
    struct access access;
    struct common common;
    struct aggregate *shared;  /* NULL: transparent */
    struct scene_store *store; /* NULL: nothing outlives the gateway (scene_store.h) */
    struct span prefix;
    struct upstream_lacks lacks; /* of connections dialled from now on; broker_lacks sets it for all */
    msec now;
    uint16_t max_message;
    uint32_t drop_octets; /* of the last message that was dropped for its size */
    bool unreachable;     /* nobody answers where the broker should be */
    size_t held_too_long, left_with_broker, retain_cleared;
    struct actions actions;
    struct scene_client clients[SCENE_CLIENTS];
    size_t client_count, link; /* `link`: whose connection the broker speaks on, in transparent mode */
    struct said_list to_clients, to_broker;
    enum drop drops[SCENE_LOG];
    size_t first_drop, drop_count;
};

int open_transparent(void **state);
int open_aggregate(void **state);
int close_scene(void **state);

#define IN_TRANSPARENT(test) cmocka_unit_test_setup_teardown(test, open_transparent, close_scene)
#define IN_AGGREGATE(test)                                                                         \
    {                                                                                              \
#test " (aggregate)", test, open_aggregate, close_scene, NULL                              \
    }
#define IN_BOTH(test) IN_TRANSPARENT(test), IN_AGGREGATE(test)

/* ---- what happens ------------------------------------------------------------------------------------------------ */

/* A client that has no session yet gets one. To a CONNECT its client id and the protocol id are added. */
void client_sends(struct scene *s, const char *who, struct mqttsn_message m);

/* On the shared connection, or on that of the client who connected last (see broker_turns_to). */
void broker_sends(struct scene *s, struct mqtt_packet p);
void broker_turns_to(struct scene *s, const char *who);

/* Every connection to the broker breaks / is there again: CONNECT and CONNACK are done. */
void broker_goes_away(struct scene *s);
void broker_returns(struct scene *s, bool session_present);

/* The broker of this scene has no QoS 2, no retained messages. */
void broker_lacks(struct scene *s, struct upstream_lacks lacks);

/* Every deadline on the way is kept, at its very millisecond. */
void time_passes(struct scene *s, msec ms);

/* The radio is done with the oldest frame for the client (session.radio_reports). */
void radio_sent(struct scene *s, const char *who);

/* Another client speaks from its address (SN-CONN-12). */
void client_is_replaced(struct scene *s, const char *who);

/* ---- what must follow -------------------------------------------------------------------------------------------- */

/* The next message to this client. An id that the gateway chooses (REGISTER, PUBLISH, PUBREL) is any but 0 where `m`
 * has 0; returns the id. */
uint16_t client_receives(struct scene *s, const char *who, struct mqttsn_message m);

/* The next packet on any connection. A packet id that the gateway chooses (PUBLISH, SUBSCRIBE, UNSUBSCRIBE) is any but
 * 0 where `p` has 0; returns the id. */
uint16_t broker_receives(struct scene *s, struct mqtt_packet p);

void nothing_is_sent(struct scene *s);
void broker_receives_nothing(struct scene *s);
void dropped(struct scene *s, enum drop why);
/* A message found no room: it is dropped if the broker would not keep it for this client alone, else it stays there. */
void found_no_room(struct scene *s);
void session_is(struct scene *s, const char *who, enum session_state state);
void session_is_gone(struct scene *s, const char *who);

/* Its session; fails when there is none. */
struct session *session_of(struct scene *s, const char *who);

/* ---- given ------------------------------------------------------------------------------------------------------- */

/* Keep-alive 60 s, no will. */
void client_connects(struct scene *s, const char *who, bool clean);
/* The broker's side of a connect in transparent mode: CONNECT without will, CONNACK. Nothing to do in the other. */
void broker_accepts(struct scene *s, const char *who, bool clean, bool session_present);

/* To the end, retained messages apart; return the topic id. */
uint16_t client_subscribes(struct scene *s, const char *who, const char *filter, uint8_t qos);
uint16_t client_registers(struct scene *s, const char *who, const char *name);

/* The ping that ends a round of the shared connection; nothing to do in transparent mode. */
void round_ends(struct scene *s);

void client_falls_asleep(struct scene *s, const char *who, uint16_t seconds);

/* A message from the broker; `packet_id` 0 is QoS 0. */
void broker_publishes(struct scene *s, const char *topic, const char *payload, uint8_t qos,
                      uint16_t packet_id);
