/* ezsp_peer.h -- a scripted NCP for the tests of the EZSP machine: it answers everything as a good one does, writes
 * down what it was asked, and does wrong what the test tells it to. The link below is the real one, in the NCP's
 * role. */
#pragma once

#include "radio/ash.h"
#include "radio/ezsp.h"
#include "radio/ezsp_key.h"
#include "radio/ezsp_message.h"
#include "radio/little.h"
#include "tests/radio/coordinator_scene.h"

enum { PEER_ASKED = 256, PEER_MAILS = 64, PEER_NOTHING = 0xFFFF };

struct peer {
    struct stage stage;
    struct ash link;
    uint8_t version; /* that it speaks */
    uint8_t header;  /* in which it reads now */
    uint8_t sequence;
    struct {
        uint8_t bytes[ASH_WIRE_MAX];
        size_t len;
    } mail[PEER_MAILS]; /* written, not on the line yet */
    size_t mails;
    struct {
        uint16_t id;
        uint8_t params[ASH_DATA_MAX];
        size_t len;
    } asked[PEER_ASKED];
    size_t asked_count;

    bool joined, mute, deaf; /* mute: answers no RST either */
    bool hasty;              /* tells the network's status before it answers */
    bool stubborn;           /* forms the network that it likes */
    uint8_t version_again;   /* what it says when it is asked for its version again; 0: the same */
    uint8_t node_type;
    struct ezsp_network network;
    uint8_t key[EZSP_KEY];                /* of its network */
    uint16_t silent_on, refuses, unknown; /* ids */
    enum ezsp_status taken;               /* the answer to sendUnicast */
    uint64_t lookup;                      /* the answer to lookupEui64; 0: not known */
    uint16_t lookup_nwk;
};

static inline void peer_on_write(void *context, struct span wire)
{
    struct peer *p = context;
    assert_true(p->mails < PEER_MAILS && wire.len <= ASH_WIRE_MAX);
    memcpy(p->mail[p->mails].bytes, wire.at, wire.len);
    p->mail[p->mails++].len = wire.len;
}

static inline void peer_sends(struct peer *p, uint8_t control, uint16_t id, struct writer *params,
                              const uint8_t *room)
{
    uint8_t bytes[ASH_DATA_MAX];
    struct writer w = writer_of(bytes, sizeof bytes);
    ezsp_frame_write(&(struct ezsp_frame){ p->sequence, control, id,
                                           span_of(room, (size_t)(params->at - room)) },
                     p->header, &w);
    assert_true(!w.failed && !params->failed);
    assert_true(ash_send(&p->link, span_of(bytes, sizeof bytes - w.left), p->stage.now));
}

static inline void peer_calls_back_status(struct peer *p, enum ezsp_status s)
{
    uint8_t room[8];
    struct writer w = writer_of(room, sizeof room);
    ezsp_write_status(&w, p->version, s);
    peer_sends(p, EZSP_CALLBACK, EZSP_STACK_STATUS, &w, room);
}

/* The network's part of an answer, or the callback that follows it. */
static inline enum ezsp_status peer_network(struct peer *p, const struct ezsp_frame *f)
{
    struct reader r = reader_of(f->params);
    struct ezsp_security s;
    switch (f->id) {
    case EZSP_SET_SECURITY:
        assert_true(ezsp_read_security(f->params, &s));
        memcpy(p->key, s.network_key, EZSP_KEY);
        return EZSP_OK;
    case EZSP_NETWORK_INIT:
    case EZSP_NETWORK_INIT_EXTENDED:
        return p->joined ? EZSP_OK : EZSP_NOT_JOINED;
    case EZSP_FORM_NETWORK:
        if (!p->stubborn)
            ezsp_read_network(&r, &p->network);
        p->joined = !r.failed;
        return r.failed ? EZSP_FAILED : EZSP_OK;
    case EZSP_LEAVE_NETWORK:
        p->joined = false;
        return EZSP_OK;
    case EZSP_SEND_UNICAST:
        return p->taken;
    case EZSP_LOOKUP_EUI64:
        return p->lookup ? EZSP_OK : EZSP_FAILED;
    default:
        return EZSP_OK;
    }
}

