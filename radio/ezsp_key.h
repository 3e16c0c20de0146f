/* ezsp_key.h -- the question for the key of the network, and its answer, in both directions: firmware up to version 12
 * has one command for it, and from 13 on another, whose answer version 14 turned round. Pure. */
#pragma once

#include "radio/ezsp_frame.h"

uint16_t ezsp_key_id(uint8_t version); /* the command */
void ezsp_write_key_question(uint8_t version, struct writer *w);

/* False: the NCP does not tell its key, and what is in `key` then means nothing. */
MUST_CHECK bool ezsp_read_key(struct span params, uint8_t version, uint8_t key[EZSP_KEY]);
/* The answer that ezsp_read_key takes; `key` NULL: refused. */
void ezsp_write_key(const uint8_t *key, uint8_t version, struct writer *w);
