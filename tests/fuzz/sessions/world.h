/* world.h -- a whole gateway without sockets for the session fuzzer: nodes, sessions, connections, a model broker.
 *
 * The bytes of the fuzzer drive the nodes and the broker (play.c); what the gateway does about it goes through world.c
 * and lines.c in the order of the shell's funnels, and judge.c holds it against the promises that never bend. Limits
 * are small, so that all of them are met. */
#pragma once

#include "gateway/core/session.h"

enum {
    WORLD_CLIENTS = 6,
    WORLD_SESSIONS = 5, /* limits.clients */
    WORLD_ADDRESSES = 8,
    WORLD_SHARED = WORLD_CLIENTS, /* the line that all aggregate clients share */
    WORLD_LINES,
    WORLD_UPS = 1024,
    WORLD_TAGS = 1024,
    WORLD_WINDOW = 12, /* messages that the broker sends ahead of acknowledgements */
    NODE_FRAME_MAX = 600,
    NODE_PAYLOAD_MAX = 128,
    NODE_MARK = 4, /* octets at the front of a payload that tell it from all others */
    WORLD_RECEIVED = 128,
    WORLD_ORDER = 256, /* messages to one session whose order is looked at */
    IDS_TOLD = 512,
    WORLD_BEGIN = 1000000,
    SECOND = 1000
};

/* A QoS 1 or 2 PUBLISH of a node, known by who sent what under which number. */
struct up {
    uint8_t client, qos;
    uint16_t message_id;
    uint32_t content;   /* hash of the payload: what the broker sees too */
    uint32_t digest;    /* of all that makes it another message */
    bool accepted;      /* by the broker */
    uint16_t packet_id; /* under which it went to the broker last */
    bool open;          /* its exchange should answer a repetition */
    bool dup;           /* it was heard last with DUP */
    bool answered;      /* to the end, at `ended`, ... */
    size_t after; /* ... as the client's request of this number: so many places may be used up */
    msec opened, ended;
    /* with a store */
    bool safe;    /* it was on disk once */
    bool told;    /* the node was told "accepted" */
    bool excused; /* the broker forgot a session while it was under way */
    uint16_t fresh,
        published; /* QoS 2: how often it was a new message; how often the broker published it */
};

/* With a store: what became of a QoS 1 or 2 message of the broker, for one client. */
enum fate {
    FATE_OWED = 1,   /* it was given to the session */
    FATE_SAFE = 2,   /* it was on disk once */
    FATE_TAKEN = 4,  /* the node acknowledged it */
    FATE_DROPPED = 8 /* for a counted reason */
};

/* An answer that a node may expect: one for each request of its kind. */
enum answer {
    ANSWER_PUBLISH,
    ANSWER_PUBREL,
    ANSWER_SUBSCRIBE,
    ANSWER_UNSUBSCRIBE,
    ANSWER_REGISTER,
    ANSWERS
};

/* What the judge remembers about one session. */
struct ledger {
    bool believed[IDS_TOLD]; /* it was told, or said that it was, and perhaps it was not */
    uint32_t told[IDS_TOLD]; /* by normal topic id: the name that the client heard for it on this connection, hashed */
    struct {
        uint32_t receipt;
        uint16_t tag;
        uint8_t qos;
        bool received; /* QoS 2: PUBREC was asked for */
    } open[64];        /* QoS 1 and 2 messages that it still answers for */
    size_t open_count;
    size_t handed;               /* messages from the broker: given to the session, */
    size_t expected;             /* ... before the last one that the broker sent, */
    bool wants;                  /* ... which is for this session too */
    size_t ended;                /* delivered or answered for, */
    size_t drops;                /* dropped for a counted reason, */
    size_t drops_used;           /* ... of which so many are explained by what is missing */
    uint8_t fates[WORLD_TAGS];   /* enum fate */
    bool will_left;              /* on this connection */
    bool unproven;               /* heard from another host, and did not answer a REGISTER since */
    uint16_t registered;         /* the message id of the last REGISTER to it */
    uint16_t order[WORLD_ORDER]; /* tags in the order of their coming, */
    size_t order_count, order_next; /* looked through up to here */
    struct {
        uint16_t message_id, tag;
        uint32_t content;
    } published; /* the last PUBLISH with QoS 1 or 2 to the client */
};

