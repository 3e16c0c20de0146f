/* session_probe_test.c -- a silent client is asked before it is lost (SN-PING-3): clients[].probe. Without it:
 * session_sleep_test.c. */
#include "tests/gateway/core/scene.h"

static void open_probed(struct scene *s, uint16_t keep_alive)
{
    s->access.probe = true;
    s->limits.max_idle = 1000 * SECOND;
    client_sends(s, "m1", M(CONNECT, .clean = true, .duration = keep_alive));
    broker_accepts(s, "m1", true, false);
    client_receives(s, "m1", M(CONNACK));
}

static void is_asked_four_times_and_lost(struct scene *s)
{
    for (int i = 0; i < 4; i++) {
        client_receives(s, "m1", M(PINGREQ));
        session_is(s, "m1", SESSION_ACTIVE);
        time_passes(s, 10 * SECOND - 1);
        nothing_is_sent(s);
        time_passes(s, 1);
    }
    client_receives(s, "m1", M(DISCONNECT, .brief = true));
    session_is_gone(s, "m1");
    if (!s->shared)
        broker_receives(s, P(DISCONNECT));
}

static void a_silent_client_is_asked_before_it_is_lost(void **scene) /* SN-PING-3, SN-PING-9 */
{
    open_probed(*scene, 60);
    time_passes(*scene, 90 * SECOND - 1);
    nothing_is_sent(*scene);
    time_passes(*scene, 1);
    is_asked_four_times_and_lost(*scene);
}

static void one_without_keep_alive_too(void **scene) /* SN-PING-3, SN-CONN-6 */
{
    open_probed(*scene, 0);
    time_passes(*scene, 1000 * SECOND);
    is_asked_four_times_and_lost(*scene);
}

static void whatever_it_answers_keeps_it(void **scene) /* SN-PING-3, -6 */
{
    open_probed(*scene, 60);
    time_passes(*scene, 100 * SECOND);
    for (int i = 0; i < 2; i++)
        client_receives(*scene, "m1", M(PINGREQ));
    client_sends(*scene, "m1", M(PINGRESP));
    time_passes(*scene, 90 * SECOND - 1);
    nothing_is_sent(*scene);
    time_passes(*scene, 1);
    is_asked_four_times_and_lost(*scene); /* the questions before do not count any more */
}

static void a_sleeper_is_not_asked(void **scene) /* SN-PING-3, SN-SLP-15 */
{
    open_probed(*scene, 60);
    client_falls_asleep(*scene, "m1", 100);
    time_passes(*scene, 150 * SECOND);
    session_is_gone(*scene, "m1");
    if (!((struct scene *)*scene)->shared)
        broker_receives(*scene, P(DISCONNECT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH(a_silent_client_is_asked_before_it_is_lost),
        IN_BOTH(one_without_keep_alive_too),
        IN_BOTH(whatever_it_answers_keeps_it),
        IN_BOTH(a_sleeper_is_not_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
