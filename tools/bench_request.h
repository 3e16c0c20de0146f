/* bench_request.h -- the messages by which a simulated client asks for something. */
#pragma once

#include "tools/bench_fleet.h"

enum { BENCH_NAME_ROOM = 32 };

/* What `n` asks in its present state, which must be one that waits. Names in it live in `room`, a payload until the
 * next call. */
struct mqttsn_message bench_request_of(const struct bench_fleet *f, const struct bench_node *n,
                                       char *room);

/* Message `sequence` of `n`, stamped with `at_ns`. The payload lives until the next call. */
struct mqttsn_message bench_request_publish(const struct bench_fleet *f, const struct bench_node *n,
                                            uint32_t sequence, uint64_t at_ns);

/* The message that ends `doing`. */
enum mqttsn_type bench_request_answer(enum bench_doing doing);
