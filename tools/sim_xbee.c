/* sim_xbee.c -- the stick side of Digi's API mode: a simulated XBee S2C, blank or coordinator of its network.
 *
 * It has what the real one has: registers that AT commands read and write, some of which make it leave its network
 * and form a new one 5 s later; commands that are queued until AC; 8 buffers for frames to nodes, and a Transmit
 * Status for each with a frame id. What was not saved is lost at a reset, the network is not.
 *
 * --stick-option 2: frames are escaped (API mode 2). */
#include "tools/sim_xbee_inside.h"

#include <stdio.h>

enum {
    BOOT_MS = 300,  /* until the network of before is up again */
    FORM_MS = 5000, /* after the last change */
    CHANNEL_FIRST = 11,
    CHANNEL_USUAL = 15
};

enum { MODEM_RESET = 0x00, MODEM_WATCHDOG = 0x01, MODEM_LEFT = 0x03, MODEM_STARTED = 0x06 };
enum { AT_OK, AT_ERROR, AT_NO_COMMAND, AT_BAD_VALUE };

/* Keys are kept elsewhere. */
static const struct reg_row {
    char command[3];
    uint8_t octets;  /* at most; more than 8: a key, write-only */
    bool of_network; /* changed, it leaves and forms anew */
    uint64_t factory;
} regs[WRITABLE] = {
    [CE] = { "CE", 1, true },        [ID] = { "ID", 8, true },  [SC] = { "SC", 2, true, 0x3FFF },
    [ZS] = { "ZS", 1, true },        [EE] = { "EE", 1, true },  [EO] = { "EO", 1, true },
    [NJ] = { "NJ", 1, false, 0xFE }, [AO] = { "AO", 1 },        [SP] = { "SP", 2, false, 0x20 },
    [SN] = { "SN", 2, false, 1 },    [KY] = { "KY", 16, true }, [NK] = { "NK", 16, true },
};

/* ---- to the host -------------------------------------------------------------------------------------------- */

void sim_xbee_say(struct stick *s, const struct xbee_frame *f)
{
    uint8_t room[XBEE_WIRE_MAX];
    struct writer w = writer_of(room, sizeof room);
    xbee_frame_write(&w, s->mode, f);
    if (!w.failed)
        s->s.world->write(s->s.world->context, span_of(room, sizeof room - w.left));
}

static void say_modem(struct stick *s, uint8_t status)
{
    sim_xbee_say(s, &(struct xbee_frame){ .type = XBEE_MODEM_STATUS, .status = status });
}

/* ---- its network -------------------------------------------------------------------------------------------- */

static uint8_t channel_of(uint64_t mask)
{
    if (mask == 0 || mask >> (CHANNEL_USUAL - CHANNEL_FIRST) & 1)
        return CHANNEL_USUAL;
    return (uint8_t)(CHANNEL_FIRST + __builtin_ctzll(mask));
}

/* Ids that nobody gave are made of what differs between two networks: the module and the time. */
static void form(struct stick *s, msec now)
{
    struct sim_network *n = s->s.network;
    const uint64_t made = (s->s.eui64 ^ now * 0x9E3779B97F4A7C15u) | 1;
    if (n->formed)
        say_modem(s, MODEM_LEFT);
    n->formed = true;
    n->channel = channel_of(s->now_value[SC]);
    n->extended_pan_id = s->now_value[ID] ? s->now_value[ID] : made;
    n->pan_id = (uint16_t)(1 + made % 0xFFF0);
    memcpy(n->key, s->key, sizeof n->key);
    s->association = ASSOCIATED;
    say_modem(s, MODEM_STARTED);
}

