/* sim_znp.c -- the stick side of the Monitor and Test interface: a simulated CC2652 with Z-Stack 3.x.0.
 *
 * It answers one request after the other, says by itself what happens, and keeps its network over a restart, but not
 * the endpoints. After a restart it waits for the host to start the network. Commands that the firmware does not know
 * are answered as such, and which it knows depends on the firmware.
 *
 * --stick-option 1: Z-Stack 1.2 on a CC2531, which has room for two frames, takes its key through the simple
 * interface, and forms a network when it is started without one. 2: Z-Stack 3.0.x on the same chip. 3: as 0, but
 * somebody nearby uses the PAN id that the host wants. */
#include "tools/sim_znp_inside.h"

enum {
    BOOT_MS = 100,
    RUN_MS = 50,
    WATCHDOG = 2,
    SOFT = 1,
    COORDINATOR = 7,
    STARTING = 8,
    FORMATION = 4,
    ALREADY_THERE = 0xB8,
    RESUMED = 0,
    STARTED_NEW = 1,
    STARTED_NOT = 2,
    NO_SUCH_COMMAND = 2,
    BAD_LENGTH = 4,
    CHANNEL_FIRST = 11,
    CHANNEL_LAST = 26,
    PAN_ANY = 0xFFFF,
    PAN_USUAL = 0x1A62,
    KIND = 0xE000,
    SREQ = 0x2000,
    ITEM_PAN_ID = 0x0083,
    ITEM_CHANNELS = 0x0084,
    ITEM_EXTENDED_PAN_ID = 0x002D
};

void z_stack_say(struct stick *s, const struct znp_message *m)
{
    uint8_t room[ZNP_FRAME_MAX];
    struct writer w = writer_of(room, sizeof room);
    znp_encode(m, &w);
    if (!w.failed)
        s->s.world->write(s->s.world->context, span_of(room, sizeof room - w.left));
}

/* For answers that say no more than that. */
void z_stack_answer(struct stick *s, const struct znp_message *to, uint8_t status)
{
    z_stack_say(s, &(struct znp_message){
                       .command = znp_answer(to->command), .brief = true, .status = status });
}

static bool is_old(const struct stick *s)
{
    return s->s.option == STACK_1_2;
}

/* ---- who it is --------------------------------------------------------------------------------------------------- */

static void pong(struct stick *s, const struct znp_message *m, msec now)
{
    (void)m, (void)now;
    z_stack_say(s, &(struct znp_message){ .command = ZNP_PONG, .capabilities = 0x0659 });
}

static struct znp_message version_of(const struct stick *s, uint16_t command)
{
    static const struct {
        uint8_t product, minor, maintenance;
        uint32_t revision;
    } rows[] = { [STACK_3_X_0] = { 1, 7, 1, 20240710 },
                 [STACK_1_2] = { 0, 6, 3, 20190608 },
                 [STACK_3_0_X] = { 2, 7, 2, 20190425 },
                 [PAN_IN_USE] = { 1, 7, 1, 20240710 } };
    const size_t row = s->s.option < sizeof rows / sizeof *rows ? s->s.option : 0;
    return (struct znp_message){ .command = command,
                                 .transport = 2,
                                 .product = rows[row].product,
                                 .major = 2,
                                 .minor = rows[row].minor,
                                 .maintenance = rows[row].maintenance,
                                 .hardware = 1,
                                 .revision = rows[row].revision };
}

static void version(struct stick *s, const struct znp_message *m, msec now)
{
    const struct znp_message is = version_of(s, ZNP_VERSION_IS);
    (void)m, (void)now;
    z_stack_say(s, &is);
}

static void device(struct stick *s, const struct znp_message *m, msec now)
{
    (void)m, (void)now;
    z_stack_say(s, &(struct znp_message){ .command = ZNP_DEVICE_IS,
                                          .eui64 = s->s.eui64,
                                          .device_type = COORDINATOR,
                                          .state = s->state });
}

static void network(struct stick *s, const struct znp_message *m, msec now)
{
    const struct sim_network *n = s->s.network;
    const bool runs = s->state == RUNS;
    (void)m, (void)now;
    z_stack_say(s, &(struct znp_message){ .command = ZNP_NETWORK_IS,
                                          .nwk = (uint16_t)(runs ? 0 : 0xFFFE),
                                          .state = s->state,
                                          .pan_id = runs ? n->pan_id : PAN_ANY,
                                          .parent = 0xFFFE,
                                          .extended_pan_id = runs ? n->extended_pan_id : 0,
                                          .channel = runs ? n->channel : 0 });
}

