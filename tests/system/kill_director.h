/* kill_director.h -- who dies when in a kill test: the gateway with -9, the broker with TERM, by chance of a seed.
 *
 * The gateway dies 1 to 300 ms after it listens, and one time in five while it starts. It is run again with the same
 * settings, at once or a little later. The broker is stopped in order, because Mosquitto keeps what it acknowledged
 * only then; it stays away for up to half a second, and dies again only after something has come through. When both
 * are to die, they take turns, and the gateway may well die while the broker is away. Where only the broker dies the
 * gateway is stopped in order now and then: a connection that breaks again and again is waited for longer and longer,
 * up to a minute, and a new gateway begins anew. */
#pragma once

#include "tests/system/gateway.h"
#include "tests/system/kill_world.h"

struct kill_toll {
    unsigned gateway, broker;
};

enum kill_life { KILL_DEAD, KILL_STARTS, KILL_LIVES };

struct kill_director {
    struct scene *scene;
    struct kill_world *world;
    uint64_t chance;
    struct kill_toll left, killed;
    bool brokers_turn;
    enum kill_life gateway, broker;
    msec gateway_due, broker_due; /* when it dies, or is run again; MSEC_NEVER: not settled */
    msec run_at, slowest; /* of the gateway: when it was run; the longest time until it listened */
    size_t heard_before;  /* by the world, when the broker was started */
};

/* Both live when the play begins. scene, world, chance and left are set. */
void director_begins(struct kill_director *d);

void director_turns(struct kill_director *d, msec now);

msec director_deadline(const struct kill_director *d);

/* Nobody is left to kill, and both live. */
bool director_is_through(const struct kill_director *d);
