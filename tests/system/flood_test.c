/* flood_test.c -- floods from a million addresses, while known nodes work on (design 4.5, 4.6; SN-CONN-13, SN-DSC-5,
 * SN-DISC-9, SN-M1-6, SN-NET-5).
 *
 * Each flood runs as fast as this machine sends. Meanwhile nodes that are connected publish at QoS 1 and repeat, as
 * nodes do, what is not acknowledged: the kernel drops what its buffer cannot hold, and a flood fills any buffer. In
 * the end every message is at the broker, once and in order; the gateway has no more than doubled its memory, but
 * for the clients that it may let in; and no address heard more than three times what was sent in its name. */
#include "tests/system/flood.h"

#include "mqttsn/message.h"
#include "tests/system/node.h"
#include "tests/system/peer.h"
#include "tests/xorshift.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum {
    KNOWN = 4,
    FRAMES = 200000,
    MESSAGES = 200, /* of each known node; a peer holds no more */
    REPEAT_MS = 100,
    CLIENTS = 1000,    /* limits.clients */
    KIB_OF_CLIENT = 6, /* of a stranger that got in, with a broker connection of its own (design 8) */
    ANSWERS = 1000,    /* limits.stranger_replies, per second */
    SEED = 0x5EED
};

/* ---- what strangers send ----------------------------------------------------------------------------------------- */

static size_t encoded(struct mqttsn_message m, uint8_t frame[static FLOOD_FRAME])
{
    struct writer w = writer_of(frame, FLOOD_FRAME);
    assert_int_equal(mqttsn_encode(&m, &w), MQTTSN_OK);
    return FLOOD_FRAME - w.left;
}

static struct span name_of(uint32_t number)
{
    static char name[16];
    snprintf(name, sizeof name, "x%" PRIx32, number);
    return span_text(name);
}

static size_t connect_frame(uint32_t number, uint8_t frame[static FLOOD_FRAME])
{
    return encoded((struct mqttsn_message){ .type = MQTTSN_CONNECT,
                                            .clean = number % 2 == 0,
                                            .will = number % 3 == 0,
                                            .protocol_id = 1,
                                            .duration = 60,
                                            .tail = name_of(number) },
                   frame);
}

/* QoS 0, 1, 2 and -1, with a topic id that nobody gave out or a short name. */
static size_t publish_frame(uint32_t number, uint8_t frame[static FLOOD_FRAME])
{
    return encoded(
        (struct mqttsn_message){ .type = MQTTSN_PUBLISH,
                                 .qos = number % 4,
                                 .topic_id_type = number % 4 == 3 ? MQTTSN_SHORT : MQTTSN_NORMAL,
                                 .topic_id = 'x' << 8 | 'y',
                                 .message_id = number % 4 == 3 ? 0 : 7,
                                 .tail = name_of(number) },
        frame);
}

static size_t search_frame(uint32_t number, uint8_t frame[static FLOOD_FRAME])
{
    return encoded(
        (struct mqttsn_message){ .type = MQTTSN_SEARCHGW, .radius = (uint8_t)(number % 3) }, frame);
}

static size_t ping_frame(uint32_t number, uint8_t frame[static FLOOD_FRAME])
{
    return encoded((struct mqttsn_message){ .type = MQTTSN_PINGREQ, .tail = name_of(number) }, frame);
}

/* Nothing that means anything, one in two with a length that fits. */
static size_t garbage_frame(uint32_t number, uint8_t frame[static FLOOD_FRAME])
{
    uint64_t state = SEED + number;
    chance_fill(&state, frame, FLOOD_FRAME);
    size_t len = 1 + (size_t)(frame[1] % (FLOOD_FRAME - 1));
    if (number % 2 == 0)
        frame[0] = (uint8_t)len;
    return len;
}

static size_t any_frame(uint32_t number, uint8_t frame[static FLOOD_FRAME])
{
    static flood_maker *const makers[] = { connect_frame, publish_frame, search_frame, ping_frame,
                                           garbage_frame };
    return makers[number % 5](number / 5, frame);
}