static void boot(struct stick *s, uint8_t cause, msec now)
{
    const struct sim_network *n = s->s.network;
    memcpy(s->now_value, s->saved, sizeof s->saved);
    memset(s->queue, 0, sizeof s->queue);
    memset(s->buffers, 0, sizeof s->buffers);
    s->association = INITIALISING;
    s->form_at = MSEC_NEVER;
    s->boot_at = now + BOOT_MS;
    xbee_reader_init(&s->reader, s->mode);
    if (n->formed) {
        s->now_value[CE] = 1;
        s->now_value[ID] = n->extended_pan_id;
    }
    say_modem(s, cause);
}

static void is_booted(struct stick *s, msec now)
{
    s->boot_at = MSEC_NEVER;
    if (s->s.network->formed) {
        s->association = ASSOCIATED;
        say_modem(s, MODEM_STARTED);
    } else {
        s->association = NO_PAN_FOUND;
        s->form_at = s->now_value[CE] ? now + FORM_MS : MSEC_NEVER;
    }
}

static void tick(struct sim_stick *stick, msec now)
{
    struct stick *s = stick_of(stick);
    if (now >= s->boot_at)
        is_booted(s, now);
    if (now >= s->form_at) {
        s->form_at = MSEC_NEVER;
        form(s, now);
    }
}

static msec deadline(const struct sim_stick *stick)
{
    const struct stick *s = (const struct stick *)stick;
    return s->boot_at < s->form_at ? s->boot_at : s->form_at;
}

/* ---- AT commands -------------------------------------------------------------------------------------------- */

static void apply(struct stick *s, enum reg r, uint64_t value, msec now)
{
    s->now_value[r] = value;
    if (r == NJ)
        s->s.world->permit_join(s->s.world->context, (uint8_t)value);
    if (regs[r].of_network)
        s->form_at = s->now_value[CE] ? now + FORM_MS : MSEC_NEVER;
}

static void apply_queue(struct stick *s, msec now)
{
    for (enum reg r = 0; r < WRITABLE; r++)
        if (s->queue[r].queued)
            apply(s, r, s->queue[r].value, now);
    memset(s->queue, 0, sizeof s->queue);
}

static uint8_t write_register(struct stick *s, enum reg r, const struct xbee_frame *f, msec now)
{
    if (f->data.len > regs[r].octets)
        return AT_BAD_VALUE;
    if (r == NK) {
        memset(s->key, 0, sizeof s->key);
        memcpy(s->key + sizeof s->key - f->data.len, f->data.at, f->data.len);
    }
    s->queue[r] = (struct written){ true, xbee_value(f->data) };
    if (f->type == XBEE_AT)
        apply_queue(s, now);
    return AT_OK;
}

struct reading {
    uint64_t value;
    uint8_t octets;
};

/* What can only be read. */
static bool read_fixed(const struct stick *s, uint16_t command, struct reading *out)
{
    const struct sim_network *n = s->s.network;
    const bool up = s->association == ASSOCIATED;
    const struct {
        char command[3];
        uint8_t octets;
        uint64_t value;
    } rows[] = {
        { "VR", 2, 0x405F },
        { "HV", 2, 0x1E46 },
        { "NP", 2, 255 },
        { "AP", 1, s->mode },
        { "SH", 4, s->s.eui64 >> 32 },
        { "SL", 4, s->s.eui64 & UINT32_MAX },
        { "MY", 2, up ? 0 : NWK_UNKNOWN },
        { "AI", 1, s->association },
        { "OI", 2, up ? n->pan_id : 0xFFFF },
        { "OP", 8, n->formed ? n->extended_pan_id : 0 },
        { "CH", 1, up ? n->channel : 0 },
        { "NH", 1, 0x1E },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (XBEE_COMMAND(rows[i].command[0], rows[i].command[1]) != command)
            continue;
        *out = (struct reading){ rows[i].value, rows[i].octets };
        return true;
    }
    return false;
}

static enum reg reg_of(uint16_t command)
{
    enum reg r = 0;
    while (r < WRITABLE && XBEE_COMMAND(regs[r].command[0], regs[r].command[1]) != command)
        r++;
    return r;
}

