/* zigbee_trouble_test.c -- what goes wrong between the gateway and a coordinator: the cable is pulled, the stick starts
 * again by itself, frames come damaged and in pieces, statuses never come, and the network is somebody else's. */
#include "tests/system/zigbee_scene.h"

static void a_pulled_cable_costs_no_message(struct scene *s)
{
    struct stick *k = field(s, "--nodes 3 --messages 10 --interval 50 --retry 1 --retries 9", "");
    stick_reaches(k, "acknowledged", 3);
    stick_does(k, "unplug");
    gateway_logs(s->gateway, "is gone");
    stick_does(k, "replug");
    gateway_logs(s->gateway, "radio field: up: ");
    all_is_said(k, 30);
}

static void a_reset_in_the_middle_costs_no_message(struct scene *s)
{
    struct stick *k = field(s, "--nodes 5 --messages 20 --interval 20 --retry 1 --retries 9", "");
    stick_reaches(k, "acknowledged", 20);
    stick_does(k, "reset");
    gateway_logs(s->gateway, "radio field: up: ");
    all_is_said(k, 100);
}

static void damaged_split_and_joined_frames_cost_no_message(struct scene *s)
{
    struct stick *k = field(s, "--nodes 3 --messages 20 --interval 20 --retry 1 --retries 9", "");
    stick_does(k, "checksum:40");
    stick_does(k, "split:3");
    stick_does(k, "join:4");
    stick_does(k, "noise 100");
    all_is_said(k, 60);
}

static void a_network_that_is_not_ours_is_left_alone(struct scene *s)
{
    struct stick *k = stick_start(s, "--nodes 1 --formed --channel 20 --pan-id 4660");
    gateway_start_with_broker(
        s, (struct settings){
               .radios = stick_radio(k, s,
                                     ", channel: 15, pan_id: 0x1111}\n"
                                     "  - {name: lan, driver: udp, listen: \"127.0.0.1:0\"") });
    const char *line = gateway_logs(s->gateway, "radio field: not used: ");
    assert_non_null(strstr(line, "channel 20 (settings: 15), PAN 0x1234 (settings: 0x1111); correct"));
    gateway_logs(s->gateway, "radio lan: listening");
}

static void statuses_that_never_come_hold_up_one_node_only(struct scene *s)
{
    struct stick *k = field(s, "--nodes 3 --messages 4 --interval 50 --retry 1 --retries 30", "");
    stick_reaches(k, "connected", 3);
    stick_does(k, "no-status");
    all_is_said(k, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_EACH(a_pulled_cable_costs_no_message),
        WITH_EACH(a_reset_in_the_middle_costs_no_message),
        WITH_EACH(damaged_split_and_joined_frames_cost_no_message),
        WITH_EACH(a_network_that_is_not_ours_is_left_alone),
        WITH_EACH(statuses_that_never_come_hold_up_one_node_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
