/* ports.h -- the serial ports of this machine: how they are called, what is plugged in, and which drivers it suits.
 *
 * Nothing is opened to find out: opening a port raises its modem lines, which resets some of the devices. */
#pragma once

#include "config/config.h"

#include <stdio.h>

/* Where to look; tests build a tree of their own. */
struct ports_roots {
    const char *dev, *sys;
};
extern const struct ports_roots ports_system; /* /dev and /sys */

enum { PORTS_MAX = 32, PORT_PATH = 320 };

struct port {
    char device[PORT_PATH]; /* "/dev/ttyUSB0": another one after the next unplugging */
    char by_id[PORT_PATH];  /* "/dev/serial/by-id/...": always the same; "" = it has none */
    char product[128];      /* what the device calls itself; "" = nothing */
    bool usb;               /* the next three mean something */
    uint16_t vendor, id;
    uint8_t interface;
    const char *kind; /* for people: "Sonoff Dongle-E", "unknown USB bridge" */
    uint32_t drivers; /* that can drive it: 1u << enum config_driver */
    bool certain;     /* it is recognised; else it is a bridge that may have anything behind it */
    enum config_flow flow; /* that its firmware is built for, as far as it is known */
};

struct ports {
    struct port at[PORTS_MAX];
    size_t count;
};

/* All ports, those with a USB id first, then by name. Ports beyond PORTS_MAX are left out. */
void ports_list(const struct ports_roots *roots, struct ports *out);

/* What belongs into the settings: the by-id name where there is one, else the device. */
const char *port_path(const struct port *p);

/* The port that `path` leads to, over whatever links; NULL: it is not in the list. */
const struct port *ports_find(const struct ports *ports, const char *path);

/* `port: auto`: the one port that fits. One that is recognised goes before bridges that may be anything; built-in ports
 * are never chosen. With PORTS_NONE and PORTS_MANY *chosen is untouched. */
enum ports_error { PORTS_OK, PORTS_NONE, PORTS_MANY };
MUST_CHECK enum ports_error ports_choose(const struct ports *ports, enum config_driver driver,
                                         const struct port **chosen);

/* The paths of the ports that fit `driver`, as ports_choose sees it, in a line: "A, B and C"; "" = none. Cut where the
 * room ends. Returns `line`. */
const char *ports_fitting(const struct ports *ports, enum config_driver driver, char *line,
                          size_t room);
/* Likewise of all USB ports. */
const char *ports_present(const struct ports *ports, char *line, size_t room);

/* The table of `mqttsn-gateway --list-ports`. */
void ports_print(const struct ports *ports, FILE *out);
