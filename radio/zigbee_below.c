/* zigbee_below.c -- what comes from below: bytes and losses from the line, decisions from the family's machine.
 *
 * The machine decides and this file does: it moves bytes, keeps the one timer, logs what changed, and gives the machine
 * the next frame whenever one came to its end. What a machine asks for in the middle of its work, to close the line,
 * waits until the machine has returned. A stick that was unplugged, reset, or does not answer begins at the beginning;
 * what waited for its nodes goes on waiting meanwhile. */
#include "radio/zigbee_inside.h"

#include "config/log.h"
#include "radio/network_key.h"

#include <event2/event.h>
#include <stdio.h>

static const char *name_of(const struct zigbee *z)
{
    return z->radio.settings->name;
}

/* ---- the turn: whatever came in, what follows from it ------------------------------------------------------------ */

static void report(struct zigbee *z, const struct lineup_end *end)
{
    const struct address to = zigbee_address(z, end->node->eui64);
    z->events.sent(z->events.context, &to, end->result);
}

static void pump(struct zigbee *z, msec now)
{
    struct unicast u;
    struct span data;
    uint8_t radius;
    struct lineup_end end;
    while (z->radio.up && lineup_next(z->lineup, z->c->info.window, now, &u))
        z->c->family->send(z->c, &u, now);
    while (z->radio.up && lineup_next_broadcast(z->lineup, now, &radius, &data))
        z->c->family->broadcast(z->c, radius, data, now);
    while (lineup_next_refused(z->lineup, &end))
        report(z, &end);
    while (lineup_expire(z->lineup, now, &end))
        report(z, &end);
}

/* The line talks, but not as this family does; or it is silent. Said once, until something makes sense. */
static void tell_nonsense(struct zigbee *z, uint32_t baud)
{
    char bytes[3 * ZIGBEE_SAMPLE + 1] = "";
    for (size_t i = 0; i < z->sample_len; i++)
        snprintf(bytes + 3 * i, 4, " %02x", z->sample[i]);
    z->told = true;
    if (z->sample_len > 0)
        log_error(
            "radio %s: %s talks, but no frame of driver %s is among it; it began with%s. Wrong "
            "speed (%u now), flow control, or another kind of stick? Try mqttsn-gateway --probe %s",
            name_of(z), z->radio.settings->port, z->c->family->name, bytes, baud,
            z->radio.settings->port);
    else
        log_error("radio %s: nothing answers on %s to driver %s at %u baud: %s. Another kind of stick, "
                  "or flow control? Try mqttsn-gateway --probe %s",
                  name_of(z), z->radio.settings->port, z->c->family->name, baud, z->restart_why,
                  z->radio.settings->port);
}

/* Nothing makes sense at this speed: the next one, when the settings leave it to us. True: there is one to try. */
static bool next_speed(struct zigbee *z)
{
    const uint32_t *bauds = z->c->family->bauds;
    if (z->radio.settings->baud != 0 || serial_is_network(z->serial))
        return false;
    z->baud = bauds[z->baud + 1] != 0 ? z->baud + 1 : 0;
    serial_set_baud(z->serial, bauds[z->baud]);
    return z->baud > 0;
}

static void go_down(struct zigbee *z)
{
    bool was_up = z->radio.up;
    z->radio.up = false;
    lineup_recall(z->lineup);
    if (was_up)
        z->events.changed(z->events.context, &z->radio);
}

static void restart(struct zigbee *z)
{
    uint32_t baud = z->radio.settings->baud ? z->radio.settings->baud : z->c->family->bauds[z->baud];
    bool sense = z->c->frames_good > 0;
    z->restart = false;
    z->c->state = COORDINATOR_CLOSED;
    go_down(z);
    if (!sense && next_speed(z))
        serial_settled(z->serial); /* soon */
    else if (!sense && !z->told)
        tell_nonsense(z, baud);
    serial_reopen(z->serial, sense ? z->restart_why : NULL);
}

static void arm(struct zigbee *z, msec now)
{
    msec at = lineup_deadline(z->lineup, z->radio.up, z->c->info.window);
    msec machine = z->c->state == COORDINATOR_CLOSED ? MSEC_NEVER : z->c->family->deadline(z->c);
    at = machine < at ? machine : at;
    if (at == z->armed)
        return;
    z->armed = at;
    if (at == MSEC_NEVER) {
        event_del(z->timer);
        return;
    }
    msec wait = at > now ? at - now : 0;
    const struct timeval t = { (time_t)(wait / 1000), (suseconds_t)(wait % 1000 * 1000) };
    event_add(z->timer, &t);
}

void zigbee_settle(struct zigbee *z, msec now)
{
    if (z->restart)
        restart(z);
    pump(z, now);
    arm(z, now);
}

void zigbee_on_time(evutil_socket_t fd, short what, void *context)
{
    struct zigbee *z = context;
    msec now = clock_now();
    (void)fd, (void)what;
    z->armed = MSEC_NEVER;
    if (z->c->state != COORDINATOR_CLOSED)
        z->c->family->tick(z->c, now);
    zigbee_settle(z, now);
}

/* ---- from the line ----------------------------------------------------------------------------------------------- */

static void on_opened(void *context)
{
    struct zigbee *z = context;
    msec now = clock_now();
    z->c->frames_good = 0;
    z->c->network = serial_is_network(z->serial);
    z->c->state = COORDINATOR_STARTING;
    z->sample_len = 0;
    z->c->family->start(z->c, now);
    zigbee_settle(z, now);
}

