/* radio.h -- what the gateway knows of a radio: something that carries frames to and from addresses.
 *
 * A driver does not know what the bytes mean. Received frames go up through `events`; frames to send are taken at once
 * (copied) and leave at the latest at radio_flush, which the shell calls once at the end of each turn. */
#pragma once

#include "config/config.h"

struct event_base;

enum { ADDRESS_MAX = 44 };

/* Where a client is heard: radio, the driver's own address (opaque above the driver), and, when it stands behind a
 * forwarder, the wireless node id. Bytes beyond the lengths are zero, so that addresses compare with memcmp. */
struct address {
    uint8_t radio;    /* index in the settings */
    uint8_t len;      /* octets of the driver's address at the start of `bytes` */
    uint8_t node_len; /* octets of the node id behind it, 0 = not forwarded */
    uint8_t bytes[ADDRESS_MAX];
    uint8_t zero;
};

struct radio;

struct radio_events {
    void *context;
    /* A frame came. `frame` lives until the call returns. `broadcast`: it was sent to all, not to us alone. */
    void (*heard)(void *context, const struct address *from, struct span frame, bool broadcast);
    /* A frame was thrown away below us: too large, or could not be sent. `reason` is a static text. */
    void (*dropped)(void *context, struct radio *r, const char *reason);
};

struct radio_driver {
    const char *name;
    /* Opens at once or says why not in log lines and keeps trying on its own; NULL only when memory ends. `settings`
     * must outlive the radio. `index` is stamped on every address. */
    struct radio *(*open)(struct event_base *loop, const struct config_radio *settings,
                          uint8_t index, const struct radio_events *events);
    void (*send)(struct radio *r, const struct address *to, struct span frame);
    /* To all in reach; `radius` in hops, 0 = the whole network. Does nothing where the radio has no broadcast. */
    void (*broadcast)(struct radio *r, uint8_t radius, struct span frame);
    bool (*can_broadcast)(const struct radio *r);
    /* Do both addresses belong to the same host, apart from the port? (SN-NET-3) */
    bool (*same_host)(const struct address *a, const struct address *b);
    /* The address as text, e.g. "127.0.0.1:1884"; node id not included. Returns `line`. */
    const char *(*text)(const struct address *a, char *line, size_t room);
    void (*flush)(struct radio *r);
    void (*close)(struct radio *r);
};

/* Every driver embeds this as its first member. */
struct radio {
    const struct radio_driver *driver;
    const struct config_radio *settings;
    uint8_t index;
    bool up;
};

extern const struct radio_driver udp_driver;

/* The driver of a settings value, NULL when this build does not have it yet. */
const struct radio_driver *radio_driver(enum config_driver driver);
