/* fuzz_ezsp.c -- any octets as what an NCP says to the EZSP machine, over a link that is good.
 *
 * The first octet is the version that the NCP claims, and, from 128 on, says that we have a key to compare with its
 * own. The second is how far it comes by itself before it talks nonsense. Then frames follow, each behind its length; a
 * length over 200 lets time pass instead, or resets the NCP. Whatever it says, the machine keeps its promises: every
 * frame that it took comes to exactly one end, and it is never late forever. */
#include "tests/fuzz/fuzz.h"

#include "radio/ash.h"
#include "radio/ezsp.h"
#include "radio/ezsp_machine.h"
#include "radio/little.h"

enum { FRAME_LIMIT = 200, RESET_NCP = 255, TIME_UNIT_MS = 500, NODES = 16 };

struct world {
    struct ezsp machine;
    struct config_radio settings;
    struct coordinator_events events;
    struct ash ncp; /* numbers only: what the machine writes is heard, what it says is not */
    uint8_t version;
    uint8_t good_answers; /* that the NCP gives before it is the input that speaks */
    uint8_t sequence;
    uint16_t last_id;
    bool wrote, has_key, under_way[256];
    uint8_t last_token;
    unsigned count;
    uint8_t outbox[16][ASH_WIRE_MAX];
    size_t outbox_len[16], outboxes;
    msec now;
};

static struct world world;

/* ---- the radio ------------------------------------------------------------------------------------------------- */

static void on_machine_write(void *context, struct span bytes)
{
    struct world *w = context;
    ash_hear(&w->ncp, bytes, w->now);
}

static void on_state(void *context, const char *why)
{
    (void)context;
    fuzz_require(why != NULL);
}

static void on_heard(void *context, struct neighbour *from, const struct radio_frame *f)
{
    (void)context;
    fuzz_require(from->eui64 != 0 && f->bytes.len > 0 && f->bytes.len <= COORDINATOR_PAYLOAD_MAX);
}

static void on_sent(void *context, uint8_t token, enum radio_sent result)
{
    struct world *w = context;
    fuzz_require(result < RADIO_SENTS && w->under_way[token]);
    w->under_way[token] = false;
    w->count--;
}

static void on_joined(void *context, uint64_t eui64, bool left)
{
    (void)context, (void)left;
    fuzz_require(eui64 != 0);
}

static void on_restart(void *context, const char *why)
{
    (void)context, (void)why;
}

static bool on_key(void *context, bool make, uint8_t key[16])
{
    const struct world *w = context;
    memset(key, 1, 16);
    return make || w->has_key;
}

static void on_lines(void *context, bool dtr, bool rts)
{
    (void)context, (void)dtr, (void)rts;
}

static void on_log(void *context, enum config_level level, const char *text)
{
    (void)context, (void)level, (void)text;
}

static void on_dropped(void *context, const char *reason)
{
    (void)context, (void)reason;
}

/* ---- the NCP --------------------------------------------------------------------------------------------------- */

static void on_ncp_write(void *context, struct span wire)
{
    struct world *w = context;
    if (w->outboxes == sizeof w->outbox_len / sizeof *w->outbox_len)
        return; /* lost: the link repeats it */
    memcpy(w->outbox[w->outboxes], wire.at, wire.len);
    w->outbox_len[w->outboxes++] = wire.len;
}

/* Until neither side has anything to say. */
static void speak(struct world *w)
{
    while (w->outboxes > 0) {
        uint8_t first[ASH_WIRE_MAX];
        size_t len = w->outbox_len[0];
        memcpy(first, w->outbox[0], len);
        w->outboxes--;
        memmove(w->outbox, w->outbox + 1, w->outboxes * sizeof *w->outbox);
        memmove(w->outbox_len, w->outbox_len + 1, w->outboxes * sizeof *w->outbox_len);
        ezsp_family.hear(&w->machine.c, span_of(first, len), w->now);
    }
}

static void say(struct world *w, struct span frame)
{
    if (ash_send(&w->ncp, frame, w->now))
        speak(w);
}

/* A good NCP's answer, as far as the machine looks at it. */
static void answer_well(struct world *w, const struct ezsp_frame *f)
{
    uint8_t room[ASH_DATA_MAX], params[64] = { 0 };
    struct writer o = writer_of(room, sizeof room);
    size_t len = 32;
    if (f->id == EZSP_VERSION)
        params[0] = w->version;
    else if (f->id == EZSP_MAXIMUM_PAYLOAD)
        params[0] = 82;
    else if (f->id == EZSP_GET_NETWORK_PARAMETERS)
        params[w->version >= 14 ? 4 : 1] = EZSP_NODE_COORDINATOR;
    ezsp_frame_write(&(struct ezsp_frame){ f->sequence, EZSP_RESPONSE, f->id, span_of(params, len) },
                     w->machine.version, &o);
    (void)!ash_send(&w->ncp, span_of(room, sizeof room - o.left), w->now);
    if (f->id != EZSP_NETWORK_INIT && f->id != EZSP_NETWORK_INIT_EXTENDED)
        return;
    o = writer_of(room, sizeof room);
    ezsp_write_status(&o, w->version, EZSP_NETWORK_UP);
    size_t status = sizeof room - o.left;
    memcpy(params, room, status);
    o = writer_of(room, sizeof room);
    ezsp_frame_write(&(struct ezsp_frame){ f->sequence, EZSP_CALLBACK, EZSP_STACK_STATUS,
                                           span_of(params, status) },
                     w->machine.version, &o);
    (void)!ash_send(&w->ncp, span_of(room, sizeof room - o.left), w->now);
}

