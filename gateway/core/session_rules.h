/* session_rules.h -- what the procedures of a session share with each other and with nobody else. */
#pragma once

#include "gateway/core/session.h"

#define FROM(state) (1U << SESSION_##state)
enum {
    STATES_CONNECTED = FROM(ACTIVE) | FROM(ASLEEP) | FROM(AWAKE),
    STATES_CONNECTING = FROM(WILL_TOPIC) | FROM(WILL_MESSAGE) | FROM(CONNECTING),
    STATES_ALL = (1U << SESSION_STATES) - 1
};

typedef void handler(struct session *s, const struct mqttsn_message *m, msec now,
                     struct actions *out);

/* Each way in begins with it: what the last list of actions borrowed from goes. */
void session_begin(struct session *s);

void session_set_deadline(struct session *s);
void session_rest(struct session *s, msec now); /* an event is over: that, and the brake */

/* The one door between states. */
void session_enter(struct session *s, enum session_state next, msec now, struct actions *out);

/* The connection is over: DISCONNECTED or LOST, kept when the session is, else freed. */
void session_end(struct session *s, enum session_state how, msec now, struct actions *out);

/* A kept one is too old: it is freed, as soon as the broker has all that was accepted. */
void session_expire(struct session *s, msec now, struct actions *out);

/* Everything a clean session begins without (SN-SES-5). */
void session_wipe(struct session *s, struct actions *out);

/* A plain message to the client. */
void session_reply(struct actions *out, enum mqttsn_type type, uint8_t return_code);
void session_ask_upstream(struct actions *out, enum mqtt_type type);

void session_ban(struct session *s, enum mqttsn_type type, uint32_t what, msec now);
bool session_banned(const struct session *s, enum mqttsn_type type, uint32_t what, msec now);

/* What a predefined id or short name stands for, or NULL `at` (SN-TOP-4, -5). The span lives as `out` does. */
struct span session_predefined_name(struct session *s, uint16_t id);
/* A normal id for a topic that has none yet; NULL when the client has too many. */
struct topic *session_new_topic(struct session *s, struct span name);
struct span session_short_name(uint16_t topic_id, struct actions *out);
bool session_short_valid(uint16_t topic_id, struct actions *out);

/* session_connect.c */
handler connect_begin, will_topic_take, will_message_take, will_topic_update, will_message_update,
    connect_abort, will_repeated;
void connect_answered(struct session *s, const struct mqtt_packet *p, msec now, struct actions *out);
void connect_accept(struct session *s, msec now, struct actions *out);
void connect_retry(struct session *s, msec now, struct actions *out);
void will_counts_again(const struct session *s, struct actions *out);

/* May it be promised that a message is kept? */
bool session_keeps(const struct session *s);
/* The message goes on disk; whoever sent it has its answer as soon as it is there. */
void session_keep(struct queued *one, struct actions *out);

/* session_uplink.c: what waits for the broker */
bool uplink_wants(struct session *s, uint8_t qos);
/* Takes the message over and answers it. False: no room. */
MUST_CHECK bool uplink_take(struct session *s, const struct mqttsn_message *m, struct span topic,
                            msec now, struct actions *out);
/* At QoS 0. DROPS, or why not. */
enum drop uplink_take_unacknowledged(struct session *s, const struct mqtt_packet *p, msec now,
                                     struct actions *out);
/* False: no room for it. */
MUST_CHECK bool uplink_take_will(struct session *s, msec now, struct actions *out);
/* True: the broker's answer was for one of these. */
bool uplink_answered(struct session *s, const struct mqtt_packet *p, struct actions *out);
void uplink_expire(struct session *s, msec now, struct actions *out);
void uplink_restore(struct session *s, struct queued *one);
void uplink_resume(struct session *s); /* it has its upstream */
msec uplink_deadline(const struct session *s);

/* session_publish.c: client to broker */
handler topic_register, publish_accept, publish_release;
void publish_answered(struct session *s, struct exchange *e, const struct mqtt_packet *p, msec now,
                      struct actions *out);
void publish_expire(struct session *s, msec now, struct actions *out);

