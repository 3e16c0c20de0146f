/* sim_ezsp_commands.c -- what the simulated NCP answers to each command.
 *
 * A row per command: its function writes the answer's parameters. What is no row is answered with invalidCommand, as is
 * everything before the version was agreed upon. */
#include "tools/sim_ezsp_inside.h"

#include "radio/ezsp_key.h"
#include "radio/little.h"

enum { INVALID_VERSION_NOT_SET = 0x30, INVALID_ID = 0x36, NODE_UNKNOWN = 0xFFFF };
enum { POLICY_TRUST_CENTRE = 0x00, POLICY_LETS_JOIN = 0x01, FIRST_BUFFER_HEAP = 14 };
enum { CONFIG_BUFFERS = 0x01, OUTGOING_BROADCAST = 4, OWN_NWK = 0x0000, STACK_ZIGBEE_PRO = 2 };

/* ---- the network ----------------------------------------------------------------------------------------------- */

static void network_will_be(struct ncp *n, enum ezsp_status s, msec now)
{
    n->news = s;
    n->news_at = now + NCP_NETWORK_MS;
}

static void version(struct ncp *n, const struct ezsp_frame *f, struct writer *w, msec now)
{
    struct reader r = reader_of(f->params);
    (void)now;
    n->settled = read_u8(&r) == n->version && !r.failed;
    write_u8(w, n->version);
    write_u8(w, STACK_ZIGBEE_PRO);
    write_le16(w, NCP_STACK);
}

/* Tables get their sizes before the network runs. */
static void set_configuration(struct ncp *n, const struct ezsp_frame *f, struct writer *w, msec now)
{
    struct reader r = reader_of(f->params);
    (void)now;
    bool unknown = read_u8(&r) == CONFIG_BUFFERS && n->version >= FIRST_BUFFER_HEAP;
    ezsp_write_status(w, n->version, n->initialised || unknown ? EZSP_FAILED : EZSP_OK);
}

static void set_policy(struct ncp *n, const struct ezsp_frame *f, struct writer *w, msec now)
{
    struct reader r = reader_of(f->params);
    (void)now;
    uint8_t policy = read_u8(&r), decision = read_u8(&r);
    if (policy == POLICY_TRUST_CENTRE)
        n->lets_join = decision & POLICY_LETS_JOIN;
    ezsp_write_status(w, n->version, r.failed ? EZSP_FAILED : EZSP_OK);
}

static void add_endpoint(struct ncp *n, const struct ezsp_frame *f, struct writer *w, msec now)
{
    struct ezsp_endpoint e;
    (void)now;
    bool fine = !n->initialised && ezsp_read_endpoint(f->params, &e);
    if (fine)
        n->endpoint = e;
    ezsp_write_status(w, n->version, fine ? EZSP_OK : EZSP_FAILED);
}

static void network_init(struct ncp *n, const struct ezsp_frame *f, struct writer *w, msec now)
{
    (void)f;
    n->initialised = true;
    if (n->s.network->formed)
        network_will_be(n, EZSP_NETWORK_UP, now);
    ezsp_write_status(w, n->version, n->s.network->formed ? EZSP_OK : EZSP_NOT_JOINED);
}

static void set_security(struct ncp *n, const struct ezsp_frame *f, struct writer *w, msec now)
{
    struct ezsp_security s;
    (void)now;
    n->has_security = ezsp_read_security(f->params, &s) && !n->up;
    if (n->has_security)
        memcpy(n->key, s.network_key, EZSP_KEY);
    ezsp_write_status(w, n->version, n->has_security ? EZSP_OK : EZSP_FAILED);
}

static void form(struct ncp *n, const struct ezsp_frame *f, struct writer *w, msec now)
{
    struct ezsp_network p;
    struct reader r = reader_of(f->params);
    ezsp_read_network(&r, &p);
    if (r.failed || !n->has_security || n->s.network->formed || p.channel < 11 || p.channel > 26) {
        ezsp_write_status(w, n->version, EZSP_FAILED);
        return;
    }
    n->forming = (struct sim_network){
        .formed = true, .channel = p.channel, .pan_id = p.pan_id, .extended_pan_id = p.extended_pan_id
    };
    memcpy(n->forming.key, n->key, EZSP_KEY);
    network_will_be(n, EZSP_NETWORK_UP, now);
    ezsp_write_status(w, n->version, EZSP_OK);
}

