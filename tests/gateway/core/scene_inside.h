/* scene_inside.h -- what the files of the stage share: scene.c what happens, scene_verbs.c what a test says,
 * scene_store.c and scene_restart.c what is kept. */
#pragma once

#include "tests/gateway/core/scene.h"
#include "tests/gateway/core/scene_store.h"

struct scene_client *scene_find(struct scene *s, const char *who); /* NULL: it has no session */
void scene_settle(struct scene *s);
void scene_tick(struct scene *s, struct scene_client *c);
void scene_dial(struct scene *s, struct scene_client *c);
void scene_drain(struct scene *s, struct upstream *u, const char *who);
void scene_drop(struct scene *s, enum drop why, size_t times);

void scene_perform(struct scene *s, struct scene_client *c);
void scene_request(struct scene *s, struct scene_client *c, const struct mqtt_packet *p);
void scene_deliver(struct scene *s, const struct scene_client *c, const struct mqttsn_message *m);
/* Its own connection, not dialled yet. */
void scene_own(struct scene *s, struct scene_client *c);
/* A session in this place. */
void scene_begin(struct scene *s, struct scene_client *c);
void scene_share(struct scene *s); /* the shared connection, not dialled yet */

/* scene_store.c; without a store they do nothing. What it returns is the ticket that the answers wait for, or 0. */
uint64_t scene_keep(struct scene *s, struct scene_client *c);
void scene_keep_nothing(struct scene *s, const struct scene_client *c);
void scene_hold_send(struct scene *s, const struct scene_client *c, const struct mqttsn_message *m,
                     uint64_t ticket);
/* False: it need not wait. */
bool scene_hold_ack(struct scene *s, const struct scene_client *c, const struct mqtt_packet *p,
                    uint64_t ticket);
/* `client` is its place, or SCENE_CLIENTS for the shared connection. */
void scene_forget_arrivals(struct scene *s, struct upstream *u, size_t client);
void scene_drop_arrivals(struct scene *s, size_t client);
/* True: something could leave. */
bool scene_commit(struct scene *s);
/* Does each row belong to a message that is there? */
bool scene_rows_are_owned(const struct scene *s);

void said_add(struct said_list *l, const char *who, struct span bytes);
