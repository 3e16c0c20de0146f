/* lossy_ledger.c -- the judge of lossy_ledger.h.
 *
 * Since the numbers of a lane come one after the other, three counters hold all there is to know: what has been
 * received is a number, not a set. An arrival is the next one, or a repetition of an old one, or a fault: then a
 * message was lost, or overtook another, or was never published. */
#include "tests/gateway/core/lossy_ledger.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void ledger_init(struct ledger *l, size_t lanes)
{
    *l = (struct ledger){ .lanes = calloc(lanes, sizeof *l->lanes), .room = lanes };
    if (!l->lanes)
        abort();
}

void ledger_clear(struct ledger *l)
{
    free(l->lanes);
    *l = (struct ledger){ 0 };
}

struct lane *ledger_lane(struct ledger *l, const char *topic, const char *receiver, uint8_t qos)
{
    if (l->count == l->room)
        abort();
    struct lane *one = &l->lanes[l->count++];
    *one = (struct lane){ .qos = qos };
    snprintf(one->topic, sizeof one->topic, "%s", topic);
    snprintf(one->receiver, sizeof one->receiver, "%s", receiver);
    return one;
}

void ledger_blames(struct ledger *l, const char *format, ...)
{
    va_list list;
    if (l->fault[0] != '\0')
        return;
    va_start(list, format);
    vsnprintf(l->fault, sizeof l->fault, format, list);
    va_end(list);
}

/* ---- what happens ------------------------------------------------------------------------------------------------ */

static void write_text(const struct lane *one, uint32_t number, char text[static LEDGER_TEXT])
{
    snprintf(text, LEDGER_TEXT, "%s %" PRIu32, one->topic, number);
}

void ledger_publishes(struct lane *one, char text[static LEDGER_TEXT])
{
    write_text(one, ++one->published, text);
}

void ledger_accepts(struct ledger *l, struct lane *one)
{
    one->accepted = one->published;
    if (l->nothing_on_disk && one->received < one->accepted)
        ledger_blames(l, "%s %" PRIu32 " is accepted, but %s has only %" PRIu32, one->topic,
                      one->accepted, one->receiver, one->received);
}

/* The number in a payload of this lane; 0 when it is not one. */
static uint32_t number_in(const struct lane *one, struct span payload)
{
    char text[LEDGER_TEXT], again[LEDGER_TEXT];
    snprintf(text, sizeof text, "%.*s", (int)payload.len, (const char *)payload.at);
    const char *space = strrchr(text, ' ');
    uint32_t number = space ? (uint32_t)strtoul(space, NULL, 10) : 0;
    write_text(one, number, again);
    return strcmp(text, again) == 0 ? number : 0;
}

void ledger_excuses(struct ledger *l, const char *topic)
{
    for (size_t i = 0; i < l->count; i++)
        l->lanes[i].excused += strcmp(l->lanes[i].topic, topic) == 0;
}

void ledger_excuses_nobody(struct ledger *l)
{
    for (size_t i = 0; i < l->count; i++)
        l->lanes[i].excused = 0;
}

static bool is_excused(struct lane *one, uint32_t number)
{
    if (one->qos != 2 || one->excused == 0 || number == 0 || number > one->received)
        return false;
    one->excused--;
    one->by_broker++;
    return true;
}

void ledger_receives(struct ledger *l, struct lane *one, struct span payload)
{
    uint32_t number = number_in(one, payload);
    const char *what = NULL;
    if (is_excused(one, number))
        return;
    if (number == 0 || number > one->published)
        what = "which nobody published";
    else if (number > one->received + 1)
        what = "before its predecessor";
    else if (number <= one->received && one->qos == 2)
        what = "a second time";
    if (what)
        ledger_blames(l,
                      "%s gets \"%.*s\" on %s at QoS %u %s; published %" PRIu32 ", received %" PRIu32,
                      one->receiver, (int)payload.len, (const char *)payload.at, one->topic,
                      one->qos, what, one->published, one->received);
    else if (number <= one->received)
        one->repeated++;
    else
        one->received = number;
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

bool ledger_is_complete(const struct ledger *l)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->lanes[i].received < l->lanes[i].published)
            return false;
    return true;
}

void ledger_closes(struct ledger *l)
{
    for (size_t i = 0; i < l->count; i++) {
        const struct lane *one = &l->lanes[i];
        if (one->received < one->published)
            ledger_blames(l, "%s at QoS %u: %" PRIu32 " published, %s has only %" PRIu32,
                          one->topic, one->qos, one->published, one->receiver, one->received);
    }
}
