/* store_subscriptions_test.c -- what a node has subscribed to, and what it gave up, over a restart of the gateway, with a
 * real broker that keeps its sessions (SN-SES-6, SN-UNS-5; design rule 4).
 *
 * The broker's log is the witness of what it was asked: a message that does not come proves nothing where it may have
 * been dropped on its way. */
#include "tests/system/keeper.h"
#include "tests/system/outage.h"

#include <stdio.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_IN_BOTH(what_was_given_up_without_a_broker_stays_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