/* session_arrive.c: broker to client, what comes */
void deliver_accept(struct session *s, const struct mqtt_packet *p, msec now, struct actions *out);
/* What the client did not take is put on disk, so that the broker need not wait for it ... */
void deliver_keep(struct session *s, struct actions *out);
/* ... when the client is slow. */
void deliver_keep_late(struct session *s, msec now, struct actions *out);
bool delivery_expired(const struct session *s, const struct queued *q, msec now);
void deliver_expire(struct session *s, msec now, struct actions *out);
msec deliver_deadline(const struct session *s); /* of the first that expires */
/* A message of an earlier run waits on, if the limits of this one let it. */
void deliver_restored(struct session *s, struct queued *one, msec now, struct actions *out);

/* session_deliver.c: what goes on to the client */
void deliver_next(struct session *s, msec now, struct actions *out);
/* When nothing waits any more, what the broker was left with may come. */
void deliver_fetch(struct session *s, struct actions *out);
void deliver_freeze(struct session *s);
void deliver_wipe(struct session *s, struct actions *out);
void delivery_begin(struct session *s, msec now, struct actions *out);
void delivery_name(struct session *s); /* by which id the open message goes */
void delivery_register(struct session *s, msec now, struct actions *out);
bool delivery_may_register(const struct session *s); /* does its radio carry the REGISTER? */
void delivery_publish(struct session *s, msec now, struct actions *out);
/* T_RETRY after `tries` retransmissions (SN-RTX-3). */
msec delivery_patience(const struct session *s, unsigned tries);
void delivery_await(struct session *s, enum delivery_phase phase, msec now);
void delivery_send_register(const struct session *s, struct actions *out);
void delivery_send_publish(struct session *s, struct actions *out);
void delivery_released(struct session *s, struct actions *out); /* PUBREC came from the client */
void delivery_anew(struct session *s, struct actions *out); /* it begins once more, under another id */
void delivery_ack(struct actions *out, enum mqtt_type type, uint32_t receipt);
/* Its sender need not keep it any more: delivered, kept, or dropped for a counted reason (SN-FRM-9). */
void delivery_settle(struct actions *out, uint8_t qos, uint32_t receipt);
/* Nothing waits before it and the client knows the topic: it leaves without a copy. */
bool delivery_at_once(struct session *s, const struct mqtt_packet *p, struct actions *out);
void delivery_drop_queued(struct session *s, struct queued *q, enum drop why, struct actions *out);
void delivery_end(struct session *s);
void delivery_drop(struct session *s, enum drop why, struct actions *out);
/* The client is heard on a radio that carries less: what is open and does not fit is dropped. True: it was. */
bool delivery_drop_unfit(struct session *s, struct actions *out);
bool delivery_knows_topic(const struct session *s);

/* session_answers.c: what the client says to it, or does not */
handler regack_take, puback_take, pubrec_take, pubcomp_take;
void deliver_again(struct session *s, msec now, struct actions *out);
void deliver_resume(struct session *s, msec now, struct actions *out); /* what was frozen goes on */
void deliver_retry(struct session *s, msec now, struct actions *out);
void deliver_clock(struct session *s, msec now);

/* session_subscribe.c */
handler subscribe_ask, unsubscribe_ask;
void subscribe_answered(struct session *s, const struct mqtt_packet *p, msec now,
                        struct actions *out);
void subscribe_again(struct session *s, struct actions *out);
/* What the client gave up and the broker was not told in this run. */
void unsubscribe_again(struct session *s, struct actions *out);
/* It wants nothing any more: from now on nothing comes for it, and the broker is told. */
void unsubscribe_all(struct session *s, struct actions *out);
/* Does the client wait for the SUBACK to a filter that matches this topic? */
bool subscribe_pending(struct session *s, struct span topic);
void subscribe_expire(struct session *s, msec now, struct actions *out);

/* session_sleep.c: keep-alive, sleep, leaving */
handler ping_answer, wake_to_collect, wake_again, sleep_or_leave, sign_of_life;
bool silence_probed(struct session *s, struct actions *out);
void awake_finish(struct session *s, msec now, struct actions *out);
