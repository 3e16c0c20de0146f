/* radio.h -- what the gateway knows of a radio: something that carries frames to and from addresses.
 *
 * A driver does not know what the bytes mean. Received frames go up through `events`; frames to send are taken at once
 * (copied) and leave at the latest at radio_flush, which the shell calls once at the end of each turn. A radio that can
 * tell says later what became of a frame (`sent`); that is no acknowledgement of the message in it, only a hint about
 * how the node is reached. */
#pragma once

#include "config/config.h"

struct event_base;

enum { ADDRESS_MAX = 44 };

/* Where a client is heard: radio, the driver's own address (opaque above the driver), and, when it stands behind
 * forwarders, a wireless node id for each, the nearest to us first. Bytes beyond the lengths are zero, so that
 * addresses compare with memcmp. */
struct address {
    uint8_t radio;    /* index in the settings */
    uint8_t len;      /* octets of the driver's address at the start of `bytes` */
    uint8_t node_len; /* octets of the node ids behind it, each after its length; 0 = not forwarded */
    uint8_t bytes[ADDRESS_MAX];
    uint8_t zero;
};

/* Its node ids one after the other. False: there are no more. */
static inline struct reader address_nodes(const struct address *a)
{
    return reader_of(span_of(a->bytes + a->len, a->node_len));
}

static inline bool address_next_node(struct reader *nodes, struct span *node)
{
    *node = read_span(nodes, read_u8(nodes));
    return !nodes->failed;
}

/* False: there is no room for it. */
static inline bool address_add_node(struct address *a, struct span node)
{
    size_t used = (size_t)a->len + a->node_len;
    struct writer w = writer_of(a->bytes + used, ADDRESS_MAX - used);
    if (1 + node.len > w.left)
        return false;
    write_u8(&w, (uint8_t)node.len);
    write_span(&w, node);
    a->node_len = (uint8_t)(a->node_len + 1 + node.len);
    return true;
}

enum { LQI_UNKNOWN = -1, RSSI_UNKNOWN = 0 };

/* One frame that was heard. */
struct radio_frame {
    struct span bytes;
    bool broadcast; /* it was sent to all, not to us alone */
    bool sleeper;   /* the radio knows that the node's receiver is off between its polls */
    int16_t lqi;    /* link quality 0..255, or LQI_UNKNOWN */
    int8_t rssi;    /* dBm, or RSSI_UNKNOWN */
};

/* What became of a frame for one node. */
enum radio_sent {
    RADIO_DELIVERED,   /* the node's radio has it */
    RADIO_UNREACHABLE, /* the node is away, asleep, or has no route */
    RADIO_BUSY,        /* the air or the coordinator was full for too long */
    RADIO_TOO_BIG,     /* more octets than the radio carries */
    RADIO_LOST,        /* the radio went away before it was sent */
    RADIO_REFUSED,     /* it was not taken: `dropped` has said so, and why */
    RADIO_SENTS
};

struct radio;

struct radio_events {
    void *context;
    /* A frame came. `frame` and what it points to live until the call returns. */
    void (*heard)(void *context, const struct address *from, const struct radio_frame *frame);
    /* A frame was thrown away below us: too large, or could not be sent. `reason` is a static text. */
    void (*dropped)(void *context, struct radio *r, const char *reason);
    /* A frame was heard and not handed up: it is for somebody else, or nobody can tell whom it is from. */
    void (*ignored)(void *context, struct radio *r, const char *reason);
    /* A frame for `to` came to its end. Only radios that can tell call this, and never from within `send`. */
    void (*sent)(void *context, const struct address *to, enum radio_sent result);
    /* `up` or `payload_limit` of the radio is another now. */
    void (*changed)(void *context, struct radio *r);
};

struct radio_driver {
    const char *name;
    /* Opens at once or says why not in log lines and keeps trying on its own; NULL only when memory ends. `settings`
     * must outlive the radio. `index` is stamped on every address. */
    struct radio *(*open)(struct event_base *loop, const struct config_radio *settings,
                          uint8_t index, const struct radio_events *events);
    /* True: `sent` will say what became of it, once. False: nothing more is heard of it. */
    bool (*send)(struct radio *r, const struct address *to, struct span frame);
    /* To all in reach; `radius` in hops, 0 = the whole network. Does nothing where the radio has no broadcast. */
    void (*broadcast)(struct radio *r, uint8_t radius, struct span frame);
    bool (*can_broadcast)(const struct radio *r);
    /* Do both addresses belong to the same host, apart from the port? (SN-NET-3) */
    bool (*same_host)(const struct address *a, const struct address *b);
    /* How many octets at the start of an address name the host; NULL: all of the driver's own. */
    size_t (*host_len)(const struct address *a);
    /* The address as text, e.g. "127.0.0.1:1884"; node id not included. Returns `line`. */
    const char *(*text)(const struct address *a, char *line, size_t room);
    /* Lets new nodes into the network for so many seconds; NULL where anybody may speak anyway. */
    void (*permit_join)(struct radio *r, uint16_t seconds);
    void (*flush)(struct radio *r);
    void (*close)(struct radio *r);
};

/* Every driver embeds this as its first member. */
struct radio {
    const struct radio_driver *driver;
    const struct config_radio *settings;
    uint8_t index;
    bool up;
    bool advertises; /* it can reach all nodes at once, when it is up: ADVERTISE makes sense */
    uint16_t payload_limit; /* octets of the longest frame that it carries to a node */
    uint16_t window; /* frames that may be under way at once; 0 = it cannot tell, `sent` is never called */
};

/* The driver of a settings value, NULL when this build does not have it yet. */
const struct radio_driver *radio_driver(enum config_driver driver);
