/* peer.h -- an independent MQTT client beside the broker, made with libmosquitto: what the world sees of our nodes. */
#pragma once

#include "tests/system/broker.h"

struct peer;

/* Connects to the plain port of the scene's broker, clean, as `name`. */
struct peer *peer_open(struct scene *s, const char *name);

void peer_subscribes(struct peer *p, const char *filter, int qos); /* and waits for the SUBACK */

/* And waits until it is on its way and, at QoS 1 and 2, acknowledged. */
void peer_publishes(struct peer *p, const char *topic, int qos, const char *text);
void peer_retains(struct peer *p, const char *topic, const char *text);

/* The next message that comes must be this one. Returns its QoS; peer_heard_retained tells of its retain flag. */
int peer_hears(struct peer *p, const char *topic, const char *text);
unsigned long peer_hears_number(struct peer *p); /* whatever its topic */
bool peer_heard_retained(const struct peer *p);
void peer_hears_nothing(struct peer *p);
