/* udp_outbox.h -- frames of one turn, sent together. */
#pragma once

#include "radio/udp_name.h"

struct udp_outbox;

/* `dropped` is called with `context` and a static reason for each frame that could not leave. NULL when memory ends. */
struct udp_outbox *udp_outbox_new(void (*dropped)(void *context, const char *reason), void *context);
void udp_outbox_free(struct udp_outbox *out);

/* Copies the frame in. A full outbox is flushed first. */
void udp_outbox_add(struct udp_outbox *out, int fd, const union udp_name *to, struct span frame);

/* Sends all that waits; empty afterwards, whatever happened. */
void udp_outbox_flush(struct udp_outbox *out, int fd);

/* Why a frame did not leave, as a static text, from errno. */
const char *udp_outbox_reason(int error);