static void leave(struct ncp *n, const struct ezsp_frame *f, struct writer *w, msec now)
{
    (void)f;
    bool formed = n->s.network->formed;
    n->s.network->formed = false;
    if (formed)
        network_will_be(n, EZSP_NETWORK_DOWN, now);
    ezsp_write_status(w, n->version, formed ? EZSP_OK : EZSP_NOT_JOINED);
}

static void parameters(struct ncp *n, const struct ezsp_frame *f, struct writer *w, msec now)
{
    const struct sim_network *net = n->s.network;
    (void)f, (void)now;
    ezsp_write_status(w, n->version, n->up ? EZSP_OK : EZSP_NOT_JOINED);
    write_u8(w, n->up ? EZSP_NODE_COORDINATOR : 0);
    ezsp_write_network(w, &(struct ezsp_network){ .extended_pan_id = net->extended_pan_id,
                                                  .pan_id = net->pan_id,
                                                  .power = 8,
                                                  .channel = net->channel });
}

static void tell_key(struct ncp *n, const struct ezsp_frame *f, struct writer *w, msec now)
{
    (void)f, (void)now;
    ezsp_write_key(n->up ? n->s.network->key : NULL, n->version, w);
}

static void permit_joining(struct ncp *n, const struct ezsp_frame *f, struct writer *w, msec now)
{
    struct reader r = reader_of(f->params);
    uint8_t seconds = read_u8(&r);
    (void)now;
    if (n->up)
        n->s.world->permit_join(n->s.world->context, n->lets_join ? seconds : 0);
    ezsp_write_status(w, n->version, n->up ? EZSP_OK : EZSP_NETWORK_DOWN);
}

/* ---- facts ----------------------------------------------------------------------------------------------------- */

static void nothing(struct ncp *n, const struct ezsp_frame *f, struct writer *w, msec now)
{
    (void)n, (void)f, (void)w, (void)now;
}

static void fine(struct ncp *n, const struct ezsp_frame *f, struct writer *w, msec now)
{
    (void)f, (void)now;
    ezsp_write_status(w, n->version, EZSP_OK);
}

/* Its status has four octets already in version 13. */
static void import_key(struct ncp *n, const struct ezsp_frame *f, struct writer *w, msec now)
{
    (void)n, (void)f, (void)now;
    write_le32(w, 0);
}

static void own_eui64(struct ncp *n, const struct ezsp_frame *f, struct writer *w, msec now)
{
    (void)f, (void)now;
    write_le64(w, n->s.eui64);
}

static void payload(struct ncp *n, const struct ezsp_frame *f, struct writer *w, msec now)
{
    (void)n, (void)f, (void)now;
    write_u8(w, NCP_PAYLOAD);
}

static void lookup_node_id(struct ncp *n, const struct ezsp_frame *f, struct writer *w, msec now)
{
    struct reader r = reader_of(f->params);
    uint64_t eui64 = read_le64(&r);
    uint16_t nwk = NODE_UNKNOWN;
    (void)now;
    bool found = n->s.world->find(n->s.world->context, &eui64, &nwk);
    write_le16(w, found ? nwk : NODE_UNKNOWN);
}

static void lookup_eui64(struct ncp *n, const struct ezsp_frame *f, struct writer *w, msec now)
{
    struct reader r = reader_of(f->params);
    uint16_t nwk = read_le16(&r);
    uint64_t eui64 = 0;
    (void)now;
    bool found = n->version != NCP_FORGETFUL && n->s.world->find(n->s.world->context, &eui64, &nwk);
    ezsp_write_status(w, n->version, found ? EZSP_OK : EZSP_FAILED);
    write_le64(w, found ? eui64 : UINT64_MAX);
}

