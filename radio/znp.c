/* znp.c -- TI's Z-Stack on a stick of its own, spoken to over a serial line: the family as the radio sees it.
 *
 * Everything the stick sends is either the answer to our one request under way (znp_request.c) or an indication,
 * which a table below hands to whoever it concerns. The bring-up is in znp_start.c and the files it names, frames
 * under way in znp_send.c, frames that came in znp_hear.c.
 *
 * Time matters in four places, whose earliest deadline is ours: an answer that does not come, a step of the bring-up,
 * a frame under way, and a line that fell silent: in the middle of what looked like a frame, or for so long that the
 * stick is asked whether it is still there. */
#include "radio/znp.h"

#include "radio/znp_machine.h"

#include <stdio.h>

enum {
    SILENCE_MS = 10000, /* then a ping */
    GAP_MS = 250,       /* within a frame, at most */
    KIND = 0xE000,
    SRSP = 0x6000,
    AREQ = 0x4000
};

static struct znp *znp_of(struct coordinator *c)
{
    return (struct znp *)c;
}

void znp_write(struct znp *z, const struct znp_message *m)
{
    uint8_t room[ZNP_FRAME_MAX];
    struct writer w = writer_of(room, sizeof room);
    znp_encode(m, &w);
    coordinator_write(&z->c, span_of(room, sizeof room - w.left));
}

void znp_give_up(struct znp *z, const char *why)
{
    z->stopped = true;
    coordinator_restart(&z->c, "%s", why);
}

/* ---- what the stick says by itself ------------------------------------------------------------------------------- */

static void on_nwk_found(struct znp *z, const struct znp_message *m, msec now)
{
    znp_hear_found(z, m, now);
    znp_send_found(z, m, now);
}

static void on_left(struct znp *z, const struct znp_message *m, msec now)
{
    (void)now;
    znp_hear_left(z, m);
}

static void on_commissioned(struct znp *z, const struct znp_message *m, msec now)
{
    (void)now;
    coordinator_log(&z->c, LEVEL_DEBUG, "commissioning: status %u, mode %u", m->status, m->mode);
}

static const struct indication {
    uint16_t command;
    void (*run)(struct znp *z, const struct znp_message *m, msec now);
} indications[] = {
    { ZNP_INCOMING, znp_hear_incoming },   { ZNP_INCOMING_EXT, znp_hear_incoming },
    { ZNP_CONFIRM, znp_send_confirm },     { ZNP_NWK_FOUND, on_nwk_found },
    { ZNP_EUI64_FOUND, znp_hear_found },   { ZNP_JOINED, znp_hear_joined },
    { ZNP_ANNOUNCED, znp_hear_announced }, { ZNP_LEFT, on_left },
    { ZNP_STATE, znp_start_event },        { ZNP_WAS_RESET, znp_start_event },
    { ZNP_COMMISSIONED, on_commissioned },
};

static void indicated(struct znp *z, const struct znp_message *m, msec now)
{
    for (size_t i = 0; i < sizeof indications / sizeof *indications; i++)
        if (indications[i].command == m->command)
            indications[i].run(z, m, now);
}

static void take_frame(struct znp *z, const struct znp_frame *f, msec now)
{
    struct znp_message m;
    z->c.frames_good++;
    enum znp_error e = znp_decode(f, &m);
    if (e == ZNP_TRUNCATED)
        z->c.events->dropped(z->c.events->context, "malformed");
    if (e)
        return;
    if ((m.command & KIND) == SRSP)
        znp_request_answer(z, &m, now);
    else if ((m.command & KIND) == AREQ)
        indicated(z, &m, now);
}

static void take_frames(struct znp *z, msec now)
{
    struct znp_frame f;
    const uint32_t damaged = z->reader.damaged;
    while (!z->stopped && znp_reader_next(&z->reader, &f))
        take_frame(z, &f, now);
    if (z->reader.damaged != damaged)
        znp_request_damaged(z, now);
}

/* ---- the family -------------------------------------------------------------------------------------------------- */

static void znp_init(struct coordinator *c)
{
    c->info.window = ZNP_WINDOW_SMALL;
    c->info.payload_limit = c->info.broadcast_limit = ZNP_PAYLOAD;
}

