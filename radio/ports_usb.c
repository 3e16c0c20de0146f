/* ports_usb.c -- what is behind a USB serial port, as far as its ids and its name tell.
 *
 * A few sticks have USB ids of their own. Most are a bridge chip (FTDI, Silicon Labs, WCH) that is found in printers
 * and Arduinos too, told apart only by the product text that the maker wrote into it. So a row is ids and, mostly, a
 * part of that text; the first row that fits counts, narrow rows before wide ones. What no row knows is `unknown`: any
 * driver may be right for it, and only a person can say so. XBee carriers are of that kind, unless they name
 * themselves. */
#include "radio/ports_inside.h"

enum {
    XBEE = 1U << DRIVER_XBEE,
    ZNP = 1U << DRIVER_ZNP,
    EZSP = 1U << DRIVER_EZSP,
    DECONZ = 1U << DRIVER_DECONZ,
    SERIAL = 1U << DRIVER_SERIAL,
    ANYTHING = XBEE | ZNP | EZSP | DECONZ | SERIAL
};

static const struct row {
    uint16_t vendor, id;
    const char *text; /* part of the product or by-id name, spaces as '_', case ignored; NULL = any */
    uint32_t drivers; /* 0 = no driver of ours: never chosen */
    const char *kind;
    enum config_flow flow; /* of what drives it; none unless the row says so */
} rows[] = {
    { 0x0451, 0x16a8, NULL, ZNP, "TI CC2531" },
    { 0x0451, 0x16c8, NULL, ZNP, "TI CC2538" },
    { 0x0451, 0xbef3, NULL, ZNP, "TI LaunchPad" },
    { 0x1cf1, 0x0030, NULL, DECONZ, "ConBee II" },
    { 0x0403, 0x6015, "conbee", DECONZ, "ConBee" },
    { 0x0403, 0x6015, "electrolama", ZNP, "zzh" },
    { 0x303a, 0x831a, NULL, EZSP, "ZBT-2" },
    { 0x303a, 0x4001, "zbt-2", EZSP, "ZBT-2" },
    { 0x1a86, 0x55d4, "sonoff", EZSP, "Sonoff Dongle-E" },
    { 0x10c4, 0xea60, "sonoff_zigbee_3.0_usb_dongle_plus_v2", EZSP, "Sonoff Dongle-E" },
    { 0x10c4, 0xea60, "sonoff_zigbee_3.0_usb_dongle_plus", ZNP, "Sonoff Dongle-P" },
    { 0x10c4, 0xea60, "dongle_max", EZSP, "Sonoff Dongle-M" },
    { 0x10c4, 0xea60, "skyconnect", EZSP, "SkyConnect", FLOW_RTSCTS },
    { 0x10c4, 0xea60, "zbt-1", EZSP, "ZBT-1", FLOW_RTSCTS },
    { 0x10c4, 0xea60, "slzb-06p", ZNP, "SMLIGHT SLZB-06p" },
    { 0x10c4, 0xea60, "slzb-07p", ZNP, "SMLIGHT SLZB-07p" },
    { 0x10c4, 0xea60, "slzb-06m", EZSP, "SMLIGHT SLZB-06M" },
    { 0x10c4, 0xea60, "slzb-07", EZSP, "SMLIGHT SLZB-07", FLOW_RTSCTS },
    { 0x10c4, 0xea60, "slzb-06", ZNP, "SMLIGHT SLZB-06" },
    { 0x10c4, 0xea60, "slae.sh", ZNP, "slae.sh CC2652RB" },
    { 0x10c4, 0xea60, "tubeszb", ZNP, "TubesZB" },
    { 0x1a86, 0x7523, "tubeszb", ZNP, "TubesZB" },
    { 0x1a86, 0x7523, "zigstar", ZNP, "ZigStar" },
    { 0x0403, 0, "xbee", XBEE, "XBee" },
    { 0x10c4, 0, "xbee", XBEE, "XBee" },
    { 0x0403, 0, "zigate", 0, "ZiGate (not supported)" },
    { 0x10c4, 0, "zigate", 0, "ZiGate (not supported)" },
    { 0x067b, 0, "zigate", 0, "ZiGate (not supported)" },
};

/* As udev writes names; ASCII is enough, the table has no other. */
static char folded(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return c == ' ' ? '_' : c;
}

static bool begins_with(const char *text, const char *part)
{
    while (*part && folded(*text) == *part) {
        text++;
        part++;
    }
    return *part == '\0';
}

static bool contains(const char *text, const char *part)
{
    for (; *text; text++) {
        if (begins_with(text, part))
            return true;
    }
    return false;
}

static bool fits(const struct row *row, const struct port *p)
{
    if (p->vendor != row->vendor || (row->id != 0 && p->id != row->id))
        return false;
    return !row->text || contains(p->product, row->text) || contains(p->by_id, row->text);
}

void ports_recognise(struct port *p)
{
    p->kind = p->usb ? "unknown" : "built in";
    p->drivers = p->usb ? ANYTHING : 0;
    for (size_t i = 0; p->usb && i < sizeof rows / sizeof rows[0]; i++) {
        if (fits(&rows[i], p)) {
            p->kind = rows[i].kind;
            p->drivers = rows[i].drivers;
            p->flow = rows[i].flow;
            p->certain = true;
            return;
        }
    }
}