/* ---- sending --------------------------------------------------------------------------------------------------- */

/* A message of which nobody tells what became gives its place up in the end. */
static struct ncp_message *free_message(struct ncp *n, msec now)
{
    for (struct ncp_message *m = n->messages; m < n->messages + NCP_MESSAGES; m++)
        if (m->token == 0 || now >= m->until)
            return m;
    return NULL;
}

static struct sim_frame in_the_air(const struct ezsp_transmission *t)
{
    return (struct sim_frame){ .nwk = t->to,
                               .endpoint = t->aps.destination,
                               .source_endpoint = t->aps.source,
                               .profile = t->aps.profile,
                               .cluster = t->aps.cluster,
                               .data = t->data };
}

/* A node's stack answers questions about its address by itself; MQTT-SN sees nothing of it. */
static void answer_for_node(struct ncp *n, const struct ezsp_transmission *t, msec now)
{
    struct ezsp_zdo a;
    uint8_t room[32];
    struct writer w = writer_of(room, sizeof room);
    if (!ezsp_read_zdo(t->data, t->aps.cluster, &a) || t->aps.cluster != EZSP_ZDO_IEEE_ADDRESS ||
        !n->s.world->find(n->s.world->context, &a.eui64, &a.nwk))
        return;
    ezsp_write_zdo(&a, EZSP_ZDO_IEEE_ADDRESS_ANSWER, &w);
    ncp_hear_from_node(n,
                       &(struct ezsp_incoming){ .aps = { .cluster = EZSP_ZDO_IEEE_ADDRESS_ANSWER },
                                                .lqi = 255,
                                                .from = a.nwk,
                                                .eui64 = a.eui64,
                                                .binding = 0xFF,
                                                .address = 0xFF,
                                                .data = span_of(room, sizeof room - w.left) },
                       now);
}

static enum ezsp_status take_unicast(struct ncp *n, const struct ezsp_transmission *t, msec now)
{
    struct ncp_message *m = free_message(n, now);
    struct sim_frame f = in_the_air(t);
    if (!n->up)
        return EZSP_NETWORK_DOWN;
    if (t->data.len > NCP_PAYLOAD)
        return EZSP_TOO_LONG;
    if (!m)
        return EZSP_TOO_MANY_MESSAGES;
    n->last_token = n->last_token == UINT32_MAX ? 1 : n->last_token + 1;
    *m = (struct ncp_message){ n->last_token, t->to, t->tag, t->aps, now + NCP_FORGOTTEN_MS };
    n->s.world->transmit(n->s.world->context, &f, m->token);
    return EZSP_OK;
}

static void tell_of_message(struct ncp *n, const struct ezsp_transmission *t, uint8_t type, msec now)
{
    ncp_tell_sent(n, &(struct ezsp_sent){ .type = type, .to = t->to, .aps = t->aps, .tag = t->tag },
                  now);
}

/* The answers to these two go first, then what follows from the frame: so they are written here. */
static void answer_transmission(struct ncp *n, uint16_t id, enum ezsp_status s, msec now)
{
    uint8_t room[8];
    struct writer w = writer_of(room, sizeof room);
    ezsp_write_status(&w, n->version, s);
    write_u8(&w, n->aps_sequence++);
    ncp_tell(n, EZSP_RESPONSE, id, span_of(room, sizeof room - w.left), now);
}

static void send_unicast(struct ncp *n, const struct ezsp_frame *f, msec now)
{
    struct ezsp_transmission t;
    bool bad = !ezsp_read_unicast(f->params, n->version, &t);
    bool is_question = !bad && t.aps.profile == 0 && n->up;
    answer_transmission(n, f->id,
                        bad           ? EZSP_FAILED
                        : is_question ? EZSP_OK
                                      : take_unicast(n, &t, now),
                        now);
    if (!is_question)
        return;
    tell_of_message(n, &t, EZSP_UNICAST, now);
    answer_for_node(n, &t, now);
}

