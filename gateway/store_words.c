/* store_words.c -- numbers of the program as words of the file.
 *
 * Who looks into the file with the sqlite3 shell reads `asleep`, not 5; and a number that changes with the program
 * would change the meaning of files that are older than it. */
#include "gateway/core/inflight.h"
#include "gateway/core/session.h"
#include "gateway/store_inside.h"

#define WORDS(list)                                                                                \
    {                                                                                              \
        list, sizeof(list) / sizeof(list)[0]                                                       \
    }

static const char *const states[] = {
    [SESSION_DISCONNECTED] = "disconnected",
    [SESSION_ACTIVE] = "active",
    [SESSION_ASLEEP] = "asleep",
    [SESSION_LOST] = "lost",
};
static const char *const standings[] = {
    [TOPIC_UNCONFIRMED] = "unconfirmed",
    [TOPIC_CONFIRMED] = "confirmed",
    [TOPIC_REFUSED] = "refused",
};
static const char *const filter_standings[] = {
    [SUBSCRIPTION_GRANTED] = "granted",
    [SUBSCRIPTION_STALE] = "stale",
    [SUBSCRIPTION_LEAVING] = "leaving",
};
static const char *const id_types[] = { "normal", "predefined", "short" };
static const char *const message_phases[] = { "waiting", "sent", "released" };
static const char *const exchange_phases[] = {
    [EXCHANGE_FREE] = "free",     [EXCHANGE_ANSWERED] = "answered", [EXCHANGE_PUBACK] = "puback",
    [EXCHANGE_PUBREC] = "pubrec", [EXCHANGE_PUBREL] = "pubrel",     [EXCHANGE_PUBCOMP] = "pubcomp",
    [EXCHANGE_SUBACK] = "suback", [EXCHANGE_UNSUBACK] = "unsuback",
};

const struct store_words store_states = WORDS(states);
const struct store_words store_standings = WORDS(standings);
const struct store_words store_filter_standings = WORDS(filter_standings);
const struct store_words store_id_types = WORDS(id_types);
const struct store_words store_message_phases = WORDS(message_phases);
const struct store_words store_exchange_phases = WORDS(exchange_phases);

size_t store_words_find(struct store_words w, struct span word)
{
    size_t i = 0;
    while (i < w.count && !(w.list[i] && span_equal(span_text(w.list[i]), word)))
        i++;
    return i;
}
