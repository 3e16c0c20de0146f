/* others.h -- the other gateways that were heard: who, where, when (SN-DISC-7). A fixed table; when it is full, the one
 * not heard for longest makes room. */
#pragma once

#include "mqtt/client.h"
#include "radio/radio.h"

enum { OTHERS_MAX = 32 };

struct other {
    uint8_t gateway_id;
    uint16_t duration; /* seconds between two ADVERTISE, as it says */
    struct address at;
    msec heard_at;
};

/* Zero at first. */
struct others {
    struct other list[OTHERS_MAX];
    size_t count;
};

enum others_news {
    OTHERS_KNOWN,
    OTHERS_NEW,
    OTHERS_MOVED /* the same id on the same radio, from another address */
};

/* An ADVERTISE came. */
enum others_news others_heard(struct others *o, const struct other *one);
