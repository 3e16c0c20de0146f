/* config.h -- the settings, read, checked and complete.
 *
 * One option table (config.c) names each setting once: path, type, default, range, help. The reader, the checks,
 * --print-config, the sample file and the manual page all walk it, so that they cannot disagree. Whoever holds a
 * `struct config` may trust it: every value is in range, every default filled in, every topic valid. */
#pragma once

#include "mqtt/topic.h"

#include <stdio.h>

enum config_driver {
    DRIVER_UDP,
    DRIVER_DTLS,
    DRIVER_XBEE,
    DRIVER_ZNP,
    DRIVER_EZSP,
    DRIVER_DECONZ,
    DRIVER_SERIAL
};
enum config_mode { MODE_TRANSPARENT, MODE_AGGREGATE };
enum config_level { LEVEL_ERROR, LEVEL_WARN, LEVEL_INFO, LEVEL_DEBUG, LEVEL_TRACE };
enum config_tolerance {
    TOLERANCE_HALF,
    TOLERANCE_SPEC
}; /* 1.5 x always, or section 7.2: 1.1 x above a minute */
enum config_wake { WAKE_HONOUR, WAKE_RESUME }; /* flags of a CONNECT from asleep: SN-SLP-12 */
enum config_will_update { WILL_UPDATE_KEEP, WILL_UPDATE_RECONNECT }; /* SN-WILL-10 */
enum config_rebind {
    REBIND_ANY,
    REBIND_SAME_IP,
    REBIND_DENY
}; /* may a new address take a session? SN-NET-3 */
enum config_overflow { OVERFLOW_NEWEST, OVERFLOW_OLDEST }; /* which one a full sleep queue drops */
enum config_qos0 { QOS0_NONE, QOS0_MEMORY, QOS0_LATEST };  /* while the broker is away */
enum config_flow { FLOW_NONE, FLOW_RTSCTS, FLOW_XONXOFF };
enum config_framing { FRAMING_RAW, FRAMING_SLIP, FRAMING_SLIP_CRC16 };
enum config_form {
    FORM_BLANK, /* only where the coordinator has no network */
    FORM_NEVER,
    FORM_REPLACE /* also over a network that does not match the settings: its nodes are lost */
};
enum config_gwinfo {
    GWINFO_BROADCAST,
    GWINFO_UNICAST,
    GWINFO_BOTH /* nodes that sleep get it unicast only */
};

/* "host:port" of a setting, taken apart. IPv6 hosts come without brackets. */
struct config_endpoint {
    const char *host;
    uint16_t port;
};

struct config_radio {
    const char *name;
    enum config_driver driver;
    struct config_endpoint listen;    /* udp; host is a literal address */
    struct config_endpoint multicast; /* host NULL: none; port defaulted to that of listen */
    const char *interface;            /* "" = that of the listen address */
    bool forwarders, assign_client_id;
    uint8_t forwarder_depth; /* forwarders behind one another, SN-FWD-5 */
    const char *const *forwarders_from; /* NULL = any; else `forwarders_from_count` hosts as the driver writes them */
    size_t forwarders_from_count;
    uint16_t max_message; /* octets of one frame, either way; SN-FRM-9, SN-FRM-11. 0 = what the radio reports */
    enum config_gwinfo gwinfo; /* how SEARCHGW is answered */
    uint32_t clients;          /* sessions here at most, SN-CONN-13; 0 = no limit of its own */

    /* all but udp and dtls */
    const char *port; /* absolute path or tcp://host:port; "auto" = the one port that fits the driver; "" for udp */
    uint32_t baud; /* 0 = find out */
    enum config_flow flow_control;
    enum config_framing framing; /* serial */

    /* xbee, znp, ezsp, deconz */
    uint16_t profile, cluster;
    uint8_t endpoint;             /* ours, and that of nodes that were not heard yet */
    bool any_endpoint;            /* take frames for other endpoints too */
    uint8_t channel;              /* 11..26; 0 = as the coordinator has it */
    uint16_t pan_id;              /* 0 = any */
    uint64_t extended_pan_id;     /* 0 = any */
    const char *network_key_file; /* 32 hex digits; made when absent; "" = not kept */
    enum config_form form;
    bool security;          /* xbee: form with encryption */
    uint16_t permit_join_s; /* at start; at most 254 */
    uint64_t broadcast_pace_ms;
    uint16_t queue, queue_per_node; /* frames that wait for the radio */
};

struct config_broker {
    const char *url; /* as written, for messages */
    bool tls;
    struct config_endpoint address;
    enum config_mode mode;
    const char *username, *password_file, *ca_file, *cert_file, *key_file; /* "" = none */
    struct span password;    /* what password_file held, without its final newline */
    const char *server_name; /* defaulted to the host of the url */
    const char *alpn;
    uint16_t keepalive_s;
    const char *prefix;
    uint8_t max_qos; /* 1 or 2, SN-PUB-5 */
    bool retain;     /* SN-PUB-7 */
};

