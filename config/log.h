/* log.h -- one event, one line, facts as values, to standard error.
 *
 * error: someone must act; warn: something was refused or dropped; info: the process, a radio or the link changed;
 * debug: a session changed state; trace: one line per message. Lines start with "<N>" (syslog level) when standard
 * error is not a terminal and JOURNAL_STREAM is set; as JSON objects with log.format json. */
#pragma once

#include "config/config.h"

void log_setup(enum config_level level, bool json);
bool log_wants(enum config_level level);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Bytes from the air or from a peer as printable text, cut at 200 octets. Valid until the eighth later call. */
const char *log_text(struct span bytes);

/* Keeps what a stranger can provoke from filling the journal: at most 10 lines a second for each such object. Starts
 * zeroed. */
struct log_limit {
    uint64_t began_ms;
    uint32_t lines;      /* written since then */
    uint32_t suppressed; /* kept back and not told yet */
};

/* May a line be written now? Then *suppressed says how many were kept back before it, for "(N more like this)". */
MUST_CHECK bool log_allows(struct log_limit *l, uint64_t now_ms, uint32_t *suppressed);