struct client {
    char name[8];
    bool here;   /* it has a session */
    int address; /* where it is heard, -1 = nowhere */
    struct session session;
    struct ledger ledger;
    uint8_t credit[ANSWERS][64]; /* requests less answers, by message id */
    bool owed[ANSWERS][64];      /* no answer came yet, though it was there all the time */
    struct mqttsn_message seen; /* what the gateway said last that wants an answer; its tail is void */
    bool waits;                 /* `seen` was not answered yet */
    uint16_t serial;            /* of its last new PUBLISH: makes the payload */
    struct mqttsn_message said;        /* its last PUBLISH with QoS 1 or 2, ... */
    uint8_t payload[NODE_PAYLOAD_MAX]; /* ... and the payload of it */
    size_t requests;                   /* that take a place among its exchanges */
    bool moved; /* it had another kind of connection once, and so a QoS 2 handshake may have ended in the middle */
    size_t era; /* counted up by each new connection, and each move */
};

/* A message of the broker that the gateway did not acknowledge to the end. */
struct sent {
    uint16_t packet_id, tag, len;
    uint8_t qos;
    bool received, released; /* PUBREC came, PUBREL went */
};

struct due {
    uint8_t type; /* enum mqtt_type of the answer */
    uint8_t qos;
    uint16_t packet_id;
    uint32_t content;
};

/* A connection to the broker, with the broker's end of it. */
struct line {
    struct upstream *up; /* &own, or the aggregate's */
    struct upstream own;
    bool made, wanted;  /* `wanted`: dialled again when it breaks */
    bool asked;         /* CONNECT came and was not answered */
    bool clean, stored; /* `stored`: the broker has a session to go on with */
    struct due dues[256];
    size_t due_count;
    struct sent sent[WORLD_WINDOW];
    size_t sent_count;
    uint16_t last_packet_id;
    uint16_t stray_releases; /* PUBREL for nothing: each may bring a PUBCOMP for nothing */
    struct {
        uint16_t packet_id;
        uint32_t content;
    } received[WORLD_RECEIVED]; /* QoS 2 messages that the gateway did not release yet */
    size_t received_count;
};

enum input { INPUT_RECEIVE, INPUT_BROKER, INPUT_TICK, INPUT_SENT, INPUT_LOSE };

struct world {
    struct upstream_lacks lacks; /* what the broker does not have */
    struct limits limits;
    struct limits most; /* the largest that were ever in force */
    struct access access;
    struct common common;
    struct aggregate *aggregate;
    struct disk *disk; /* NULL: nothing outlives the gateway (disk.h) */
    size_t up_drops; /* messages for the broker that were accepted and then dropped for a counted reason */
    uint8_t aggregated; /* a bit for each client that uses the shared line */
    bool unreachable;   /* nobody answers where the broker should be */
    msec now;
    struct actions actions;
    struct client clients[WORLD_CLIENTS];
    struct line lines[WORLD_LINES];
    size_t upstream_octets; /* that any line has written */
    struct up ups[WORLD_UPS];
    size_t up_count;
    uint16_t tag_ids[WORLD_TAGS];   /* the packet ids of the broker's messages, and their topics, */
    uint8_t tag_topics[WORLD_TAGS]; /* ... by the number that each carries */
    uint16_t tag_count;
    uint8_t short_name[2]; /* room for one that the judge looks at */
    size_t step, restarts;
    bool trace;
};

/* ---- world_setup.c ----------------------------------------------------------------------------------------------- */

MUST_CHECK struct world *world_new(uint8_t kind, uint8_t store);
void world_free(struct world *w);
void world_limits(struct world *w, uint8_t kind); /* others from now on: a reload */

/* ---- world.c ----------------------------------------------------------------------------------------------------- */

/* Does the client use the connection that all aggregate clients share? */
static inline bool world_shares(const struct world *w, const struct client *c)
{
    return (w->aggregated & 1U << (c - w->clients)) != 0;
}

/* A frame to where the client is, or was; -1: to one who has a new connection since. */
void world_say(struct world *w, struct client *c, int to, const struct mqttsn_message *m);
/* What the client's session decided, which is in w->actions. */
void world_perform(struct world *w, struct client *c, enum session_state before, enum input in);
void world_begin_session(struct world *w, struct client *c);
void world_move(struct client *c, int address);
struct client *world_at(struct world *w, int address); /* NULL: nobody */

/* A frame from an address, as it is. */
void world_hears(struct world *w, int address, struct span frame);
void world_client_lost(struct world *w, struct client *c); /* another one speaks from its address */
void world_client_dismissed(struct world *w, struct client *c); /* another gateway has it */
void world_client_tick(struct world *w, struct client *c);
void world_radio_sent(struct world *w, struct client *c);

/* A packet of the broker for one session. What it leads to on connections waits for world_settle. */
void world_feed_broker(struct world *w, struct client *c, const struct mqtt_packet *p);
void world_settle(struct world *w);

/* Every deadline on the way is kept, up to `ticks` of them. */
void world_time(struct world *w, msec ms, size_t ticks);
msec world_next_deadline(const struct world *w);

/* ---- lines.c ----------------------------------------------------------------------------------------------------- */

