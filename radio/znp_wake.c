/* znp_wake.c -- the first steps of the bring-up: make the stick answer, and ask who it is.
 *
 * A stick may sit in its boot loader. Octets EF make an old loader go on at once, and fill up a frame that an earlier
 * run left half written. On boards where DTR and RTS drive the loader and reset pins, opening the port may have
 * stopped the firmware, and a certain dance of both starts it. Nothing of this is done to a stick that answers, and
 * the dance never over a network, where there are no such lines. */
#include "radio/znp_steps.h"

#include <stdio.h>

enum {
    PINGS_MAX = 8,
    PING_MS = 500,
    LOADER_MS = 1000,
    LINES_MS = 150,
    LOADER_OCTET = 0xEF,
    LOADER_OCTETS = 256
};

/* ---- waking ------------------------------------------------------------------------------------------------------ */

static enum znp_step take_ping(struct znp *z, const struct znp_message *m)
{
    (void)z, (void)m;
    return ZNP_IDENTIFY;
}

static enum znp_step late_ping(struct znp *z)
{
    z->up.pings++;
    if (z->up.pings == 1)
        return ZNP_SKIP_LOADER;
    if (z->up.pings == 2 && !z->c.network)
        return ZNP_LINES_LOW;
    if (z->up.pings < PINGS_MAX)
        return ZNP_WAKE;
    return znp_step_give_up(z, "no answer to SYS_PING");
}

static enum znp_step late_wake(struct znp *z)
{
    (void)z;
    return ZNP_WAKE;
}

static void begin_skip(struct znp *z)
{
    uint8_t octets[LOADER_OCTETS];
    memset(octets, LOADER_OCTET, sizeof octets);
    coordinator_write(&z->c, span_of(octets, sizeof octets));
}

/* Both off, or RTS on: it drives the reset pin. */
static void begin_low(struct znp *z)
{
    z->c.events->lines(z->c.events->context, false, false);
}

static void begin_reset(struct znp *z)
{
    z->c.events->lines(z->c.events->context, false, true);
}

static enum znp_step late_low(struct znp *z)
{
    (void)z;
    return ZNP_LINES_RESET;
}

static enum znp_step late_reset(struct znp *z)
{
    (void)z;
    return ZNP_LINES_FREE;
}

/* ---- who is it --------------------------------------------------------------------------------------------------- */

const char *znp_firmware_text(const struct znp_message *m, char text[ZNP_FIRMWARE_TEXT])
{
    static const char *const names[] = { "1.2", "3.x.0", "3.0.x" };
    bool known = m->product < sizeof names / sizeof *names;
    int n = snprintf(text, ZNP_FIRMWARE_TEXT, "Z-Stack %s %u.%u.%u",
                     known ? names[m->product] : "of a new kind", m->major, m->minor, m->maintenance);
    if (!m->brief && n > 0 && n < ZNP_FIRMWARE_TEXT)
        snprintf(text + n, ZNP_FIRMWARE_TEXT - (size_t)n, ", revision %lu",
                 (unsigned long)m->revision);
    return text;
}

static enum znp_step take_version(struct znp *z, const struct znp_message *m)
{
    char text[ZNP_FIRMWARE_TEXT];
    if (m->command == ZNP_ERROR)
        return znp_step_give_up(z, "the stick does not know SYS_VERSION");
    z->product = m->product;
    snprintf(z->c.info.firmware, sizeof z->c.info.firmware, "%s", znp_firmware_text(m, text));
    return ZNP_LOOK;
}

static enum znp_step take_device(struct znp *z, const struct znp_message *m)
{
    if (znp_failed(m))
        return znp_step_give_up(z, "the stick does not tell its own address");
    z->c.info.eui64 = m->eui64;
    z->device_state = m->state;
    z->up.item = 0;
    return ZNP_READ;
}

const struct znp_row znp_wake_rows[ZNP_STEPS] = {
    [ZNP_WAKE] = { ZNP_PING, .wait_ms = PING_MS, .take = take_ping, .late = late_ping },
    [ZNP_SKIP_LOADER] = { .wait_ms = LOADER_MS, .begin = begin_skip, .late = late_wake },
    [ZNP_LINES_LOW] = { .wait_ms = LINES_MS, .begin = begin_low, .late = late_low },
    [ZNP_LINES_RESET] = { .wait_ms = LINES_MS, .begin = begin_reset, .late = late_reset },
    [ZNP_LINES_FREE] = { .wait_ms = LINES_MS, .begin = begin_low, .late = late_wake },
    [ZNP_IDENTIFY] = { ZNP_VERSION, .take = take_version },
    [ZNP_LOOK] = { ZNP_DEVICE_INFO, .take = take_device },
};
