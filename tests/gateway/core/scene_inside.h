/* scene_inside.h -- what the two files of the stage share: scene.c what happens, scene_verbs.c what a test says. */
#pragma once

#include "tests/gateway/core/scene.h"

struct scene_client *scene_find(struct scene *s, const char *who); /* NULL: it has no session */
void scene_settle(struct scene *s);
void scene_tick(struct scene *s, struct scene_client *c);
void scene_dial(struct scene *s, struct scene_client *c);
void scene_drain(struct scene *s, struct upstream *u, const char *who);
void scene_drop(struct scene *s, enum drop why, size_t times);

void said_add(struct said_list *l, const char *who, struct span bytes);