static void on_ncp_deliver(void *context, struct span data, msec now)
{
    struct world *w = context;
    struct ezsp_frame f;
    (void)now;
    fuzz_require(ezsp_frame_read(data, w->machine.version, &f));
    w->sequence = f.sequence;
    w->last_id = f.id;
    if (w->good_answers > 0) {
        w->good_answers--;
        answer_well(w, &f);
    }
}

static void on_ncp_connected(void *context, uint8_t code, msec now)
{
    (void)context, (void)code, (void)now;
}

static void on_ncp_failed(void *context, enum ash_failure how, uint8_t code, msec now)
{
    (void)context, (void)how, (void)code, (void)now;
}

/* ---- the play -------------------------------------------------------------------------------------------------- */

static bool begin(struct world *w)
{
    static const struct ash_events ncp_events = { on_ncp_write, on_ncp_deliver, on_ncp_connected,
                                                  on_ncp_failed };
    memset(w, 0, sizeof *w);
    w->now = 100000;
    w->settings = (struct config_radio){ .name = "f",
                                         .network_key_file = "f.key",
                                         .profile = 0xC105,
                                         .cluster = 0x11,
                                         .endpoint = 0xE8,
                                         .form = FORM_REPLACE };
    w->events = (struct coordinator_events){ w,        on_machine_write, on_state,   on_heard,
                                             on_sent,  on_joined,        on_restart, on_key,
                                             on_lines, on_log,           on_dropped };
    ash_init(&w->ncp, ASH_NCP, &ncp_events, w);
    struct coordinator *c = &w->machine.c;
    *c = (struct coordinator){ .family = &ezsp_family,
                               .settings = &w->settings,
                               .events = &w->events,
                               .neighbours = neighbours_new(NODES),
                               .random = 1 };
    ezsp_family.init(c);
    c->state = COORDINATOR_STARTING;
    return c->neighbours != NULL;
}

static void send_something(struct world *w, uint8_t what)
{
    struct coordinator *c = &w->machine.c;
    if (c->state != COORDINATOR_UP || w->count >= c->info.window)
        return;
    struct neighbour *one =
        neighbours_learn(c->neighbours, 1u + what % 4, what & 8 ? NWK_UNKNOWN : what, w->now);
    do
        w->last_token++;
    while (w->last_token == 0 || w->under_way[w->last_token]);
    w->under_way[w->last_token] = one != NULL;
    w->count += one != NULL;
    if (one)
        ezsp_family.send(c, &(struct unicast){ one, w->last_token, span_text("hello") }, w->now);
    if (what & 16)
        ezsp_family.permit_join(c, what, w->now);
}

static void time_passes(struct world *w, msec ms)
{
    const msec end = w->now + ms;
    for (int stuck = 0;;) {
        speak(w);
        msec next = ezsp_family.deadline(&w->machine.c);
        if (next > end)
            break;
        stuck = next <= w->now ? stuck + 1 : 0;
        fuzz_require(stuck < 20);
        w->now = next > w->now ? next : w->now;
        ezsp_family.tick(&w->machine.c, w->now);
    }
    w->now = end;
}

/* The sequence and, now and then, the id of what was asked: the rest would never be looked at. */
static void say_input(struct world *w, struct span bytes)
{
    uint8_t room[ASH_DATA_MAX];
    struct writer o = writer_of(room, sizeof room);
    if (bytes.len < 3)
        return;
    const bool answers = bytes.at[0] & 1;
    struct ezsp_frame f = { w->sequence, answers ? EZSP_RESPONSE : EZSP_CALLBACK,
                            (uint16_t)(answers ? w->last_id : bytes.at[1] | bytes.at[2] << 8),
                            span_from(bytes, answers ? 1 : 3) };
    ezsp_frame_write(&f, w->machine.version, &o);
    if (!o.failed)
        say(w, span_of(room, sizeof room - o.left));
}

static void act(struct world *w, struct reader *r)
{
    uint8_t len = read_u8(r);
    if (len == RESET_NCP) {
        ash_announce(&w->ncp, ASH_RESET_WATCHDOG);
        w->good_answers = read_u8(r);
        speak(w);
    } else if (len > FRAME_LIMIT) {
        send_something(w, len);
        time_passes(w, (msec)(len - FRAME_LIMIT) * TIME_UNIT_MS);
    } else
        say_input(w, read_span(r, len));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct reader r = reader_of(span_of(bytes, len));
    struct world *w = &world;
    if (!begin(w))
        return 0;
    uint8_t first = read_u8(&r);
    w->version = (uint8_t)(EZSP_VERSION_MIN + first % 12); /* one too many */
    w->has_key = first >= 128;
    w->good_answers = read_u8(&r);
    ezsp_family.start(&w->machine.c, w->now);
    speak(w);
    while (r.left > 0 && !r.failed)
        act(w, &r);
    w->good_answers = 0;
    time_passes(w, 120000);
    fuzz_require(w->count == 0);
    neighbours_free(w->machine.c.neighbours);
    return 0;
}
