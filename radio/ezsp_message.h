/* ezsp_message.h -- the fields of the EZSP commands and callbacks that have more than one or two: both directions,
 * since the gateway writes what the simulator reads, and the other way round.
 *
 * The rules of ezsp_frame.h hold: `version` decides the layout, a reader says false when something is missing. Spans
 * borrow from what is read. The ZDO messages about addresses, which travel as data, are here too. */
#pragma once

#include "radio/ezsp_frame.h"

enum ezsp_aps_option {
    EZSP_APS_RETRY = 0x0040, /* wait for the node's acknowledgement */
    EZSP_APS_ROUTE_DISCOVERY = 0x0100,
    EZSP_APS_ADDRESS_DISCOVERY = 0x1000,
    EZSP_APS_FRAGMENT = 0x8000,
    EZSP_APS_UNICAST = EZSP_APS_RETRY | EZSP_APS_ROUTE_DISCOVERY | EZSP_APS_ADDRESS_DISCOVERY
};

struct ezsp_aps {
    uint16_t profile, cluster;
    uint8_t source, destination; /* endpoints */
    uint16_t options, group;
    uint8_t sequence;
};

/* sendUnicast and sendBroadcast; the radius is the latter's. */
struct ezsp_transmission {
    uint16_t to;
    struct ezsp_aps aps;
    uint8_t radius;
    uint16_t tag; /* comes back in messageSentHandler; one octet up to version 13 */
    struct span data;
};

/* messageSentHandler */
struct ezsp_sent {
    uint8_t type;
    uint16_t to;
    struct ezsp_aps aps;
    uint16_t tag;
    enum ezsp_status status;
    uint32_t code; /* the status as it came */
    struct span data;
};

enum ezsp_type {
    EZSP_UNICAST = 0,
    EZSP_MULTICAST = 2,
    EZSP_MULTICAST_LOOPBACK = 3,
    EZSP_BROADCAST = 4,
    EZSP_BROADCAST_LOOPBACK = 5,
    EZSP_ROUTE_REQUEST = 6
};

/* incomingMessageHandler */
struct ezsp_incoming {
    uint8_t type;
    struct ezsp_aps aps;
    uint8_t lqi;
    int8_t rssi;
    uint16_t from;
    uint64_t eui64; /* from version 14 on; 0 before */
    uint8_t binding, address;
    uint32_t timestamp; /* from version 14 on */
    struct span data;
};

/* The parameters of formNetwork and getNetworkParameters. */
struct ezsp_network {
    uint64_t extended_pan_id;
    uint16_t pan_id;
    int8_t power;
    uint8_t channel, join_method;
    uint16_t manager;
    uint8_t update_id;
    uint32_t channels;
};

enum {
    EZSP_SECURITY_BITMASK = 0x0B04
}; /* global link key, both keys given, the network key always encrypted */

struct ezsp_security {
    uint16_t bitmask;
    uint8_t link_key[EZSP_KEY], network_key[EZSP_KEY];
    uint8_t sequence;
    uint64_t trust_centre;
};

enum ezsp_update { EZSP_SECURED_REJOIN, EZSP_JOINED, EZSP_LEFT, EZSP_UNSECURED_REJOIN };

/* trustCenterJoinHandler */
struct ezsp_join {
    uint16_t nwk;
    uint64_t eui64;
    uint8_t update, decision;
    uint16_t parent;
};

enum { EZSP_NODE_COORDINATOR = 1, EZSP_NODE_SLEEPY = 4 };

/* childJoinHandler: a node became a child of the coordinator, or is it no more. */
struct ezsp_child {
    uint8_t index;
    bool joining;
    uint16_t nwk;
    uint64_t eui64;
    uint8_t type;
};

/* addEndpoint, with one cluster each way. */
struct ezsp_endpoint {
    uint8_t endpoint;
    uint16_t profile, device;
    uint8_t version;
    uint16_t cluster;
};

MUST_CHECK bool ezsp_read_unicast(struct span params, uint8_t version, struct ezsp_transmission *t);
void ezsp_write_unicast(const struct ezsp_transmission *t, uint8_t version, struct writer *w);
MUST_CHECK bool ezsp_read_broadcast(struct span params, uint8_t version, struct ezsp_transmission *t);
void ezsp_write_broadcast(const struct ezsp_transmission *t, uint8_t version, struct writer *w);
MUST_CHECK bool ezsp_read_sent(struct span params, uint8_t version, struct ezsp_sent *s);
void ezsp_write_sent(const struct ezsp_sent *s, uint8_t version, struct writer *w);
MUST_CHECK bool ezsp_read_incoming(struct span params, uint8_t version, struct ezsp_incoming *in);
void ezsp_write_incoming(const struct ezsp_incoming *in, uint8_t version, struct writer *w);

void ezsp_read_network(struct reader *r, struct ezsp_network *n);
void ezsp_write_network(struct writer *w, const struct ezsp_network *n);
MUST_CHECK bool ezsp_read_security(struct span params, struct ezsp_security *s);
void ezsp_write_security(const struct ezsp_security *s, struct writer *w);
MUST_CHECK bool ezsp_read_join(struct span params, struct ezsp_join *j);
void ezsp_write_join(const struct ezsp_join *j, struct writer *w);
MUST_CHECK bool ezsp_read_child(struct span params, struct ezsp_child *c);
void ezsp_write_child(const struct ezsp_child *c, struct writer *w);
MUST_CHECK bool ezsp_read_endpoint(struct span params, struct ezsp_endpoint *e);
void ezsp_write_endpoint(const struct ezsp_endpoint *e, struct writer *w);

/* ---- ZDO: messages between endpoints 0 in profile 0 ---- */
enum ezsp_zdo_cluster {
    EZSP_ZDO_IEEE_ADDRESS = 0x0001,
    EZSP_ZDO_DEVICE_ANNOUNCE = 0x0013,
    EZSP_ZDO_IEEE_ADDRESS_ANSWER = 0x8001
};
enum { EZSP_ZDO_SUCCESS = 0, EZSP_ZDO_RECEIVER_ALWAYS_ON = 0x08 };

struct ezsp_zdo {
    uint8_t sequence;
    uint8_t status; /* of an answer */
    uint64_t eui64;
    uint16_t nwk;
    uint8_t capability; /* of an announcement */
};

/* The request has only sequence and nwk. */
MUST_CHECK bool ezsp_read_zdo(struct span data, uint16_t cluster, struct ezsp_zdo *a);
void ezsp_write_zdo(const struct ezsp_zdo *a, uint16_t cluster, struct writer *w);