static void answer(struct stick *s, const struct xbee_frame *to, uint8_t status, struct reading got)
{
    uint8_t octets[8];
    for (size_t i = 0; i < got.octets; i++)
        octets[i] = (uint8_t)(got.value >> 8 * (got.octets - 1u - i));
    if (to->id != 0)
        sim_xbee_say(s, &(struct xbee_frame){ .type = XBEE_AT_RESPONSE,
                                              .id = to->id,
                                              .command = to->command,
                                              .status = status,
                                              .data = span_of(octets, got.octets) });
}

/* Commands that are neither read nor written but done. */
static bool do_command(struct stick *s, const struct xbee_frame *f, msec now)
{
    const struct reading nothing = { 0 };
    if (f->command == XBEE_COMMAND('A', 'C'))
        apply_queue(s, now);
    else if (f->command == XBEE_COMMAND('W', 'R'))
        memcpy(s->saved, s->now_value, sizeof s->saved);
    else if (f->command != XBEE_COMMAND('F', 'R'))
        return false;
    answer(s, f, AT_OK, nothing);
    if (f->command == XBEE_COMMAND('F', 'R'))
        boot(s, MODEM_RESET, now);
    return true;
}

static void command(struct stick *s, const struct xbee_frame *f, msec now)
{
    const enum reg r = reg_of(f->command);
    struct reading got = { 0 };
    uint8_t status = AT_OK;
    if (do_command(s, f, now))
        return;
    if (r == WRITABLE && !read_fixed(s, f->command, &got))
        status = AT_NO_COMMAND;
    else if (r == WRITABLE)
        status = f->data.len > 0 ? AT_ERROR : AT_OK;
    else if (f->data.len > 0)
        status = write_register(s, r, f, now);
    else if (regs[r].octets <= 8)
        got = (struct reading){ s->now_value[r], regs[r].octets };
    answer(s, f, status, got);
}

/* ---- from the host ------------------------------------------------------------------------------------------ */

static void take(struct stick *s, const struct xbee_frame *f, msec now)
{
    char line[80];
    if (f->type == XBEE_AT || f->type == XBEE_AT_QUEUE) {
        command(s, f, now);
    } else if (f->type == XBEE_TRANSMIT || f->type == XBEE_TRANSMIT_EXPLICIT) {
        sim_xbee_transmit(s, f, now);
    } else {
        snprintf(line, sizeof line, "frame of type %02x ignored", f->type);
        s->s.world->log(s->s.world->context, line);
    }
}

static void hear(struct sim_stick *stick, struct span bytes, msec now)
{
    struct stick *s = stick_of(stick);
    struct reader in = reader_of(bytes);
    struct xbee_frame f;
    while (xbee_reader_next(&s->reader, &in, &f))
        take(s, &f, now);
}

/* It says nothing of nodes that join, unless they introduce themselves. */
static void joined(struct sim_stick *stick, uint64_t eui64, uint16_t nwk, msec now)
{
    (void)stick, (void)eui64, (void)nwk, (void)now;
}

static void plug(struct sim_stick *stick, msec now)
{
    struct stick *s = stick_of(stick);
    s->mode = stick->option == XBEE_ESCAPED ? XBEE_ESCAPED : XBEE_PLAIN;
    for (enum reg r = 0; r < WRITABLE; r++)
        s->saved[r] = regs[r].factory;
    s->saved[EE] = stick->network->formed;
    boot(s, MODEM_RESET, now);
}

static void reset(struct sim_stick *stick, msec now)
{
    boot(stick_of(stick), MODEM_WATCHDOG, now);
}

const struct sim_family sim_xbee = {
    .name = "xbee",
    .size = sizeof(struct stick),
    .baud = 57600,
    .plug = plug,
    .hear = hear,
    .tick = tick,
    .deadline = deadline,
    .receive = sim_xbee_receive,
    .outcome = sim_xbee_outcome,
    .joined = joined,
    .reset = reset,
};