static inline void peer_answers(struct peer *p, const struct ezsp_frame *f, struct writer *w)
{
    switch (f->id) {
    case EZSP_VERSION:
        write_u8(w, p->version_again && p->header != 4 ? p->version_again : p->version);
        write_u8(w, 2);
        write_le16(w, 0x7430);
        return;
    case EZSP_NOP:
        return;
    case EZSP_GET_EUI64:
        write_le64(w, 0x086BD7FFFE010203);
        return;
    case EZSP_MAXIMUM_PAYLOAD:
        write_u8(w, 82);
        return;
    case EZSP_LOOKUP_NODE_ID:
        write_le16(w, p->lookup_nwk);
        return;
    case EZSP_GET_KEY:
    case EZSP_EXPORT_KEY:
        ezsp_write_key(f->id == p->refuses ? NULL : p->key, p->version, w);
        return;
    default:
        break;
    }
    ezsp_write_status(w, p->version, f->id == p->refuses ? EZSP_FAILED : peer_network(p, f));
    if (f->id == EZSP_GET_NETWORK_PARAMETERS) {
        write_u8(w, p->node_type);
        ezsp_write_network(w, &p->network);
    } else if (f->id == EZSP_LOOKUP_EUI64)
        write_le64(w, p->lookup ? p->lookup : UINT64_MAX);
    else if (f->id == EZSP_SEND_UNICAST || f->id == EZSP_SEND_BROADCAST)
        write_u8(w, 77);
}

/* What follows from a command, by itself. */
static inline void peer_tells_network(struct peer *p, uint16_t id)
{
    bool starts =
        id == EZSP_NETWORK_INIT || id == EZSP_NETWORK_INIT_EXTENDED || id == EZSP_FORM_NETWORK;
    if (starts && p->joined && id != p->refuses)
        peer_calls_back_status(p, EZSP_NETWORK_UP);
    if (id == EZSP_LEAVE_NETWORK && id != p->refuses)
        peer_calls_back_status(p, EZSP_NETWORK_DOWN);
}

static inline void peer_writes_down(struct peer *p, const struct ezsp_frame *f)
{
    assert_true(p->asked_count < PEER_ASKED);
    p->asked[p->asked_count].id = f->id;
    p->asked[p->asked_count].len = f->params.len;
    if (f->params.len > 0)
        memcpy(p->asked[p->asked_count].params, f->params.at, f->params.len);
    p->asked_count++;
    p->sequence = f->sequence;
}

static inline void peer_on_deliver(void *context, struct span data, msec now)
{
    struct peer *p = context;
    struct ezsp_frame f;
    uint8_t room[ASH_DATA_MAX];
    struct writer w = writer_of(room, sizeof room);
    (void)now;
    assert_true(ezsp_frame_read(data, p->header, &f) && f.control == EZSP_COMMAND);
    peer_writes_down(p, &f);
    if (f.id == p->silent_on)
        return;
    if (f.id == p->unknown) {
        write_little(&w, 0x33, p->version >= 14 ? 4 : 1);
        peer_sends(p, EZSP_RESPONSE, EZSP_INVALID_COMMAND, &w, room);
        return;
    }
    peer_answers(p, &f, &w);
    if (p->hasty)
        peer_tells_network(p, f.id);
    peer_sends(p, EZSP_RESPONSE, f.id, &w, room);
    p->header = p->version; /* after the first answer */
    if (!p->hasty)
        peer_tells_network(p, f.id);
}

static inline void peer_on_connected(void *context, uint8_t code, msec now)
{
    struct peer *p = context;
    (void)code, (void)now;
    p->header = 4;
}

static inline void peer_on_failed(void *context, enum ash_failure how, uint8_t code, msec now)
{
    (void)context, (void)how, (void)code, (void)now;
}

/* Both sides speak until neither has anything to say. */
static inline void peer_runs(struct peer *p)
{
    for (bool busy = true; busy;) {
        struct span w = stage_next_write(&p->stage);
        busy = w.len > 0 || p->mails > 0;
        if (w.len > 0 && !p->deaf)
            ash_hear(&p->link, w, p->stage.now);
        size_t n = p->mails;
        for (size_t i = 0; i < n && !p->mute; i++)
            stage_hears_bytes(&p->stage, span_of(p->mail[i].bytes, p->mail[i].len));
        memmove(p->mail, p->mail + n, (p->mails - n) * sizeof *p->mail);
        p->mails -= n;
        if (p->stage.write_read == p->stage.write_count)
            p->stage.write_read = p->stage.write_count = 0;
    }
}

