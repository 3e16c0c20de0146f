/* fake_broker.h -- a broker that the test plays itself, for what a real one does too rarely: refuse, stay silent,
 * close, withhold an acknowledgement. */
#pragma once

#include "mqtt/packet.h"
#include "tests/system/scene.h"

enum { FAKE_LINKS = 32, FAKE_BUFFER = 4096 };

#define FAKE_GATEWAY "gateway-under-test"

/* One connection that the gateway has made. */
struct fake_link {
    int fd;
    char client_id[64];
    uint8_t bytes[FAKE_BUFFER]; /* the packet that fake_expects returned lives at the start */
    size_t len, used;
};

struct fake_broker {
    int listener;
    uint16_t port;
    char url[64];
    struct fake_link links[FAKE_LINKS];
    size_t link_count;
};

struct fake_broker *fake_broker_open(struct scene *s);

/* The next connection, whatever comes over it. */
struct fake_link *fake_accepts(struct fake_broker *b);

/* The next connection whose CONNECT names `client_id` (NULL: any); *connect is that packet when wanted. Connections of
 * others that come before are answered with CONNACK 0 and left alone. The CONNACK is left to the test. */
struct fake_link *fake_hears_connect(struct fake_broker *b, const char *client_id,
                                     struct mqtt_packet *connect);

/* The same, answered with this CONNACK code (and no session present). */
struct fake_link *fake_answers_connect(struct fake_broker *b, const char *client_id, uint8_t code);

/* The next packet must be of this type, PINGREQs apart, which are answered. It lives until the next call. */
struct mqtt_packet fake_expects(struct fake_link *l, enum mqtt_type type);
void fake_sends(struct fake_link *l, struct mqtt_packet p);
void fake_hears_nothing(struct fake_link *l); /* PINGREQs apart, which are answered */
void fake_closes(struct fake_link *l);

/* The gateway closes the connection; what it still says before is thrown away. */
void fake_is_left(struct fake_link *l);

/* Nobody but the gateway itself, under the name FAKE_GATEWAY, connects within the quiet time. */
void fake_is_left_alone(struct fake_broker *b);

/* The gateway's own connection. It first connects clean, to leave no old session behind, then to stay. */
struct fake_link *fake_answers_gateway(struct fake_broker *b);
