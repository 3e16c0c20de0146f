/* outage.h -- the broker goes away and comes back, with the gateway's log as the witness that it has noticed. */
#pragma once

#include "tests/system/scene.h"

/* Does client "m1" depend on a connection of its own? */
bool outage_of_own_connection(const struct scene *s);

/* Stops the broker and waits until the gateway has noticed that the connection of "m1", or the shared one, is gone. */
void outage_begins(struct scene *s);

/* The same with a broker that has no time to save anything. */
void outage_begins_with_a_crash(struct scene *s);

/* Starts it again and waits until that connection is there. */
void outage_ends(struct scene *s);
