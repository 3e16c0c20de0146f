/* session.h -- what one client is doing (MQTT-SN 1.2, section 6).
 *
 * Pure: (state, input, now) -> actions. There are three ways in and one door between states. The procedures of
 * section 6 are in session_connect.c, _publish.c, _deliver.c, _subscribe.c and _sleep.c; session_rules.h is what
 * they share. */
#pragma once

#include "gateway/core/access.h"
#include "gateway/core/action.h"
#include "gateway/core/inflight.h"
#include "gateway/core/keeping.h"
#include "gateway/core/predefined.h"
#include "gateway/core/registry.h"
#include "gateway/core/sleepq.h"
#include "gateway/core/subscriptions.h"
#include "gateway/core/upstream.h"
#include "gateway/core/will.h"

enum session_state {
    SESSION_DISCONNECTED,
    SESSION_WILL_TOPIC,   /* WILLTOPICREQ is out */
    SESSION_WILL_MESSAGE, /* WILLMSGREQ is out */
    SESSION_CONNECTING,   /* the broker's answer is not here yet */
    SESSION_ACTIVE,
    SESSION_ASLEEP,
    SESSION_AWAKE,
    SESSION_LOST,
    SESSION_STATES
};

/* What all sessions share, owned by the shell; it may change under them (reload). */
struct common {
    const struct limits *limits;
    struct predefined *predefined; /* the current table, for ids that came by a reload */
    struct keeping *keeping;       /* NULL: nothing outlives the process */
};

/* A CONNECT under way. */
struct connecting {
    uint8_t flags;     /* will and clean, as asked: a repeated CONNECT has the same */
    uint16_t duration; /* seconds */
    bool from_sleep;   /* the client slept before: if this comes to nothing, it sleeps on */
    bool resume;       /* from asleep: the session goes on (SN-SLP-12) */
    bool new_will;     /* the client is asked for a will */
    struct will *will; /* the new one, prompted for; NULL = none yet */
};

enum delivery_phase {
    DELIVERY_IDLE,
    DELIVERY_REGISTER, /* waits for REGACK */
    DELIVERY_PUBACK,
    DELIVERY_PUBREC,
    DELIVERY_PUBCOMP,
    DELIVERY_PAUSED /* the client said "congestion": waits T_WAIT */
};

/* The one message in flight to the client (SN-RTX-5). */
struct delivery {
    struct queued *message; /* owned; NULL when idle */
    uint8_t phase;          /* enum delivery_phase */
    uint8_t tries;          /* retransmissions so far */
    uint8_t topic_id_type;
    bool repaired; /* the client did not know the id once already (SN-DLV-9) */
    bool leaves; /* the step was sent, and its radio did not report since: T_RETRY begins when it does */
    bool sent; /* as PUBLISH, under publish_id: from then on with DUP */
    uint16_t topic_id;
    uint16_t message_id; /* of the step that is open */
    uint16_t publish_id; /* of the PUBLISH; stays when the topic is registered again meanwhile */
    msec retry_at;       /* MSEC_NEVER: frozen, until the client says something */
};

/* Its broker connection is not read, so that its queue does not overflow: see session_brake.c. */
enum brake_step {
    BRAKE_OFF,
    BRAKE_ON,
    BRAKE_SPENT /* it did not help in time, and is not used until the queue was half empty */
};

struct brake {
    uint8_t step;          /* enum brake_step */
    uint32_t waiting;      /* messages in the queue, when last looked at */
    msec until;            /* while on */
    struct upstream *held; /* the connection that is not read; NULL = none */
};

/* A request that the broker closes the connection over is not asked again for a while (SN-BRK-7). */
struct ban {
    uint8_t type;  /* enum mqttsn_type, PUBLISH or SUBSCRIBE; */
    uint32_t what; /* the topic id, or a digest of the filter */
    msec until;
};