static void znp_start(struct coordinator *c, msec now)
{
    struct znp *z = znp_of(c);
    uint8_t void_tokens[ZNP_WINDOW_LARGE];
    z->reader = (struct znp_reader){ 0 };
    z->heard_at = now;
    z->stopped = false;
    (void)znp_send_abandon(z, void_tokens);
    z->up.restarts = 0;
    znp_start_begin(z, now);
}

static void znp_hear(struct coordinator *c, struct span bytes, msec now)
{
    struct znp *z = znp_of(c);
    z->heard_at = now;
    while (bytes.len > 0 && !z->stopped) {
        bytes = znp_reader_feed(&z->reader, bytes);
        take_frames(z, now);
    }
}

/* Silence is asked about only when nothing else is under way that would tell. */
static msec silence_ends(const struct znp *z)
{
    bool watches = z->c.state == COORDINATOR_UP && !z->line.waits;
    return watches ? z->heard_at + SILENCE_MS : MSEC_NEVER;
}

static msec gap_ends(const struct znp *z)
{
    return znp_reader_holds(&z->reader) ? z->heard_at + GAP_MS : MSEC_NEVER;
}

static void znp_tick(struct coordinator *c, msec now)
{
    struct znp *z = znp_of(c);
    const struct znp_asker nobody = { ZNP_FOR_NOBODY };
    if (z->stopped)
        return;
    if (now >= gap_ends(z)) {
        znp_reader_idle(&z->reader);
        take_frames(z, now);
    }
    if (!z->stopped)
        znp_request_tick(z, now);
    if (!z->stopped)
        znp_start_tick(z, now);
    znp_send_tick(z, now);
    coordinator_expire(c, now);
    if (!z->stopped && now >= silence_ends(z))
        (void)znp_request(z, &nobody, &(struct znp_message){ .command = ZNP_PING }, now);
}

static msec earlier(msec a, msec b)
{
    return a < b ? a : b;
}

static msec znp_deadline(const struct coordinator *c)
{
    const struct znp *z = (const struct znp *)c;
    if (z->stopped)
        return MSEC_NEVER;
    msec at = earlier(silence_ends(z), gap_ends(z));
    at = earlier(at, z->line.waits ? z->line.until : MSEC_NEVER);
    at = earlier(at, z->up.step == ZNP_IDLE ? MSEC_NEVER : z->up.until);
    at = earlier(at, znp_send_deadline(z));
    return earlier(at, coordinator_parked_until(c));
}

static void znp_permit_join(struct coordinator *c, uint8_t seconds, msec now)
{
    const struct znp_asker nobody = { ZNP_FOR_NOBODY };
    const struct znp_message m = { .command = ZNP_PERMIT_JOIN,
                                   .address_mode = ZNP_MODE_BROADCAST,
                                   .destination = ZNP_ROUTERS_ADDRESS,
                                   .seconds = seconds };
    if (!znp_request(znp_of(c), &nobody, &m, now))
        coordinator_log(c, LEVEL_WARN, "too busy to change who may join; try again");
}

/* ---- probing ----------------------------------------------------------------------------------------------------- */

static size_t znp_probe(struct writer *w)
{
    const size_t room = w->left;
    znp_encode(&(struct znp_message){ .command = ZNP_VERSION }, w);
    return room - w->left;
}

static bool znp_answers(struct span heard, char *line, size_t room)
{
    struct znp_reader reader = { 0 };
    struct znp_frame f;
    struct znp_message m;
    while (heard.len > 0) {
        heard = znp_reader_feed(&reader, heard);
        if (heard.len == 0)
            znp_reader_idle(&reader);
        while (znp_reader_next(&reader, &f)) {
            if (f.command != ZNP_VERSION_IS || znp_decode(&f, &m) != ZNP_OK)
                continue;
            char text[ZNP_FIRMWARE_TEXT];
            snprintf(line, room, "%s", znp_firmware_text(&m, text));
            return true;
        }
    }
    return false;
}

const struct coordinator_family znp_family = {
    .name = "znp",
    .size = sizeof(struct znp),
    .bauds = { 115200 },
    .init = znp_init,
    .start = znp_start,
    .hear = znp_hear,
    .tick = znp_tick,
    .deadline = znp_deadline,
    .send = znp_send,
    .broadcast = znp_broadcast,
    .permit_join = znp_permit_join,
    .probe = znp_probe,
    .answers = znp_answers,
};