/* One predefined topic id. Sorted by client ("*" first, then octet order), then id; no two alike. */
struct config_topic {
    const char *client; /* "*" = every client */
    uint16_t id;        /* 1..65534 */
    const char *topic;  /* may hold {client} */
};

struct config_client {
    const char *match; /* glob over the client id, as fnmatch(3) without flags */
    bool allow;
    enum config_mode mode;      /* defaulted to broker.mode */
    const char *const *publish; /* NULL = all; else `publish_count` filters, which may hold {client} */
    const char *const *subscribe; /* likewise */
    size_t publish_count, subscribe_count;
    const char *username, *password_file; /* "" = those of the broker section */
    struct span password;
    enum config_tolerance tolerance;
    enum config_wake wake_connect;
    enum config_will_update will_update;
    enum config_rebind address_change, wake_address_change; /* while active; while asleep */
    bool probe, strict_sleep, sleep_qos0, will_on_takeover, strict_client_id, reject_zero_keepalive;
    uint16_t awake_extra; /* awake_max: messages beyond those queued at wake-up (SN-SLP-8) */
};

struct config_limits {
    uint32_t clients, topics_per_client, subscriptions_per_client;
    struct {
        uint32_t messages;
        uint64_t bytes, ttl_ms;
        enum config_overflow overflow;
    } sleep_queue;
    struct {
        uint64_t bytes, ttl_ms, memory;
        enum config_qos0 qos0;
        uint32_t rate; /* messages per second, when the broker is back */
    } uplink_queue;
    struct {
        uint64_t interval_ms;
        uint32_t count;
        uint32_t factor; /* percent: T_RETRY grows by it, SN-RTX-3 */
    } retry;
    uint64_t broker_grace_ms;    /* SN-BRK-1; 0 = for ever */
    uint64_t wait_ms;            /* T_WAIT, after a client said "congestion" */
    uint64_t connect_timeout_ms; /* SN-CONN-3 */
    uint64_t max_idle_ms;        /* keep-alive 0, SN-CONN-6 */
    uint64_t session_expiry_ms;  /* SN-SES-8 */
    uint64_t qos2_expiry_ms;     /* SN-RTX-8 */
    uint32_t inflight_in;        /* SN-PUB-12, at most 8 */
    uint32_t max_client_id;      /* octets, SN-CONN-5 */
    uint32_t reconnects;         /* transparent connections dialled again per second */
    uint32_t stranger_replies;   /* answers per second to addresses without a session, in all */
    uint32_t clients_per_source; /* a source is a host, a forwarder or a ZigBee node; 0 = no limit, all of these */
    uint32_t connects, connects_per_source; /* of clients without a session, per second; SN-CONN-13 */
    uint32_t connecting;                    /* clients without their CONNACK at once; SN-CONN-13 */
    uint32_t frames_per_source;             /* per second */
    uint32_t qos_minus_one,
        qos_minus_one_per_source; /* from addresses without a session, per second; SN-M1-6 */
};

struct config {
    const char *path; /* the file, NULL for built-in defaults */
    struct {
        uint8_t id;
        const char *name;
        bool status; /* SN-GW-6 */
        uint64_t advertise_ms;
        uint8_t stand_by_for, stand_by_after; /* SN-DISC-4; for 0: nobody */
        const char *state;
    } gateway;
    struct config_radio *radios;
    size_t radio_count;
    struct config_broker broker;
    struct config_topic *topics;
    size_t topic_count;
    struct config_client *clients; /* first match wins */
    size_t client_count;
    struct config_client default_client; /* for an id that no row matches */
    bool qos_minus_one, qos_m1_retain, qos_m1_long_topic;
    struct config_limits limits;
    struct {
        const char *listen, *token_file;
    } admin;
    struct {
        enum config_level level;
        bool json;
    } log;
};

/* Reads `path` (NULL: the built-in defaults) and everything it names: topics_file, password files. Every mistake is
 * written to `mistakes`, a line each, `file:line:column: what is wrong, what would be right`. Returns the settings, for
 * config_free, or NULL when there was any mistake; never settings with a mistake left out. */
MUST_CHECK struct config *config_load(const char *path, FILE *mistakes);

/* The same from memory; `name` stands for the file in messages, and relative file names in it are not followed out of
 * their folder. For tests and the fuzzer. */
MUST_CHECK struct config *config_parse(const char *name, struct span yaml, FILE *mistakes);

void config_free(struct config *c);

/* Every effective setting as YAML with, beside each, where it came from; secrets hidden. */
void config_print(const struct config *c, FILE *out);

/* Is anything of `section` ("radios", "broker", "limits", ...) another in `b` than in `a`? Files are compared by
 * name. */
bool config_section_differs(const struct config *a, const struct config *b, const char *section);

/* The first row that matches, or the default one. Never NULL. */
const struct config_client *config_client(const struct config *c, const char *client_id);

/* The sample settings file, and the SETTINGS section of the manual page, made from the option table. */
void config_print_sample(FILE *out);
void config_print_manual(FILE *out);
