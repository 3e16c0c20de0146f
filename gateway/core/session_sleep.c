/* session_sleep.c -- keep-alive, sleep and leaving (MQTT-SN 1.2, sections 6.11, 6.12 and 6.14).
 *
 * A sleeper wakes with PINGREQ, gets what waits for it one message after the other, and PINGRESP when nothing is left
 * and nothing is open; then it sleeps on. Who breaks its promise to show a sign of life is lost: its will is published
 * by the upstream, exactly once, as it stands now (SN-WILL-10). */
#include "gateway/core/session_rules.h"

void sign_of_life(struct session *s, const struct mqttsn_message *m, msec now, struct actions *out)
{
    (void)s, (void)m, (void)now,
        (void)out; /* that it came is all: session_receive noted it (SN-PING-6) */
}

void ping_answer(struct session *s, const struct mqttsn_message *m, msec now, struct actions *out)
{
    (void)s, (void)m, (void)now;
    session_reply(out, MQTTSN_PINGRESP, 0);
}

/* Whether or not the client promised to be heard by now, it may be there: it is asked first, N_RETRY times more
 * (SN-PING-3). False: it has been, or is not to be. */
bool silence_probed(struct session *s, struct actions *out)
{
    if (s->state != SESSION_ACTIVE || !s->access->probe || s->prompts > s->common->limits->retry_count)
        return false;
    s->prompts++;
    session_reply(out, MQTTSN_PINGREQ, 0);
    return true;
}

/* PINGRESP ends the awake period when all that may be delivered in it is through (SN-SLP-7, -8). */
void awake_finish(struct session *s, msec now, struct actions *out)
{
    bool busy = s->delivery.phase != DELIVERY_IDLE && s->delivery.phase != DELIVERY_PAUSED;
    bool more = s->queue.count > 0 && s->awake_left > 0 && s->delivery.phase == DELIVERY_IDLE;
    if (s->state != SESSION_AWAKE || busy || more)
        return;
    session_reply(out, MQTTSN_PINGRESP, 0);
    session_enter(s, SESSION_ASLEEP, now, out);
}

void wake_to_collect(struct session *s, const struct mqttsn_message *m, msec now, struct actions *out)
{
    (void)m;
    bool own = s->upstream && s->upstream->session == s;
    if (own && !upstream_online(s->upstream) && !s->upstream->fetching && !session_keeps(s)) {
        session_reply(out, MQTTSN_DISCONNECT,
                      0); /* its own connection is gone: CONNECT again (SN-BRK-4) */
        return;
    }
    session_enter(s, SESSION_AWAKE, now, out);
    s->awake_left = s->queue.count + s->access->awake_extra;
    deliver_retry(s, now, out); /* a pause may be over */
    deliver_next(s, now, out);
}

/* The client saw nothing of what we sent and asks again: go on where we are (SN-SLP-9). */
void wake_again(struct session *s, const struct mqttsn_message *m, msec now, struct actions *out)
{
    (void)m;
    deliver_again(s, now, out);
    awake_finish(s, now, out);
}

void sleep_or_leave(struct session *s, const struct mqttsn_message *m, msec now, struct actions *out)
{
    session_reply(out, MQTTSN_DISCONNECT, 0);
    if (m->duration > 0) { /* the decoder leaves 0 when there is none, and 0 means none (SN-SLP-3) */
        s->sleep_s = m->duration;
        deliver_freeze(s);
        deliver_keep(s, out);
        session_enter(s, SESSION_ASLEEP, now, out);
        return;
    }
    session_ask_upstream(out, MQTT_DISCONNECT);
    session_end(s, SESSION_DISCONNECTED, now, out);
}

/* Over a shared connection the will goes the way of all that must not be lost. Over one of the client's own it is said
 * at once, or the broker says it. */
static bool will_kept(struct session *s, msec now, struct actions *out)
{
    bool shared = s->upstream && s->upstream->session != s;
    return shared && session_keeps(s) && uplink_take_will(s, now, out);
}

void session_lose(struct session *s, msec now, struct actions *out)
{
    struct mqtt_packet leave = { .type = MQTT_DISCONNECT };
    if (!session_is_connected(s) &&
        !s->connect.from_sleep) { /* there is no connection yet whose will it could be */
        actions_upstream(out, &leave);
        session_end(s, SESSION_DISCONNECTED, now, out);
        session_rest(s, now);
        return;
    }
    if (s->will && !s->will_out && !will_kept(s, now, out))
        will_into(s->will, &leave.connect);
    if (s->state != SESSION_ASLEEP) /* a sleeper would not hear it (SN-DSC-6) */
        session_reply(out, MQTTSN_DISCONNECT, 0);
    actions_upstream(out, &leave);
    session_end(s, SESSION_LOST, now, out);
    session_rest(s, now);
}
