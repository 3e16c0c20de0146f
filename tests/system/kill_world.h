/* kill_world.h -- the applications beside the broker: one client of libmosquitto that tells every node numbered
 * messages and hears all that they tell.
 *
 * It keeps its session, so what it was promised by a broker that stops in order is not lost on its side. */
#pragma once

#include "tests/system/broker.h"
#include "tests/system/kill_node.h"

struct mosquitto;

enum { WORLD_TALES = 64 };

struct kill_world {
    struct mosquitto *client;
    const struct scene *scene;
    struct kill_plan *plan;
    struct kill_node *nodes;
    size_t count;
    uint64_t chance;
    msec now;
    bool connected, ready; /* ready: it has subscribed */
    size_t heard;          /* messages, in all */
    struct {
        struct kill_node *node;
        struct lane *lane;
        int message_id; /* of the last message, while `open`: not accepted yet */
        bool open;
    } tales[WORLD_TALES];
    size_t tale_count;
};

/* Connects, and waits until it has subscribed. plan, nodes, count and chance are set. */
void world_open(struct kill_world *w, const struct scene *s);
void world_close(struct kill_world *w);

int world_socket(const struct kill_world *w); /* -1: it is not connected */

/* Has everything told been accepted and arrived, and does no node wait for anything? */
bool world_is_quiet(const struct kill_world *w);

/* Reads, writes, and tells a few things. It connects again when `broker_is_up`. */
void world_turns(struct kill_world *w, bool broker_is_up, msec now);
