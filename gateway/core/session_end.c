/* session_end.c -- how a session ends, and what is left of it then (MQTT-SN 1.2, section 6.1; SN-SES-1, -5, -8).
 *
 * A session that the client keeps waits for its next CONNECT, with all that is for it, until it is too old. Of a clean
 * one nothing is left, but for messages that were accepted and that the broker does not have yet. */
#include "gateway/core/session_rules.h"

/* What the broker is still to have is not the client's any more, but nothing comes for it any more either
 * (SN-SES-5). */
static void session_linger(struct session *s, struct actions *out)
{
    bool forgotten = s->clean && s->upstream && s->upstream->session == s; /* by the broker */
    registry_clear(&s->topics);
    s->inflight = (struct inflight){ .kept = s->inflight.kept, .changed = s->inflight.kept };
    if (forgotten)
        subscriptions_clear(&s->subscriptions);
    else
        unsubscribe_all(s, out);
    s->wiped = true;
}

void session_end(struct session *s, enum session_state how, msec now, struct actions *out)
{
    will_free(s->connect.will);
    s->connect = (struct connecting){ 0 };
    deliver_freeze(s);
    session_enter(s, how, now, out);
    if (!s->clean) {
        deliver_keep(s, out);
        return;
    }
    deliver_wipe(s, out);
    if (s->uplink.count == 0) /* else when the broker has it all */
        actions_forget(out);
    else
        session_linger(s, out);
}

/* The broker publishes its will, or did: it lost the connection before. A sleeper learns it when it wakes. */
void session_dismiss(struct session *s, msec now, struct actions *out)
{
    if (s->state != SESSION_ASLEEP)
        session_reply(out, MQTTSN_DISCONNECT, 0);
    session_ask_upstream(out, MQTT_DISCONNECT);
    session_end(s, SESSION_DISCONNECTED, now, out);
    session_rest(s, now);
}

/* A stored session that nobody came back for (SN-SES-8). */
void session_expire(struct session *s, msec now, struct actions *out)
{
    deliver_wipe(s, out);
    if (s->uplink.count == 0) {
        actions_forget(out);
        return;
    }
    s->entered_at = now;
    session_linger(s, out);
}
