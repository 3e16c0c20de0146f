/* session_uplink.c -- messages of the client that we took over: they wait for the broker (design rules 1, 2, 4).
 *
 * While the broker is away, and behind what waits already, a QoS 1 or 2 message is put on disk and then acknowledged;
 * from there on it is ours. QoS 2 goes this way always, because only a handshake whose both halves end on our disk
 * survives a kill. The shell gives each session its turn (session_drain); what is on its way stays in the queue until
 * the broker has answered to the end. A QoS 0 message may wait among them, in memory. */
#include "gateway/core/session_rules.h"

enum { WINDOW = 8 }; /* of one client on its way at once */

bool session_keeps(const struct session *s)
{
    return s->common->keeping && s->common->keeping->on;
}

void session_keep(struct queued *one, struct actions *out)
{
    actions_keep(out, one);
}

/* ---- in ---------------------------------------------------------------------------------------------------------- */

bool uplink_wants(struct session *s, uint8_t qos)
{
    return s->uplink.count > 0 ||
           (session_keeps(s) && s->upstream && (qos == 2 || !upstream_ready(s->upstream)));
}

/* What it costs us, in memory and on disk. */
static size_t cost(const struct queued *one)
{
    return sizeof *one + one->topic_len + one->payload_len;
}

static size_t cost_of(const struct mqtt_packet *p)
{
    return sizeof(struct queued) + p->topic.len + p->payload.len;
}

static void uplink_append(struct session *s, struct queued *one)
{
    struct keeping *k = s->common->keeping;
    one->up = true;
    sleepq_append(&s->uplink, one);
    k->uplink_bytes += cost(one);
    k->uplink_memory += one->qos == 0 ? cost(one) : 0;
}

static void uplink_remove(struct session *s, struct queued *one)
{
    struct keeping *k = s->common->keeping;
    sleepq_remove(&s->uplink, one);
    STAILQ_INSERT_TAIL(&s->spent, one, next);
    k->uplink_bytes -= cost(one);
    k->uplink_memory -= one->qos == 0 ? cost(one) : 0;
}

/* NULL: there is no room. */
static struct queued *uplink_add(struct session *s, const struct mqtt_packet *p, msec now,
                                 struct actions *out)
{
    size_t room = s->common->limits->uplink_bytes;
    bool fits = session_keeps(s) && s->common->keeping->uplink_bytes + cost_of(p) <= room;
    struct queued *one = fits ? queued_new(p, now) : NULL;
    if (one) {
        uplink_append(s, one);
        if (p->qos > 0)
            session_keep(one, out);
    }
    return one;
}

bool uplink_take(struct session *s, const struct mqttsn_message *m, struct span topic, msec now,
                 struct actions *out)
{
    struct exchange *e = inflight_open(&s->inflight, EXCHANGE_PUBREL, now);
    struct queued *one = NULL;
    if (e)
        one = uplink_add(s,
                         &(struct mqtt_packet){ .type = MQTT_PUBLISH,
                                                .qos = m->qos,
                                                .retain = m->retain,
                                                .topic = topic,
                                                .payload = m->tail },
                         now, out);
    if (!one) {
        if (e)
            inflight_step(&s->inflight, e, EXCHANGE_FREE, now);
        return false;
    }
    one->dup = m->dup;
    e->qos = m->qos;
    e->message_id = m->message_id;
    e->topic_id = m->topic_id;
    e->digest = inflight_digest(m);
    actions_send(out, &(struct mqttsn_message){ .type = m->qos == 2 ? MQTTSN_PUBREC : MQTTSN_PUBACK,
                                                .topic_id = m->topic_id,
                                                .message_id = m->message_id });
    if (m->qos == 1)
        inflight_step(&s->inflight, e, EXCHANGE_ANSWERED, now);
    return true;
}

static void drop_one(struct session *s, struct queued *one, enum drop why, struct actions *out)
{
    actions_drop(out, why);
    uplink_remove(s, one);
}

/* The last one of its topic is not wanted any more. */
static void replace(struct session *s, struct span topic, struct actions *out)
{
    struct queued *one;
    STAILQ_FOREACH(one, &s->uplink.list, next)
        if (one->qos == 0 && span_equal(queued_topic(one), topic)) {
            drop_one(s, one, DROP_REPLACED, out);
            return;
        }
}

