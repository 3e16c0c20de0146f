/* client.h -- the client side of one MQTT 3.1.1 connection, without the connection.
 *
 * It knows which packet ids are in use and by whom, what to send again after a reconnect, which arrivals from the
 * broker are still to be acknowledged and in which order, and when to ping. It reads decoded packets and writes
 * bytes into `out`; whoever owns the socket moves them. Nothing here blocks, looks at a clock or knows why a packet
 * is sent. */
#pragma once

#include "mqtt/arrivals.h"
#include "mqtt/buffer.h"
#include "mqtt/flights.h"

typedef uint64_t msec; /* milliseconds on a monotonic clock */
#define MSEC_NEVER UINT64_MAX

enum mqtt_client_state {
    MQTT_CLIENT_OFFLINE,
    MQTT_CLIENT_CONNECTING, /* CONNECT is in `out`, CONNACK not here yet */
    MQTT_CLIENT_ONLINE
};

struct mqtt_client {
    enum mqtt_client_state state;
    bool clean;           /* asked in the last CONNECT */
    bool session_present; /* said in the last CONNACK */
    struct buffer out;
    msec keep_alive,
        answer_timeout; /* set by the owner: when to ping; how long CONNACK and PINGRESP may take */
    msec online_at;     /* CONNACK came */
    msec sent_at, asked_at; /* last packet out; the CONNECT or the oldest open PINGREQ */
    uint32_t pings_sent, pings_answered;

    struct flights flights;

    struct arrivals arrivals;
};

enum mqtt_event {
    MQTT_EVENT_NONE,      /* handled, nothing to tell */
    MQTT_EVENT_CONNECTED, /* p->session_present tells the rest; open requests are sent again */
    MQTT_EVENT_REFUSED,   /* p->code says why; the broker closes */
    MQTT_EVENT_ANSWER,    /* PUBACK, PUBREC, PUBCOMP, SUBACK or UNSUBACK for *owner (never NULL) */
    MQTT_EVENT_PONG,      /* PINGRESP: everything the broker sent before it is here */
    MQTT_EVENT_MESSAGE,   /* a PUBLISH; p->receipt names it when QoS > 0 */
    MQTT_EVENT_VIOLATION  /* the broker may not send this now: close */
};

void mqtt_client_init(struct mqtt_client *c, msec keep_alive, msec answer_timeout);
/* Frees what it holds and begins anew; receipts go on, so that an old one is never taken for a new one. */
void mqtt_client_clear(struct mqtt_client *c);

/* The transport is up: writes CONNECT. */
void mqtt_client_open(struct mqtt_client *c, const struct mqtt_connect *connect, msec now);

/* Nothing was read for a while, by our own will: what is awaited is awaited from now on. */
void mqtt_client_excuse(struct mqtt_client *c, msec now);
/* Is PINGRESP awaited? */
bool mqtt_client_waits(const struct mqtt_client *c);

/* The broker closed the connection. If it did so three times within a minute with the same request next to be
 * answered, each time soon after it had come, that request is poison to it: it is given up, and true. *p is the
 * answer for *owner, with code MQTT_CLOSED_OVER. Call it before mqtt_client_lost. (SN-BRK-7) */
MUST_CHECK bool mqtt_client_blame(struct mqtt_client *c, msec now, struct mqtt_packet *p,
                                  void **owner);

/* The transport is gone. Open requests and arrivals stay for the next one. */
void mqtt_client_lost(struct mqtt_client *c);

/* A packet from the broker (mqtt_decode took care of its form). For a message p->receipt is set. */
enum mqtt_event mqtt_client_receive(struct mqtt_client *c, struct mqtt_packet *p, msec now,
                                    void **owner);

/* A free packet id for a request of `owner`; 0 when all are in use. Never one in use (MQTT-2.3.1-2). */
uint16_t mqtt_client_reserve(struct mqtt_client *c, void *owner);
void mqtt_client_unreserve(struct mqtt_client *c, uint16_t packet_id);

/* Writes a packet. PUBLISH with QoS > 0, SUBSCRIBE and UNSUBSCRIBE carry a reserved id and are remembered until
 * answered, also while offline; PUBLISH with QoS 0 while offline is refused. False: not sent, nothing remembered. */
bool mqtt_client_send(struct mqtt_client *c, const struct mqtt_packet *p, msec now);

/* A QoS 1 or 2 PUBLISH of an earlier run under its old packet id, to be sent again on the next connection; `released`:
 * it got PUBREC, and only PUBREL is. False: no memory, or the id is in use. */
MUST_CHECK bool mqtt_client_restore(struct mqtt_client *c, const struct mqtt_packet *p,
                                    bool released, void *owner);

/* The same packet id for a QoS 2 message of an earlier run that has to wait for its turn. False: as above. */
MUST_CHECK bool mqtt_client_claim(struct mqtt_client *c, uint16_t packet_id, void *owner);

/* Nobody wants it sent again. The broker may have it all the same. */
void mqtt_client_cancel(struct mqtt_client *c, uint16_t packet_id);

/* Nobody waits for it any more. A QoS 2 message that the broker may have half of goes on to its end, since its
 * packet id must not name another one before; all else is cancelled. */
void mqtt_client_disown(struct mqtt_client *c, uint16_t packet_id, msec now);

/* The owner has the request on disk: it is not orphaned, and one at QoS 2 counts as under way from now on. */
void mqtt_client_keep(struct mqtt_client *c, uint16_t packet_id, bool exactly_once);

/* The owner of a QoS 2 message that got PUBREC lets it go: PUBREL. */
void mqtt_client_release(struct mqtt_client *c, uint16_t packet_id, msec now);

/* Nobody waits for the answers to this owner's requests any more; the requests themselves go on. */
void mqtt_client_orphan(struct mqtt_client *c, const void *owner);

/* How many receivers have to take this arrival; it begins with one. 0: nobody, so it is acknowledged. */
void mqtt_client_hold(struct mqtt_client *c, uint32_t receipt, uint32_t holders, msec now);

/* One receiver has taken it: PUBACK or PUBREC when it was the last one. Unknown receipts are ignored: what they named
 * is gone (they are never given twice). */
void mqtt_client_take(struct mqtt_client *c, uint32_t receipt, msec now);

/* The receiver has no room: not acknowledged, and nothing behind it waits for it. */
void mqtt_client_refuse(struct mqtt_client *c, uint32_t receipt, msec now);

/* The receiver of a QoS 2 arrival is through: PUBCOMP as soon as the broker's PUBREL is here. */
void mqtt_client_complete(struct mqtt_client *c, uint32_t receipt, msec now);

void mqtt_client_ping(struct mqtt_client *c, msec now);

/* When mqtt_client_tick wants to be called. MSEC_NEVER while offline. */
msec mqtt_client_deadline(const struct mqtt_client *c);

/* Pings when it is time. False: CONNACK or PINGRESP did not come in time, give the connection up. */
MUST_CHECK bool mqtt_client_tick(struct mqtt_client *c, msec now);
