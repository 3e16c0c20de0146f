/* store_subscriptions_test.c -- what a node has subscribed to, and what it gave up, over a restart of the gateway, with
 * a real broker that keeps its sessions (SN-SES-6, SN-UNS-5; design rule 4).
 *
 * The broker's log is the witness of what it was asked: a message that does not come proves nothing where it may
 * have been dropped on its way. */
#include "tests/system/keeper.h"
#include "tests/system/outage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* On the connection that "m1" depends on. */
static void broker_is_asked(struct scene *s, const char *what)
{
    char text[LINE], line[LINE];
    snprintf(text, sizeof text, "Received %s from %s", what,
             outage_of_own_connection(s) ? "m1" : "gateway-under-test");
    if (!process_says(&s->broker->process, text, PATIENCE_MS, line, sizeof line))
        fail_msg("the broker never logged \"%s\"", text);
}

static struct node *node_with_two_filters(struct scene *s)
{
    struct node *n =
        node_open(keeper_start(s, (struct settings){ .limits = "retry: {interval: \"1s\"}" }));
    node_connects_kept(n, "m1");
    node_subscribes(n, "lamp/1", 1);
    node_subscribes(n, "lamp/2", 1);
    return n;
}

static void node_unsubscribes(struct node *n, const char *filter)
{
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_UNSUBSCRIBE,
                                           .message_id = node_next_message_id(n),
                                           .tail = span_text(filter) });
    node_expects(n, MQTTSN_UNSUBACK);
}

static void what_was_given_up_without_a_broker_stays_so(struct scene *s) /* SN-UNS-5 */
{
    struct node *n = node_with_two_filters(s);
    outage_begins(s);
    node_unsubscribes(n, "lamp/1");
    keeper_dies_and_returns(n->gateway);
    outage_ends(s);
    broker_is_asked(s, "UNSUBSCRIBE");
    struct peer *world = peer_open(s, "world");
    peer_publishes(world, "lamp/1", 1, "on");
    peer_publishes(world, "lamp/2", 1, "off");
    node_receives_and_acks(n, "off");
    node_hears_nothing(n);
}

/* ---- the other mode ---------------------------------------------------------------------------------------------- */

/* Its settings file changes, and the test looks for the other connection from now on. */
static void the_mode_is_another(struct scene *s)
{
    char text[SETTINGS_MAX], path[SCENE_PATH], old[LINE];
    char *written = scene_reads(s->gateway->settings);
    const char *mode = outage_of_own_connection(s) ? "aggregate" : "transparent";
    snprintf(old, sizeof old, "mode: %s", s->mode);
    char *at = strstr(written, old);
    assert_non_null(at);
    snprintf(text, sizeof text, "%.*smode: %s%s", (int)(at - written), written, mode,
             at + strlen(old));
    free(written);
    scene_writes(s, "gateway.yaml", text, path);
    s->mode = mode;
}

static void a_node_hears_on_when_the_mode_is_another(struct scene *s) /* SN-SES-6 */
{
    struct node *n = node_with_two_filters(s);
    gateway_is_killed(n->gateway);
    the_mode_is_another(s);
    gateway_starts_again(n->gateway);
    struct peer *world = peer_open(s, "world");
    peer_retains(world, "lamp/1", "on");
    node_receives_and_acks(n, "on");
    peer_retains(world, "lamp/2", "off");
    node_receives_and_acks(n, "off");
    node_hears_nothing(n);
    keeper_dies_and_reconnects(n->gateway);
    peer_publishes(world, "lamp/1", 1, "on again");
    node_receives_and_acks(n, "on again");
    node_hears_nothing(n);
}

static void the_shared_connection_gives_back_what_nobody_has_there(struct scene *s)
{
    char line[LINE];
    struct node *n = node_with_two_filters(s);
    gateway_is_killed(n->gateway);
    the_mode_is_another(s);
    process_mark(&s->broker->process);
    gateway_starts_again(n->gateway);
    assert_true(process_says(&s->broker->process, "Received UNSUBSCRIBE from gateway-under-test",
                             PATIENCE_MS, line, sizeof line));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_IN_BOTH(what_was_given_up_without_a_broker_stays_so),
        SCENE_IN_BOTH(a_node_hears_on_when_the_mode_is_another),
        SCENE_IN(the_shared_connection_gives_back_what_nobody_has_there, "aggregate"),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