/* The oldest one makes room for the newest. */
static bool make_room(struct session *s, size_t size, struct actions *out)
{
    size_t most = s->common->limits->uplink_memory;
    struct queued *one, *behind;
    for (one = STAILQ_FIRST(&s->uplink.list); one; one = behind) {
        if (s->common->keeping->uplink_memory + size <= most)
            break;
        behind = STAILQ_NEXT(one, next);
        if (one->qos == 0) {
            drop_one(s, one, DROP_OLDEST, out);
            break;
        }
    }
    return s->common->keeping->uplink_memory + size <= most;
}

enum drop uplink_take_unacknowledged(struct session *s, const struct mqtt_packet *p, msec now,
                                     struct actions *out)
{
    uint8_t policy = s->common->limits->uplink_qos0;
    if (policy == UPLINK_QOS0_NONE)
        return DROP_BROKER_AWAY;
    if (policy == UPLINK_QOS0_LATEST)
        replace(s, p->topic, out);
    return make_room(s, cost_of(p), out) && uplink_add(s, p, now, out) ? DROPS : DROP_UPLINK_FULL;
}

/* At QoS 1 at least: what is only in memory would not outlive us, and nobody is there to say it again. */
bool uplink_take_will(struct session *s, msec now, struct actions *out)
{
    struct mqtt_packet p = { .type = MQTT_PUBLISH,
                             .qos = s->will->qos > 0 ? s->will->qos : 1,
                             .retain = s->will->retain,
                             .topic = s->will->topic,
                             .payload = s->will->message };
    return uplink_add(s, &p, now, out) != NULL;
}

/* ---- out --------------------------------------------------------------------------------------------------------- */

/* Its packet id may be void by now: a clean connection forgets what was under way on the one before. */
static bool is_under_way(const struct session *s, const struct queued *one)
{
    const struct flight *f = flights_find(&s->upstream->mqtt.flights, one->message_id);
    return one->phase != QUEUED_WAITING && f && f->owner == s && f->kept;
}

static bool is_sent(const struct session *s, const struct queued *one)
{
    const struct flight *f = flights_find(&s->upstream->mqtt.flights, one->message_id);
    return is_under_way(s, one) && f->state != FLIGHT_RESERVED;
}

/* The first one that is not on its way; NULL: all are, or as many as may be. */
static struct queued *first_to_send(const struct session *s)
{
    struct queued *one;
    unsigned open = 0;
    STAILQ_FOREACH(one, &s->uplink.list, next)
        if (open == WINDOW || !is_sent(s, one))
            break;
        else
            open++;
    return open == WINDOW ? NULL : one;
}

bool session_wants_turn(const struct session *s)
{
    if (!s->upstream || !upstream_online(s->upstream))
        return s->uplink.count > 0;
    return s->uplink.count > 0 && first_to_send(s);
}

static void send_one(const struct queued *one, struct actions *out)
{
    actions_upstream(out, &(struct mqtt_packet){ .type = MQTT_PUBLISH,
                                                 .qos = one->qos,
                                                 .dup = one->dup,
                                                 .retain = one->retain,
                                                 .packet_id = one->message_id,
                                                 .topic = queued_topic(one),
                                                 .payload = queued_payload(one) });
}

/* A packet id for it. That of a QoS 2 message must be on disk before it is used, so that the next run uses the same. */
static bool number(struct session *s, struct queued *one, struct actions *out)
{
    if (one->qos == 2 && !upstream_takes_qos2(s->upstream))
        return false;
    uint16_t id =
        upstream_reserve_accepted(s->upstream, s, (size_t)one->topic_len + one->payload_len);
    if (id == 0)
        return false;
    mqtt_client_keep(&s->upstream->mqtt, id, one->qos == 2);
    one->dup = one->dup || one->phase != QUEUED_WAITING;
    one->message_id = id;
    one->phase = QUEUED_SENT;
    if (one->qos == 2)
        session_keep(one, out);
    return true;
}

enum progress { BLOCKED, SENT, GONE };

static enum progress drain_one(struct session *s, struct queued *one, uint64_t safe,
                               struct actions *out)
{
    bool numbered = is_under_way(s, one);
    if (one->qos > 0 && (one->row == 0 || one->ticket > safe))
        return BLOCKED;
    if (one->phase == QUEUED_RELEASED && !numbered) { /* the broker had all of it but our last word */
        uplink_remove(s, one);
        return GONE;
    }
    if (one->qos > 0 && !numbered && (!number(s, one, out) || one->qos == 2))
        return BLOCKED;
    send_one(one, out);
    if (one->qos > 0)
        return SENT;
    uplink_remove(s, one);
    return GONE;
}