/* ---- nodes that are known ---------------------------------------------------------------------------------------- */

struct known {
    struct node *node;
    struct peer *peer; /* who hears it at the broker's side */
    char topic[16];
    uint16_t topic_id;
    unsigned sent, acked, repeats;
    int64_t again;
};

static void known_arrives(struct known *k, struct scene *s, size_t number)
{
    char name[16];
    snprintf(name, sizeof name, "known-%zu", number);
    snprintf(k->topic, sizeof k->topic, "from/%zu", number);
    k->node = node_open(s->gateway);
    k->peer = peer_open(s, k->topic);
    peer_subscribes(k->peer, k->topic, 1);
    node_connects(k->node, name);
    k->topic_id = node_registers(k->node, k->topic);
}

static void known_says(struct known *k, bool again)
{
    char text[16];
    snprintf(text, sizeof text, "%u", k->sent);
    k->again = deadline_in(REPEAT_MS);
    k->repeats += again;
    node_sends(k->node, (struct mqttsn_message){ .type = MQTTSN_PUBLISH,
                                                 .dup = again,
                                                 .qos = 1,
                                                 .topic_id = k->topic_id,
                                                 .message_id = (uint16_t)k->sent,
                                                 .tail = span_text(text) });
}

/* The answer to what it said last; what is refused for now is said again in time. */
static bool known_hears(struct known *k)
{
    struct mqttsn_message m;
    uint8_t frame[NODE_FRAME];
    const ssize_t len = recv(k->node->fd, frame, sizeof frame, MSG_DONTWAIT);
    if (len < 0 || mqttsn_decode(span_of(frame, (size_t)len), &m) != MQTTSN_OK)
        return false;
    assert_int_equal(m.type, MQTTSN_PUBACK); /* nobody told it to connect anew */
    return m.return_code == MQTTSN_ACCEPTED && m.message_id == k->sent;
}

static void known_works(struct known *k, unsigned most)
{
    while (k->sent > k->acked && known_hears(k))
        k->acked = k->sent;
    if (k->sent == k->acked && k->sent < most) {
        k->sent++;
        known_says(k, false);
    } else if (k->sent > k->acked && deadline_left(k->again) == 0) {
        known_says(k, true);
    }
}

static void all_arrived(struct known *k)
{
    char text[16];
    assert_int_equal(k->acked, MESSAGES);
    for (unsigned i = 1; i <= MESSAGES; i++) {
        snprintf(text, sizeof text, "%u", i);
        peer_hears(k->peer, k->topic, text);
    }
    peer_hears_nothing(k->peer);
}

/* ---- the gateway's memory ---------------------------------------------------------------------------------------- */

/* The most that it ever had, in KiB. */
static unsigned long memory_peak(const struct gateway *g)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/status", (int)g->process.pid);
    char *text = scene_reads(path);
    const char *line = strstr(text, "VmHWM:");
    assert_non_null(line);
    unsigned long kib = strtoul(line + strlen("VmHWM:"), NULL, 10);
    free(text);
    return kib;
}

/* ---- a flood ----------------------------------------------------------------------------------------------------- */

/* Nobody reads the broker's log meanwhile, so it must not say much. */
static void gateway_under_flood(struct scene *s)
{
    broker_start(
        s, (struct broker_options){ .more = "log_type none\nlog_type error\nlog_type information" });
    gateway_start_connected(s, (struct settings){ .limits = "clients: 1000, stranger_replies: 1000",
                                                  .level = "info",
                                                  .more = "qos_minus_one: true" });
}

static bool all_is_said(const struct known known[KNOWN])
{
    for (size_t i = 0; i < KNOWN; i++)
        if (known[i].acked < MESSAGES)
            return false;
    return true;
}