/* The host hears its own broadcast, too. */
static void send_broadcast(struct ncp *n, const struct ezsp_frame *f, msec now)
{
    struct ezsp_transmission t;
    bool bad = !ezsp_read_broadcast(f->params, n->version, &t);
    enum ezsp_status s = bad ? EZSP_FAILED : n->up ? EZSP_OK : EZSP_NETWORK_DOWN;
    answer_transmission(n, f->id, s, now);
    if (s != EZSP_OK)
        return;
    struct sim_frame air = in_the_air(&t);
    air.broadcast = true;
    n->s.world->transmit(n->s.world->context, &air, 0);
    tell_of_message(n, &t, OUTGOING_BROADCAST, now);
    ncp_hear_from_node(n,
                       &(struct ezsp_incoming){ .type = EZSP_BROADCAST_LOOPBACK,
                                                .aps = t.aps,
                                                .lqi = 255,
                                                .from = OWN_NWK,
                                                .eui64 = n->s.eui64,
                                                .data = t.data },
                       now);
}

/* ---- the table ------------------------------------------------------------------------------------------------- */

static const struct {
    enum ezsp_id id;
    void (*answer)(struct ncp *n, const struct ezsp_frame *f, struct writer *w, msec now);
} commands[] = {
    { EZSP_VERSION, version },
    { EZSP_NOP, nothing },
    { EZSP_SET_CONFIGURATION, set_configuration },
    { EZSP_SET_POLICY, set_policy },
    { EZSP_ADD_ENDPOINT, add_endpoint },
    { EZSP_NETWORK_INIT, network_init },
    { EZSP_NETWORK_INIT_EXTENDED, network_init },
    { EZSP_SET_SECURITY, set_security },
    { EZSP_FORM_NETWORK, form },
    { EZSP_LEAVE_NETWORK, leave },
    { EZSP_GET_NETWORK_PARAMETERS, parameters },
    { EZSP_GET_KEY, tell_key },
    { EZSP_EXPORT_KEY, tell_key },
    { EZSP_PERMIT_JOINING, permit_joining },
    { EZSP_GET_EUI64, own_eui64 },
    { EZSP_MAXIMUM_PAYLOAD, payload },
    { EZSP_SET_CONCENTRATOR, fine },
    { EZSP_ADD_TRANSIENT_KEY, fine },
    { EZSP_IMPORT_TRANSIENT_KEY, import_key },
    { EZSP_LOOKUP_NODE_ID, lookup_node_id },
    { EZSP_LOOKUP_EUI64, lookup_eui64 },
};

/* Of the two commands that tell the key, an NCP knows one. */
static bool is_of_another_age(const struct ncp *n, uint16_t id)
{
    return (id == EZSP_GET_KEY || id == EZSP_EXPORT_KEY) && id != ezsp_key_id(n->version);
}

static bool answer(struct ncp *n, const struct ezsp_frame *f, struct writer *w, msec now)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (commands[i].id == f->id && !is_of_another_age(n, f->id)) {
            commands[i].answer(n, f, w, now);
            return true;
        }
    return false;
}

static void refuse(struct ncp *n, uint8_t reason, msec now)
{
    ncp_tell(n, EZSP_RESPONSE, EZSP_INVALID_COMMAND, span_of(&reason, 1), now);
}

void ncp_command(struct ncp *n, const struct ezsp_frame *f, msec now)
{
    uint8_t room[ASH_DATA_MAX];
    struct writer w = writer_of(room, sizeof room);
    n->sequence = f->sequence;
    if (!n->settled && f->id != EZSP_VERSION)
        refuse(n, INVALID_VERSION_NOT_SET, now);
    else if (f->id == EZSP_SEND_UNICAST)
        send_unicast(n, f, now);
    else if (f->id == EZSP_SEND_BROADCAST)
        send_broadcast(n, f, now);
    else if (!answer(n, f, &w, now))
        refuse(n, INVALID_ID, now);
    else
        ncp_tell(n, EZSP_RESPONSE, f->id, span_of(room, sizeof room - w.left), now);
    if (f->id == EZSP_VERSION)
        n->header = n->version; /* from now on */
}