/* Whose connection was only for this is done with it. */
static void finish(struct session *s, struct actions *out)
{
    bool over = s->state == SESSION_DISCONNECTED || s->state == SESSION_LOST;
    if (s->uplink.count > 0 || !over)
        return;
    session_ask_upstream(out, MQTT_DISCONNECT);
    if (s->clean)
        actions_forget(out);
}

/* One message in a turn: others have theirs, and live traffic goes in between. */
bool session_drain(struct session *s, uint64_t safe, msec now, struct actions *out)
{
    session_begin(s);
    uplink_expire(s, now, out);
    if (!s->upstream || !upstream_ready(s->upstream))
        return false;
    struct queued *one = first_to_send(s);
    enum progress progress = one ? drain_one(s, one, safe, out) : BLOCKED;
    if (progress == GONE)
        finish(s, out);
    return progress != BLOCKED;
}

/* ---- the broker's answers ---------------------------------------------------------------------------------------- */

static struct queued *uplink_find(struct session *s, uint16_t packet_id)
{
    struct queued *one;
    unsigned left = WINDOW;
    STAILQ_FOREACH(one, &s->uplink.list, next) {
        if (one->phase != QUEUED_WAITING && one->message_id == packet_id)
            return one;
        if (left-- == 0)
            break;
    }
    return NULL;
}

bool uplink_answered(struct session *s, const struct mqtt_packet *p, struct actions *out)
{
    struct queued *one = p->packet_id != 0 ? uplink_find(s, p->packet_id) : NULL;
    if (!one)
        return false;
    if (p->type == MQTT_PUBREC) {
        one->phase = QUEUED_RELEASED;
        session_keep(one, out);
        actions_upstream(out,
                         &(struct mqtt_packet){ .type = MQTT_PUBREL, .packet_id = p->packet_id });
        return true;
    }
    if (p->code == MQTT_CLOSED_OVER) /* SN-BRK-7 */
        drop_one(s, one, DROP_CLOSED_OVER, out);
    else
        uplink_remove(s, one);
    finish(s, out);
    return true;
}

/* ---- the end of waiting ------------------------------------------------------------------------------------------ */

/* It left over a connection that is still there: it is not too old, but not yet answered. */
static bool will_be_answered(const struct session *s, const struct queued *one)
{
    return s->upstream && upstream_online(s->upstream) && is_sent(s, one);
}

static void expire_one(struct session *s, struct queued *one, msec now, struct actions *out)
{
    if (s->upstream && is_under_way(s, one))
        mqtt_client_disown(&s->upstream->mqtt, one->message_id, now);
    drop_one(s, one, DROP_UPLINK_EXPIRED, out);
}

void uplink_expire(struct session *s, msec now, struct actions *out)
{
    enum { AT_ONCE = 64 };
    msec ttl = s->common->limits->uplink_ttl;
    struct queued *one, *behind;
    unsigned gone = 0;
    for (one = STAILQ_FIRST(&s->uplink.list); one && gone < AT_ONCE; one = behind) {
        behind = STAILQ_NEXT(one, next);
        if (now - one->since <= ttl)
            break;
        if (will_be_answered(s, one))
            continue;
        expire_one(s, one, now, out);
        gone++;
    }
    if (gone > 0)
        finish(s, out);
}

msec uplink_deadline(const struct session *s)
{
    const struct queued *one;
    STAILQ_FOREACH(one, &s->uplink.list, next)
        if (!will_be_answered(s, one))
            return one->since + s->common->limits->uplink_ttl + 1;
    return MSEC_NEVER;
}

/* ---- of an earlier run ------------------------------------------------------------------------------------------- */

/* Nobody wrote down whether a message of QoS 1 was sent. */
void uplink_restore(struct session *s, struct queued *one)
{
    uplink_append(s, one);
    one->dup = one->qos == 1 || one->phase != QUEUED_WAITING;
}

/* What may have left under a packet id leaves under the same one again; at QoS 1 any will do. What stands behind others
 * that have to leave before it waits for its turn, with its packet id. */
void uplink_resume(struct session *s)
{
    struct queued *one;
    bool first = true;
    STAILQ_FOREACH(one, &s->uplink.list, next) {
        bool numbered = one->qos == 2 && one->phase != QUEUED_WAITING;
        bool leaves = first || one->phase == QUEUED_RELEASED;
        first = first && numbered;
        bool goes_on = numbered && s->upstream &&
                       (leaves ? upstream_restore(s->upstream, s, one)
                               : mqtt_client_claim(&s->upstream->mqtt, one->message_id, s));
        if (!goes_on && !(numbered && one->phase == QUEUED_RELEASED))
            one->phase = QUEUED_WAITING;
    }
}