void line_make_shared(struct world *w);
void line_make_own(struct world *w, struct client *c);
void lines_kill(struct world *w);
void line_ask(struct world *w, struct client *c, const struct mqtt_packet *p);
void line_leave(struct world *w, struct client *c);
void line_settle(struct world *w, struct line *l);
void line_lost(struct world *w, struct line *l);
void line_dial(struct world *w, struct line *l);
/* NULL: shared, or the session is over. */
struct client *line_client(struct world *w, const struct line *l);
/* Each client's turn to hand over what waits for the broker. True: something happened. */
bool lines_drain(struct world *w);
void lines_free(struct world *w);

/* ---- broker.c ---------------------------------------------------------------------------------------------------- */

void broker_hears(struct world *w, struct line *l, struct span frame);
void broker_says(struct world *w, struct line *l, struct mqtt_packet p);
/* Answers due `which`; `code` chooses among the answers there can be. */
void broker_answers(struct world *w, struct line *l, size_t which, uint8_t code);
void broker_publishes(struct world *w, struct line *l, uint8_t topic, uint8_t how, uint8_t size);
void broker_accepts(struct world *w, struct line *l, bool session_present);

/* ---- nodes.c ----------------------------------------------------------------------------------------------------- */

/* The names that nodes and broker use. */
struct span node_topic(uint8_t which);
/* The next message of client `c`, as the bytes want it; its tail is made in `room`. */
struct mqttsn_message node_message(struct world *w, const struct client *c, struct reader *in,
                                   uint8_t *room);
/* The right answer to what the client saw last, with a return code. */
struct mqttsn_message node_answer(const struct client *c, uint8_t code);

/* ---- judge.c, judge_broker.c, judge_state.c ---------------------------------------------------------------------- */

/* Names the promise that does not hold, and ends the process. */
__attribute__((noreturn)) void judge_broken(const struct world *w, const char *promise);

static inline void must(const struct world *w, bool holds, const char *promise)
{
    if (!holds)
        judge_broken(w, promise);
}

void judge_heard(struct world *w, struct client *c, const struct mqttsn_message *m);
void judge_handed(struct world *w, struct client *c, const struct mqtt_packet *p);
/* Who must get the message that the broker is about to send, and afterwards: did they, once each? */
void judge_expects(struct world *w, const struct line *l, const struct mqtt_packet *p);
void judge_reached(struct world *w, const struct line *l);
/* It leaves, to where the client is: `there`; and before that, when it was decided. */
void judge_frame(struct world *w, struct client *c, const struct mqttsn_message *m, bool there);
/* Was sent, or might have been: what has DUP later is this. */
void judge_sent(struct client *c, const struct mqttsn_message *m);
void judge_decided(struct client *c, const struct mqttsn_message *m);
void judge_request(struct world *w, struct client *c, const struct mqtt_packet *p);
/* The broker keeps it. */
void judge_refused(struct client *c, uint32_t receipt);
void judge_drop(struct world *w, struct client *c, enum drop why);
/* The broker's message with this tag is acknowledged to it. */
void judge_acknowledged(struct world *w, const struct line *l, uint16_t tag);
/* A QoS 2 PUBLISH, and a PUBREL. */
void judge_received(struct world *w, struct line *l, const struct mqtt_packet *p);
void judge_released(struct line *l, uint16_t packet_id);
void judge_moves(struct world *w, struct client *c, enum session_state before, enum input in);
void judge_session(struct world *w, struct client *c);
void judge_lines(struct world *w);
void judge_published(struct world *w, struct line *l, const struct mqtt_packet *p);
void judge_accepted(struct world *w, uint32_t content);
void judge_calm(struct world *w); /* everything had time to end */
/* Does the gateway still know that it was answered? */
bool judge_remembers(const struct world *w, const struct up *u);
size_t judge_places(const struct session *s,
                    msec now); /* that will not make room for another exchange now */
void ups_forget(struct world *w, const struct client *c); /* they begin anew, whatever was under way */
void judge_given_up(struct world *w, const struct session *s); /* messages for the broker */
bool judge_has(const struct session *s, uint16_t tag);         /* a message of the broker */
void judge_missing(struct world *w); /* what nodes were told is accepted, and the broker never got */
void judge_fates(struct world *w, struct client *c);
uint32_t judge_hash(struct span s);
/* The message of a node with this content. NULL: several are alike, or it is of nobody. */
struct up *judge_only_up(struct world *w, uint32_t content);
uint16_t judge_tag(struct span payload); /* the number that a message of the broker carries */

/* ---- play.c ------------------------------------------------------------------------------------------------------ */

/* Plays the steps that the bytes describe; comes back with their number when every promise held. */
size_t sessions_play(const uint8_t *bytes, size_t len);