static void on_bytes(void *context, struct span bytes)
{
    struct zigbee *z = context;
    msec now = clock_now();
    for (size_t i = 0; i < bytes.len && z->sample_len < ZIGBEE_SAMPLE; i++)
        z->sample[z->sample_len++] = bytes.at[i];
    if (z->c->state != COORDINATOR_CLOSED)
        z->c->family->hear(z->c, bytes, now);
    z->told = z->told && z->c->frames_good == 0;
    zigbee_settle(z, now);
}

static void on_lost(void *context)
{
    struct zigbee *z = context;
    z->c->state = COORDINATOR_CLOSED;
    z->restart = false;
    go_down(z);
    arm(z, clock_now());
}

/* ---- from the machine -------------------------------------------------------------------------------------------- */

static void on_write(void *context, struct span bytes)
{
    const struct zigbee *z = context;
    serial_write(z->serial, bytes);
}

static void report_up(struct zigbee *z)
{
    const struct coordinator_info *i = &z->c->info;
    char own[EUI64_TEXT], wide[EUI64_TEXT];
    log_info("radio %s: up: %s, address %s, channel %u, PAN 0x%04x, extended PAN %s, %u octets a frame",
             name_of(z), i->firmware, eui64_text(i->eui64, own), i->channel, i->pan_id,
             eui64_text(i->extended_pan_id, wide), z->radio.payload_limit);
}

static void take_limits(struct zigbee *z)
{
    const uint16_t set = z->radio.settings->max_message;
    const uint16_t carries = z->c->info.payload_limit;
    z->radio.payload_limit = set && set < carries ? set : carries;
    z->radio.window = z->c->info.window;
}

static void come_up(struct zigbee *z)
{
    bool news = !z->radio.up;
    z->radio.up = true;
    take_limits(z);
    serial_settled(z->serial);
    if (news)
        report_up(z);
    if (!z->was_up && z->radio.settings->permit_join_s > 0)
        z->radio.driver->permit_join(&z->radio, z->radio.settings->permit_join_s);
    z->was_up = true;
    z->events.changed(z->events.context, &z->radio);
}

static void on_state(void *context, const char *why)
{
    struct zigbee *z = context;
    if (z->c->state == COORDINATOR_UP) {
        come_up(z);
        return;
    }
    if (z->c->state == COORDINATOR_REFUSED)
        log_error("radio %s: not used: %s", name_of(z), why);
    else if (why[0] != '\0' || z->radio.up)
        log_warn("radio %s: %s%s%s", name_of(z), coordinator_state_name(z->c->state),
                 why[0] ? ": " : "", why);
    go_down(z);
}

static void on_heard(void *context, struct neighbour *from, const struct radio_frame *frame)
{
    struct zigbee *z = context;
    const struct address a = zigbee_address(z, from->eui64);
    z->events.heard(z->events.context, &a, frame);
}

static void on_sent(void *context, uint8_t token, enum radio_sent result)
{
    struct zigbee *z = context;
    struct lineup_end end;
    if (lineup_sent(z->lineup, token, result, clock_now(), &end))
        report(z, &end);
}

static void on_joined(void *context, uint64_t eui64, bool left)
{
    const struct zigbee *z = context;
    char text[EUI64_TEXT];
    log_info("radio %s: node %s %s the network", name_of(z), eui64_text(eui64, text),
             left ? "left" : "joined");
}

static void on_restart(void *context, const char *why)
{
    struct zigbee *z = context;
    if (!z->restart) /* the first reason is the cause */
        snprintf(z->restart_why, sizeof z->restart_why, "%s", why);
    z->restart = true;
}

static bool on_key(void *context, bool make, uint8_t key[16])
{
    const struct zigbee *z = context;
    const char *path = z->radio.settings->network_key_file;
    char why[512] = "";
    enum network_key found = network_key_read(path, key, why, sizeof why);
    if (found == NETWORK_KEY_FOUND && network_key_is_well_known(key))
        log_warn("radio %s: the key in %s is the one that guides print; anybody can read this network",
                 name_of(z), path);
    if (found == NETWORK_KEY_FOUND || (found == NETWORK_KEY_ABSENT && !make))
        return found == NETWORK_KEY_FOUND;
    if (found == NETWORK_KEY_ABSENT && network_key_make(path, key, why, sizeof why)) {
        log_info("radio %s: made a network key%s%s", name_of(z), path[0] ? ", kept in " : "", path);
        return true;
    }
    log_error("radio %s: %s", name_of(z), why);
    return false;
}

static void on_lines(void *context, bool dtr, bool rts)
{
    const struct zigbee *z = context;
    serial_set_lines(z->serial, dtr, rts);
}

static void on_log(void *context, enum config_level level, const char *text)
{
    static void (*const say[])(const char *, ...) = { log_error, log_warn, log_info, log_debug,
                                                      log_trace };
    const struct zigbee *z = context;
    if (log_wants(level))
        say[level]("radio %s: %s", name_of(z), text);
}

static void on_dropped(void *context, const char *reason)
{
    struct zigbee *z = context;
    z->events.ignored(z->events.context, &z->radio, reason);
}

const struct serial_events zigbee_serial_events = {
    .opened = on_opened,
    .heard = on_bytes,
    .lost = on_lost,
};

const struct coordinator_events zigbee_coordinator_events = {
    .write = on_write,
    .state = on_state,
    .heard = on_heard,
    .sent = on_sent,
    .joined = on_joined,
    .restart = on_restart,
    .key = on_key,
    .lines = on_lines,
    .log = on_log,
    .dropped = on_dropped,
};