/* At least `frames` frames, over which the known nodes spread their messages. */
static struct flood *rage(struct scene *s, struct known known[KNOWN], flood_maker *make,
                          uint64_t frames)
{
    struct flood *f = flood_open(s->gateway);
    int64_t deadline = deadline_in(20 * PATIENCE_MS);
    while ((f->frames < frames || !all_is_said(known)) && deadline_left(deadline) > 0) {
        const uint64_t due = f->frames * MESSAGES / frames;
        flood_sends(f, make);
        for (size_t i = 0; i < KNOWN; i++)
            known_works(&known[i], due < MESSAGES ? (unsigned)due : MESSAGES);
    }
    flood_settles(f);
    return f;
}

static unsigned repeats(const struct known known[KNOWN])
{
    unsigned count = 0;
    for (size_t i = 0; i < KNOWN; i++)
        count += known[i].repeats;
    return count;
}

static void flood_is_outlived(struct scene *s, flood_maker *make, uint64_t frames)
{
    struct known known[KNOWN] = { 0 };
    gateway_under_flood(s);
    for (size_t i = 0; i < KNOWN; i++)
        known_arrives(&known[i], s, i);
    unsigned long before = memory_peak(s->gateway);
    const int64_t start = deadline_in(0);
    struct flood *f = rage(s, known, make, frames);
    const uint64_t seconds = (uint64_t)(deadline_in(0) - start) / 1000 + 1;
    unsigned long growth = memory_peak(s->gateway) - before;
    for (size_t i = 0; i < KNOWN; i++)
        all_arrived(&known[i]);
    print_message(
        "%" PRIu64 " frames of %" PRIu64 " octets, %u messages of known nodes repeated; %" PRIu64
        " answers of %" PRIu64 " octets; memory %lu + %lu KiB\n",
        f->frames, f->octets, repeats(known), f->heard_frames, f->heard_octets, before, growth);
    assert_int_equal(flood_unfair(f), 0);
    assert_true(f->heard_octets <= 3 * f->octets);
    /* A second's answers may go at once; and some that came in may have left again. */
    assert_true(f->heard_frames <= 2 * CLIENTS + (seconds + 1) * ANSWERS);
    assert_true(growth <= before + CLIENTS * KIB_OF_CLIENT);
}

static void connects_of_strangers_take_no_more_than_their_limit(struct scene *s) /* SN-CONN-13, SN-NET-5 */
{
    flood_is_outlived(s, connect_frame, FRAMES);
    kill(s->gateway->process.pid, SIGUSR1);
    gateway_logs(s->gateway, "count: clients 1000");
    gateway_logs(s->gateway, "count: dropped, limit reached, sender told");
}

static void publishes_of_strangers_leave_nothing_behind(struct scene *s) /* SN-DSC-5, SN-M1-6 */
{
    flood_is_outlived(s, publish_frame, FRAMES);
    kill(s->gateway->process.pid, SIGUSR1);
    gateway_logs(s->gateway, "count: clients 4");
}

static void searches_of_strangers_are_answered_at_a_bounded_rate(struct scene *s) /* SN-DISC-9 */
{
    flood_is_outlived(s, search_frame, FRAMES);
}

static void pings_of_strangers_leave_nothing_behind(struct scene *s) /* SN-PING-4, SN-DSC-5 */
{
    flood_is_outlived(s, ping_frame, FRAMES);
}

static void garbage_leaves_nothing_behind(struct scene *s) /* SN-FRM-1 */
{
    flood_is_outlived(s, garbage_frame, FRAMES);
}

static void a_million_addresses_say_everything_at_once(struct scene *s) /* design 4.5, 4.6 */
{
    flood_is_outlived(s, any_frame, FLOOD_ADDRESSES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_IN_BOTH(connects_of_strangers_take_no_more_than_their_limit),
        SCENE_IN_BOTH(publishes_of_strangers_leave_nothing_behind),
        SCENE(searches_of_strangers_are_answered_at_a_bounded_rate),
        SCENE(pings_of_strangers_leave_nothing_behind),
        SCENE(garbage_leaves_nothing_behind),
        SCENE_IN_BOTH(a_million_addresses_say_everything_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
