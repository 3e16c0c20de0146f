/* keeper.h -- a gateway that keeps its state on disk, and what may happen to it and to its broker. */
#pragma once

#include "tests/system/node.h"
#include "tests/system/peer.h"

/* Path of the state file of the scene. */
void keeper_state(const struct scene *s, char path[static SCENE_PATH]);

/* Are no messages for the broker in that file, and no open handshakes of clients? (What waits for a sleeper may
 * stay.) */
bool keeper_is_empty(const struct scene *s);

/* A broker that keeps what it has over a restart, and before it a gateway that keeps its state. settings.state is set
 * here. */
struct gateway *keeper_start(struct scene *s, struct settings settings);

/* Killed with -9, and run again; nothing else is waited for. */
void keeper_dies_and_returns(struct gateway *g);

/* The same, and the connection that client "m1" depends on is there again. */
void keeper_dies_and_reconnects(struct gateway *g);

/* Waits until that connection is there, looking behind the mark of the log. */
void keeper_is_connected(struct gateway *g);

/* After outage_begins: the broker is there again, and a peer has subscribed to `filter` before the gateway can have
 * connected. */
struct peer *keeper_broker_returns(struct scene *s, const char *filter);