/* ---- its network ------------------------------------------------------------------------------------------------- */

static uint8_t lowest_channel(uint32_t mask)
{
    uint8_t channel = CHANNEL_FIRST;
    while (channel < CHANNEL_LAST && !(mask >> channel & 1))
        channel++;
    return channel;
}

static void form(struct stick *s)
{
    struct sim_network *n = s->s.network;
    const uint16_t wanted = (uint16_t)z_stack_number(s, ITEM_PAN_ID);
    const uint64_t extended = z_stack_number(s, ITEM_EXTENDED_PAN_ID);
    n->pan_id = wanted == PAN_ANY ? PAN_USUAL : wanted;
    n->pan_id = (uint16_t)(n->pan_id + (s->s.option == PAN_IN_USE));
    n->extended_pan_id = extended ? extended : s->s.eui64;
    n->channel =
        lowest_channel(s->channels ? s->channels : (uint32_t)z_stack_number(s, ITEM_CHANNELS));
    z_stack_network_key(s, n->key);
    n->formed = true;
}

static void run_soon(struct stick *s, msec now)
{
    if (s->state == RUNS || s->runs_at != MSEC_NEVER)
        return;
    s->state = STARTING;
    s->runs_at = now + RUN_MS;
    z_stack_say(s, &(struct znp_message){ .command = ZNP_STATE, .state = STARTING });
}

static void start(struct stick *s, const struct znp_message *m, msec now)
{
    const bool formed = s->s.network->formed;
    if (!formed && !is_old(s)) {
        z_stack_answer(s, m, STARTED_NOT);
        return;
    }
    if (!formed)
        form(s);
    z_stack_answer(s, m, formed ? RESUMED : STARTED_NEW);
    run_soon(s, now);
}

static void set_channels(struct stick *s, const struct znp_message *m, msec now)
{
    (void)now;
    if (m->primary)
        s->channels = m->channels;
    z_stack_answer(s, m, 0);
}

/* Asked to form where there is a network, it says that it failed, and starts that. */
static void commission(struct stick *s, const struct znp_message *m, msec now)
{
    const bool formed = s->s.network->formed;
    z_stack_answer(s, m, 0);
    if (m->mode != FORMATION)
        return;
    if (!formed)
        form(s);
    z_stack_say(s, &(struct znp_message){ .command = ZNP_COMMISSIONED,
                                          .status = formed ? FAILURE : 0,
                                          .mode = FORMATION });
    run_soon(s, now);
}

static void permit_join(struct stick *s, const struct znp_message *m, msec now)
{
    (void)now;
    z_stack_answer(s, m, s->state == RUNS ? 0 : FAILURE);
    if (s->state == RUNS)
        s->s.world->permit_join(s->s.world->context, m->seconds);
}

/* ---- endpoints --------------------------------------------------------------------------------------------------- */

static struct listening *listening_at(struct stick *s, uint8_t endpoint)
{
    for (struct listening *l = s->endpoints; l < s->endpoints + ENDPOINTS; l++)
        if (l->endpoint == endpoint)
            return l;
    return NULL;
}

static void listen(struct stick *s, const struct znp_message *m, msec now)
{
    struct listening *free = listening_at(s, 0);
    (void)now;
    if (m->endpoint == 0 || m->list.len < 2 || !free) {
        z_stack_answer(s, m, INVALID);
        return;
    }
    if (listening_at(s, m->endpoint)) {
        z_stack_answer(s, m, ALREADY_THERE);
        return;
    }
    *free = (struct listening){ m->endpoint, m->profile,
                                (uint16_t)(m->list.at[0] | m->list.at[1] << 8) };
    z_stack_answer(s, m, 0);
}

static void listen_no_more(struct stick *s, const struct znp_message *m, msec now)
{
    struct listening *l = m->endpoint ? listening_at(s, m->endpoint) : NULL;
    (void)now;
    if (l)
        *l = (struct listening){ 0 };
    z_stack_answer(s, m, l ? 0 : FAILURE);
}

static void nothing_to_do(struct stick *s, const struct znp_message *m, msec now)
{
    (void)now;
    z_stack_answer(s, m, 0);
}

/* ---- restarts ---------------------------------------------------------------------------------------------------- */

/* Everything is gone but what is in its memory. Until it is up again it is deaf. */
static void restart(struct stick *s, uint8_t reason, msec now)
{
    if (z_stack_is_to_forget(s)) {
        *s->s.network = (struct sim_network){ 0 };
        z_stack_load(s);
    }
    s->run++;
    s->reader = (struct znp_reader){ 0 };
    s->state = 0;
    s->reason = reason;
    s->channels = 0;
    s->boots_at = now + BOOT_MS;
    s->runs_at = MSEC_NEVER;
    memset(s->endpoints, 0, sizeof s->endpoints);
    memset(s->under_way, 0, sizeof s->under_way);
}

