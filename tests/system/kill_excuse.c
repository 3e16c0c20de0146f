/* kill_excuse.c -- the reader of Mosquitto's log of kill_excuse.h.
 *
 * Three kinds of lines matter: PUBLISH at QoS 2, PUBREL and PUBCOMP, each with receiver and packet id. What was
 * released and not completed when the log ends is excused, one repetition for each on its topic. */
#include "tests/system/kill_excuse.h"

#include <stdio.h>
#include <string.h>

enum { HANDSHAKES = 1024, WORD = 32 };

struct handshake {
    char client[WORD], topic[WORD], packet_id[WORD];
    bool released;
};

struct handshakes {
    struct handshake list[HANDSHAKES];
    size_t count;
};

static struct handshake *find(struct handshakes *all, const char *client, const char *packet_id)
{
    for (size_t i = 0; i < all->count; i++)
        if (strcmp(all->list[i].packet_id, packet_id) == 0 && strcmp(all->list[i].client, client) == 0)
            return &all->list[i];
    return NULL;
}

static void begins(struct handshakes *all, const struct handshake *one)
{
    struct handshake *known = find(all, one->client, one->packet_id);
    if (!known && all->count < HANDSHAKES)
        known = &all->list[all->count++];
    if (known)
        *known = *one;
}

static void read_line(struct handshakes *all, const char *line)
{
    struct handshake one = { 0 }, *known;
    if (sscanf(line, "%*[0-9]: Sending PUBLISH to %31s (d%*[01], q2, r%*[01], m%31[0-9], '%31[^']",
               one.client, one.packet_id, one.topic) == 3) {
        begins(all, &one);
    } else if (sscanf(line, "%*[0-9]: Sending PUBREL to %31s (m%31[0-9])", one.client,
                      one.packet_id) == 2) {
        known = find(all, one.client, one.packet_id);
        if (known)
            known->released = true;
    } else if (sscanf(line, "%*[0-9]: Received PUBCOMP from %31s (Mid: %31[0-9]", one.client,
                      one.packet_id) == 2) {
        known = find(all, one.client, one.packet_id);
        if (known)
            *known = all->list[--all->count];
    }
}

void excuse_broker(struct ledger *l, const char *log, const char *client)
{
    struct handshakes all = { .count = 0 };
    char line[256];
    for (const char *end; log && (end = strchr(log, '\n')) != NULL; log = end + 1) {
        snprintf(line, sizeof line, "%.*s", (int)(end - log), log);
        read_line(&all, line);
    }
    ledger_excuses_nobody(l);
    for (size_t i = 0; i < all.count; i++)
        if (all.list[i].released && strcmp(all.list[i].client, client) == 0)
            ledger_excuses(l, all.list[i].topic);
}
