/* access.h -- what a client may do, by the row of the `clients` table that matches its id. */
#pragma once

#include "mqtt/client.h"
#include "mqttsn/message.h"

enum access_tolerance {
    ACCESS_HALF,
    ACCESS_SPEC
}; /* how late a sign of life may come: SN-PING-2 */

/* Filters with {client} in them; NULL = every topic. */
struct access_filters {
    const char *const *list;
    size_t count;
};

/* One row, as the core needs it. Borrowed from the settings; a reload gives the session a new one. */
struct access {
    bool allow, strict_sleep, sleep_qos0, will_on_takeover, strict_client_id, reject_zero_keepalive;
    bool probe; /* an active client that is silent is sent PINGREQ before it is lost: SN-PING-3 */
    bool will_reconnect; /* the broker hears of a will that was changed: SN-WILL-10 */
    bool wake_resume;    /* flags of a CONNECT from asleep are ignored: SN-SLP-12 */
    enum access_tolerance tolerance;
    uint16_t awake_extra; /* SN-SLP-8 */
    struct access_filters publish, subscribe;
};

/* What PUBLISH with QoS -1 may do, from whomever it comes (SN-M1-4, -5). */
struct minus_one {
    bool retain;
    bool long_topic; /* with topic id type 0 the topic id is the length of a name that stands before the data */
};

/* Limits of a session; one object for all, owned by the shell, which may change it (reload). */
struct limits {
    unsigned retry_factor; /* percent; each retransmission waits so much of the one before, at most a minute */
    msec broker_grace; /* how long an active client stays without its own broker connection; 0 = for ever */
    bool queue_drop_oldest; /* what a full sleep queue does when QoS 0 messages are not enough */
    uint8_t uplink_qos0;    /* enum uplink_qos0 */
    size_t uplink_memory;   /* octets of QoS 0 messages that wait for the broker */
    msec uplink_ttl;
    uint32_t topics, subscriptions, queue_messages, retry_count, inflight_in, max_client_id;
    size_t queue_bytes, uplink_bytes;
    msec queue_ttl, retry, wait, connect_timeout, max_idle, session_expiry, qos2_expiry;
    struct minus_one minus_one;
};

/* May this CONNECT be served at all? MQTTSN_ACCEPTED, or the code for CONNACK (SN-CONN-4, -5, -6). Needs no session. */
enum mqttsn_return_code access_admit(const struct access *a, const struct limits *l,
                                     const struct mqttsn_message *m);

bool access_publish(const struct access *a, struct span client_id, struct span topic);
bool access_subscribe(const struct access *a, struct span client_id, struct span filter);

/* How long after its last sign of life a client that promised one every `duration_s` seconds is lost. */
msec access_patience(const struct access *a, uint16_t duration_s);