static void restart_as_told(struct stick *s, const struct znp_message *m, msec now)
{
    (void)m;
    restart(s, 0, now);
}

static void znp_reset(struct sim_stick *stick, msec now)
{
    restart(stick_of(stick), WATCHDOG, now);
}

static void znp_plug(struct sim_stick *stick, msec now)
{
    struct stick *s = stick_of(stick);
    z_stack_load(s);
    restart(s, 0, now);
}

static void boot(struct stick *s)
{
    struct znp_message is = version_of(s, ZNP_WAS_RESET);
    s->boots_at = MSEC_NEVER;
    is.reason = s->reason;
    z_stack_say(s, &is);
}

static void znp_tick(struct sim_stick *stick, msec now)
{
    struct stick *s = stick_of(stick);
    if (now >= s->boots_at)
        boot(s);
    if (now < s->runs_at)
        return;
    s->runs_at = MSEC_NEVER;
    s->state = RUNS;
    z_stack_say(s, &(struct znp_message){ .command = ZNP_STATE, .state = RUNS });
}

static msec znp_deadline(const struct sim_stick *stick)
{
    const struct stick *s = (const struct stick *)stick;
    return s->boots_at < s->runs_at ? s->boots_at : s->runs_at;
}

/* ---- commands ---------------------------------------------------------------------------------------------------- */

enum firmware { ALL, OLD, NEW };

static const struct {
    uint16_t command;
    enum firmware knows;
    z_stack_command *run;
} commands[] = {
    { ZNP_PING, ALL, pong },
    { ZNP_VERSION, ALL, version },
    { ZNP_DEVICE_INFO, ALL, device },
    { ZNP_NETWORK_INFO, ALL, network },
    { ZNP_NV_READ, ALL, z_stack_read },
    { ZNP_NV_WRITE, ALL, z_stack_write },
    { ZNP_NV_INIT, ALL, z_stack_init },
    { ZNP_CONFIGURE, OLD, z_stack_write },
    { ZNP_RESET, ALL, restart_as_told },
    { ZNP_REGISTER, ALL, listen },
    { ZNP_UNREGISTER, NEW, listen_no_more },
    { ZNP_START, ALL, start },
    { ZNP_SET_CHANNELS, NEW, set_channels },
    { ZNP_COMMISSION, NEW, commission },
    { ZNP_PERMIT_JOIN, ALL, permit_join },
    { ZNP_SEND, ALL, z_stack_send },
    { ZNP_SEND_EXT, ALL, z_stack_send_ext },
    { ZNP_FIND_EUI64, ALL, z_stack_find_eui64 },
    { ZNP_FIND_NWK, ALL, z_stack_find_nwk },
    { ZNP_FIND_ROUTE, NEW, nothing_to_do },
};

static z_stack_command *command_of(const struct stick *s, uint16_t command)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (commands[i].command == command)
            return commands[i].knows == (is_old(s) ? NEW : OLD) ? NULL : commands[i].run;
    return NULL;
}

static void run(struct stick *s, const struct znp_frame *f, msec now)
{
    struct znp_message m;
    z_stack_command *command = command_of(s, f->command);
    if (command && znp_decode(f, &m) == ZNP_OK) {
        command(s, &m, now);
        return;
    }
    s->s.world->log(s->s.world->context, "a command that is not known here");
    if ((f->command & KIND) == SREQ)
        z_stack_say(s, &(struct znp_message){ .command = ZNP_ERROR,
                                              .status = command ? BAD_LENGTH : NO_SUCH_COMMAND,
                                              .request = f->command });
}

static void znp_hear(struct sim_stick *stick, struct span bytes, msec now)
{
    struct stick *s = stick_of(stick);
    struct znp_frame f;
    while (bytes.len > 0 && s->boots_at == MSEC_NEVER) {
        bytes = znp_reader_feed(&s->reader, bytes);
        while (s->boots_at == MSEC_NEVER && znp_reader_next(&s->reader, &f))
            run(s, &f, now);
    }
}

const struct sim_family sim_znp = {
    .name = "znp",
    .size = sizeof(struct stick),
    .baud = 115200,
    .plug = znp_plug,
    .hear = znp_hear,
    .tick = znp_tick,
    .deadline = znp_deadline,
    .receive = z_stack_receive,
    .outcome = z_stack_outcome,
    .joined = z_stack_joined,
    .reset = znp_reset,
};
