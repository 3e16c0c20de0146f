/* zigbee_inside.h -- what the two files of the ZigBee radio share: zigbee.c is what the gateway calls,
 * zigbee_below.c what the line and the family's machine call. Nobody else includes it. */
#pragma once

#include "radio/clock.h"
#include "radio/lineup.h"
#include "radio/serial.h"
#include "radio/zigbee.h"

enum { ZIGBEE_SAMPLE = 12 };

struct zigbee {
    struct radio radio;
    struct radio_events events;
    struct coordinator_events below;
    struct coordinator *c;
    struct neighbours *neighbours;
    struct lineup *lineup;
    struct serial *serial;
    struct event *timer;
    msec armed;
    bool restart; /* asked for by the machine: when it has returned */
    char restart_why[COORDINATOR_TEXT];
    size_t baud;                   /* index of the speed tried now, when the settings name none */
    bool told;                     /* that nothing on this line makes sense */
    bool was_up;                   /* once; so that permit_join at start is done once */
    uint8_t sample[ZIGBEE_SAMPLE]; /* the first octets since the line was opened */
    size_t sample_len;
};

/* ---- zigbee_below.c ---- */
extern const struct serial_events zigbee_serial_events;           /* without context */
extern const struct coordinator_events zigbee_coordinator_events; /* likewise */

/* After anything happened: does what the machine asked for, sends what may go, sets the timer. */
void zigbee_settle(struct zigbee *z, msec now);
void zigbee_on_time(int fd, short what, void *context);

/* ---- zigbee.c ---- */
struct address zigbee_address(const struct zigbee *z, uint64_t eui64);
void zigbee_drop(struct zigbee *z, const char *reason);