struct session {
    enum session_state state;
    bool clean; /* of the connection as it stands */
    bool unproven; /* it came from another host and did not show yet that it hears us: see deliver_next */
    uint16_t keep_alive_s; /* 0 = not supervised but by max_idle */
    uint16_t sleep_s;      /* the duration of its last DISCONNECT */
    uint16_t max_message;  /* octets that its radio carries */
    bool radio_reports;    /* its radio tells when it is done with a frame: session_sent */
    uint16_t unsent; /* frames that such a radio has and did not report yet; the shell counts up */
    uint16_t last_message_id; /* of ours */
    uint8_t prompts;          /* WILLTOPICREQ or WILLMSGREQ sent again, or PINGREQ sent, so far */
    uint32_t awake_left;      /* deliveries that may still begin in this awake period (SN-SLP-8) */
    msec heard_at;            /* last sign of life */
    msec entered_at;          /* the state */
    msec lost_not_before; /* a sleeper of an earlier run; it may have spoken to nobody meanwhile */
    msec connack_at; /* our CONNACK, while the client said nothing since; else MSEC_NEVER (SN-CONN-9) */
    msec refusal_at; /* last "congestion" for a QoS 0 message (SN-CNG-2) */
    msec deadline;   /* when session_tick wants to be called; the shell's one timer */
    msec keep_at; /* messages for a client that is slow are put on disk then; MSEC_NEVER: none waits for that */
    bool changed; /* state, address, will or the like: its row on disk may be behind; the shell clears it */
    bool wiped; /* topics and subscriptions on disk are those of an earlier connection; likewise */
    bool will_out; /* the broker published the will when the last run was killed, and the client was not heard since */

    struct span client_id; /* NUL-terminated, owned */
    const struct common *common;
    const struct access *access;
    struct predefined *predefined; /* held: the table the session began with */
    struct upstream *upstream;     /* NULL until it has one */
    void *seat;                    /* the strategy's, NULL = none */

    struct ban ban;
    struct connecting connect;
    struct will *will;
    struct registry topics;
    struct subscriptions subscriptions;
    struct inflight inflight;
    struct delivery delivery;
    struct sleepq queue;
    struct brake brake;
    struct sleepq uplink; /* from the client, taken over: they wait for the broker */
    struct queued_list spent; /* delivered or dropped; freed at the next call, since actions borrow from them */
    struct will *spent_will;
};

/* `client_id` is copied. False: no memory. `access` and `upstream` are the caller's to set, also later. */
MUST_CHECK bool session_init(struct session *s, struct span client_id, const struct common *common,
                             msec now);
void session_clear(struct session *s);

/* The three ways in of the protocol. Each leaves its answers in `out`; spans in `out` live until the next call. */
void session_receive(struct session *s, const struct mqttsn_message *m, msec now,
                     struct actions *out);
void session_broker(struct session *s, const struct mqtt_packet *p, msec now, struct actions *out);
void session_tick(struct session *s, msec now, struct actions *out);

/* The radio is done with a frame for the client, whatever came of it; called once for each frame of a radio that
 * reports. Not an acknowledgement: it only says that the air is free for the
 * next one, and that T_RETRY may begin to run. */
void session_sent(struct session *s, msec now, struct actions *out);

/* Is there something that waits for the broker and could go on its way, or would if the connection were there? */
bool session_wants_turn(const struct session *s);

/* Its turn to hand one message that waits to the broker; they leave in order, and a few may be on their way at once.
 * What the store does not have safe by the ticket `safe` stays. False: none can leave now. */
bool session_drain(struct session *s, uint64_t safe, msec now, struct actions *out);

/* The shell found out that the client is gone: another one speaks from its address (SN-CONN-12). Must be connected or
 * connecting. */
void session_lose(struct session *s, msec now, struct actions *out);

/* The client has to go, and its will is none of our business: its broker connection is gone for too long (SN-BRK-1), or
 * another gateway has taken it over (SN-GW-10). Must be connected. */
void session_dismiss(struct session *s, msec now, struct actions *out);

/* The MQTT CONNECT of a connection of its own, as things stand now. Borrows from the session. */
void session_connect_packet(const struct session *s, struct mqtt_connect *c);

/* ---- what an earlier run left (session_restore.c), before anything is heard: first the state, then the rest ---- */
void session_restore(struct session *s, enum session_state state, msec since, msec now);
/* In their order; `one` is the session's now. What the limits have no room for any more is dropped, as ever. */
void session_restore_message(struct session *s, struct queued *one, msec now, struct actions *out);
void session_restore_exchange(struct session *s, size_t place, const struct exchange *e);
/* The session has its upstream: what was on its way goes on. */
void session_resume(struct session *s, msec now);
/* In the earlier run it was on a connection of the other kind, and what the broker knows there counts no more: its
 * subscriptions are to be asked for. Before session_resume. */
void session_move(struct session *s);
/* On a shared connection: what the broker is to be asked again, or told again that the client gave it up. After
 * session_resume of all sessions. */
void session_ask_again(struct session *s, struct actions *out);

/* Is the client connected, awake or not? */
bool session_is_connected(const struct session *s);

/* Its broker connection may be read again; when it leaves that. */
void session_release_brake(struct session *s);

/* Nothing waits for the client, and nothing is on its way to it. */
bool session_drained(const struct session *s);

const char *session_state_name(enum session_state state);
