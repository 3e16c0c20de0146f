/* adopt.c -- the settings in the words of the core.
 *
 * The core does not know how settings are written or read; this is the one place that translates, at start and at each
 * reload. */
#include "gateway/adopt.h"

#include "gateway/core/keeping.h"

#include <stdlib.h>

struct adopted {
    const struct config *config;
    struct limits limits;
    struct predefined *predefined;
    struct access fallback;
    struct access rows[];
};

static struct access access_of(const struct config_client *c)
{
    return (struct access){
        .allow = c->allow,
        .strict_sleep = c->strict_sleep,
        .sleep_qos0 = c->sleep_qos0,
        .will_on_takeover = c->will_on_takeover,
        .strict_client_id = c->strict_client_id,
        .reject_zero_keepalive = c->reject_zero_keepalive,
        .probe = c->probe,
        .will_reconnect = c->will_update == WILL_UPDATE_RECONNECT,
        .wake_resume = c->wake_connect == WAKE_RESUME,
        .tolerance = c->tolerance == TOLERANCE_SPEC ? ACCESS_SPEC : ACCESS_HALF,
        .awake_extra = c->awake_extra,
        .publish = { c->publish, c->publish_count },
        .subscribe = { c->subscribe, c->subscribe_count },
    };
}

static uint8_t uplink_qos0_of(enum config_qos0 policy)
{
    return policy == QOS0_NONE     ? UPLINK_QOS0_NONE
           : policy == QOS0_LATEST ? UPLINK_QOS0_LATEST
                                   : UPLINK_QOS0_MEMORY;
}

static struct limits limits_of(const struct config_limits *l)
{
    return (struct limits){
        .topics = l->topics_per_client,
        .subscriptions = l->subscriptions_per_client,
        .queue_messages = l->sleep_queue.messages,
        .retry_count = l->retry.count,
        .retry_factor = l->retry.factor,
        .broker_grace = l->broker_grace_ms,
        .inflight_in = l->inflight_in,
        .max_client_id = l->max_client_id,
        .queue_bytes = l->sleep_queue.bytes,
        .uplink_bytes = l->uplink_queue.bytes,
        .queue_ttl = l->sleep_queue.ttl_ms,
        .queue_drop_oldest = l->sleep_queue.overflow == OVERFLOW_OLDEST,
        .uplink_qos0 = uplink_qos0_of(l->uplink_queue.qos0),
        .uplink_memory = l->uplink_queue.memory,
        .uplink_ttl = l->uplink_queue.ttl_ms,
        .retry = l->retry.interval_ms,
        .wait = l->wait_ms,
        .connect_timeout = l->connect_timeout_ms,
        .max_idle = l->max_idle_ms,
        .session_expiry = l->session_expiry_ms,
        .qos2_expiry = l->qos2_expiry_ms,
    };
}

static struct predefined *predefined_of(const struct config *c)
{
    struct predefined_row *rows = calloc(c->topic_count > 0 ? c->topic_count : 1, sizeof *rows);
    if (!rows)
        return NULL;
    for (size_t i = 0; i < c->topic_count; i++)
        rows[i] = (struct predefined_row){ c->topics[i].client, c->topics[i].topic, c->topics[i].id };
    struct predefined *p = predefined_new(rows, c->topic_count);
    free(rows);
    return p;
}

struct adopted *adopted_new(const struct config *c)
{
    struct adopted *a = calloc(1, sizeof *a + c->client_count * sizeof a->rows[0]);
    if (!a)
        return NULL;
    a->config = c;
    a->limits = limits_of(&c->limits);
    a->limits.minus_one = (struct minus_one){ c->qos_m1_retain, c->qos_m1_long_topic };
    a->fallback = access_of(&c->default_client);
    for (size_t i = 0; i < c->client_count; i++)
        a->rows[i] = access_of(&c->clients[i]);
    a->predefined = predefined_of(c);
    if (!a->predefined) {
        free(a);
        return NULL;
    }
    return a;
}

void adopted_free(struct adopted *a)
{
    if (!a)
        return;
    predefined_release(a->predefined);
    free(a);
}

const struct limits *adopted_limits(const struct adopted *a)
{
    return &a->limits;
}

struct predefined *adopted_predefined(const struct adopted *a)
{
    return a->predefined;
}

const struct access *adopted_access(const struct adopted *a, const char *client_id,
                                    const struct config_client **row)
{
    *row = config_client(a->config, client_id);
    return *row == &a->config->default_client ? &a->fallback : &a->rows[*row - a->config->clients];
}
