/* minus_one_test.c -- what QoS -1 may do where the settings allow it, sent by a connected client (SN-M1-4, -5, -8):
 * qos_m1_retain and qos_m1_long_topic. Without them, and from strangers: session_publish_test.c, discovery_test.c. */
#include "tests/gateway/core/scene.h"

#define MINUS_ONE(...) M(PUBLISH, .qos = MQTTSN_QOS_MINUS_ONE, __VA_ARGS__)

static void retain_is_passed_on_where_it_is_allowed(void **scene) /* SN-M1-4 */
{
    ((struct scene *)*scene)->limits.minus_one.retain = true;
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1",
                 MINUS_ONE(.retain = true, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 2));
    broker_receives(*scene, P(PUBLISH, .retain = true, .topic = TEXT("node/m1")));
}

static void a_name_before_the_data_is_the_topic_where_it_is_allowed(void **scene) /* SN-M1-5, P034 */
{
    ((struct scene *)*scene)->limits.minus_one.long_topic = true;
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", MINUS_ONE(.retain = true, .topic_id = 7, .tail = TEXT("top/lon42")));
    broker_receives(*scene, P(PUBLISH, .topic = TEXT("top/lon"), .payload = TEXT("42")));
    nothing_is_sent(*scene);
}

static void without_leave_it_is_dropped(void **scene) /* SN-M1-2, -5 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", MINUS_ONE(.topic_id = 7, .tail = TEXT("top/lon42")));
    dropped(*scene, DROP_QOS_MINUS_ONE_TOPIC);
}

static void a_name_that_is_none_is_dropped(void **scene) /* SN-M1-5 */
{
    ((struct scene *)*scene)->limits.minus_one.long_topic = true;
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", MINUS_ONE(.topic_id = 10, .tail = TEXT("top/lon42")));
    dropped(*scene, DROP_QOS_MINUS_ONE_TOPIC);
    client_sends(*scene, "m1", MINUS_ONE(.topic_id = 3, .tail = TEXT("a/#42")));
    dropped(*scene, DROP_QOS_MINUS_ONE_TOPIC);
}

static void only_permitted_names_are_published(void **scene) /* SN-M1-5, SN-PUB-9 */
{
    static const char *const own[] = { "mine/#" };
    struct scene *s = *scene;
    s->limits.minus_one.long_topic = true;
    s->access.publish = (struct access_filters){ own, 1 };
    client_connects(s, "m1", true);
    client_sends(s, "m1", MINUS_ONE(.topic_id = 7, .tail = TEXT("other/142")));
    dropped(s, DROP_FORBIDDEN);
    client_sends(s, "m1", MINUS_ONE(.topic_id = 6, .tail = TEXT("mine/142")));
    broker_receives(s, P(PUBLISH, .topic = TEXT("mine/1"), .payload = TEXT("42")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH(retain_is_passed_on_where_it_is_allowed),
        IN_BOTH(a_name_before_the_data_is_the_topic_where_it_is_allowed),
        IN_BOTH(without_leave_it_is_dropped),
        IN_BOTH(a_name_that_is_none_is_dropped),
        IN_BOTH(only_permitted_names_are_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