/* Time goes on, and both sides speak whenever they want to. */
static inline void peer_passes(struct peer *p, msec ms)
{
    const msec end = p->stage.now + ms;
    for (;;) {
        peer_runs(p);
        msec next = p->stage.c->family->deadline(p->stage.c);
        if (next > end)
            break;
        stage_passes(&p->stage, next > p->stage.now ? next - p->stage.now : 0);
    }
    p->stage.now = end;
}

static inline void peer_open(struct peer *p, uint8_t version)
{
    static const struct ash_events events = { peer_on_write, peer_on_deliver, peer_on_connected,
                                              peer_on_failed };
    memset(p, 0, sizeof *p);
    p->version = version;
    p->node_type = EZSP_NODE_COORDINATOR;
    p->silent_on = p->refuses = p->unknown = PEER_NOTHING;
    p->network = (struct ezsp_network){
        .extended_pan_id = 0x00112233445566AA, .pan_id = 0x1A62, .power = 8, .channel = 15
    };
    ash_init(&p->link, ASH_NCP, &events, p);
    stage_open(&p->stage, &ezsp_family);
}

static inline void starts(struct peer *p)
{
    stage_start(&p->stage);
    peer_runs(p);
}

static inline void is_in(struct peer *p, enum coordinator_state want)
{
    assert_string_equal(coordinator_state_name(p->stage.c->state), coordinator_state_name(want));
}

static inline const char *last_why(struct peer *p)
{
    assert_true(p->stage.state_count > 0);
    return p->stage.states[p->stage.state_count - 1].why;
}

static inline void peer_close(struct peer *p)
{
    stage_close(&p->stage);
}

/* For cmocka: one of version 13, in *state. */
static inline int peer_set_up(void **state)
{
    static struct peer peer;
    *state = &peer;
    peer_open(&peer, 13);
    return 0;
}

static inline int peer_tear_down(void **state)
{
    peer_close(*state);
    return 0;
}

static inline size_t peer_was_asked(const struct peer *p, uint16_t id)
{
    size_t n = 0;
    for (size_t i = 0; i < p->asked_count; i++)
        n += p->asked[i].id == id;
    return n;
}

/* The parameters of the last command `id`. */
static inline struct span peer_last(const struct peer *p, uint16_t id)
{
    for (size_t i = p->asked_count; i > 0; i--)
        if (p->asked[i - 1].id == id)
            return span_of(p->asked[i - 1].params, p->asked[i - 1].len);
    fail_msg("never asked %s", ezsp_frame_name(id));
    return span_of(NULL, 0);
}

static inline void peer_calls_back(struct peer *p, uint16_t id, const char *hex)
{
    uint8_t room[ASH_DATA_MAX];
    struct span params = hex_bytes(hex, room, sizeof room);
    struct writer w = writer_of(room + params.len, sizeof room - params.len);
    peer_sends(p, EZSP_CALLBACK, id, &w, room);
    peer_runs(p);
}

static inline void peer_reports(struct peer *p, uint16_t tag, enum ezsp_status s)
{
    uint8_t room[ASH_DATA_MAX];
    struct writer w = writer_of(room, sizeof room);
    ezsp_write_sent(&(struct ezsp_sent){ .to = 0x1234, .tag = tag, .status = s }, p->version, &w);
    peer_sends(p, EZSP_CALLBACK, EZSP_MESSAGE_SENT, &w, room);
    peer_runs(p);
}

static inline void peer_hands_up(struct peer *p, const struct ezsp_incoming *in)
{
    uint8_t room[ASH_DATA_MAX];
    struct writer w = writer_of(room, sizeof room);
    ezsp_write_incoming(in, p->version, &w);
    peer_sends(p, EZSP_CALLBACK, EZSP_INCOMING_MESSAGE, &w, room);
    peer_runs(p);
}

/* These octets, in hex. */
static inline bool params_are(struct span have, const char *want)
{
    uint8_t room[ASH_DATA_MAX];
    return span_equal(have, hex_bytes(want, room, sizeof room));
}
