/* config_radio_test.c -- the settings of radios on ports: what is read, what is left out, and every mistake. */
#include "tests/config/config_scene.h"

struct wrong {
    const char *radio, *mistakes;
};

/* `radio` is the one item of the list; its first character stands in column 11. */
static void all_are_refused(const struct wrong *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char yaml[400];
        snprintf(yaml, sizeof yaml, "radios: [{%s}]\n", rows[i].radio);
        is_refused(yaml, rows[i].mistakes);
    }
}
#define ALL_ARE_REFUSED(rows) all_are_refused(rows, sizeof(rows) / sizeof *(rows))

static void every_setting_of_a_coordinator_is_read(void **state)
{
    const struct config_scene *scene = *state;
    char path[128];
    struct config *c = load_everything();
    const struct config_radio *field = &c->radios[2];
    assert_string_equal(field->name, "field");
    assert_int_equal(field->driver, DRIVER_XBEE);
    assert_string_equal(field->port, "/dev/serial/by-id/usb-FTDI_XBee-if00");
    assert_int_equal(field->baud, 57600);
    assert_int_equal(field->flow_control, FLOW_RTSCTS);
    assert_int_equal(field->form, FORM_REPLACE);
    assert_int_equal(field->channel, 20);
    assert_int_equal(field->pan_id, 0x1A62);
    assert_true(field->extended_pan_id == UINT64_C(0xF0124B0001020304));
    snprintf(path, sizeof path, "%s/field.key", scene->folder);
    assert_string_equal(field->network_key_file, path); /* it need not exist yet */
    assert_false(field->security);
    assert_int_equal(field->permit_join_s, 254);
    config_free(c);
}

static void every_setting_of_its_frames_is_read(void **state)
{
    (void)state;
    struct config *c = load_everything();
    const struct config_radio *field = &c->radios[2];
    assert_int_equal(field->profile, 0x0104);
    assert_int_equal(field->cluster, 0xFC00);
    assert_int_equal(field->endpoint, 1);
    assert_true(field->any_endpoint);
    assert_int_equal(field->broadcast_pace_ms, 250);
    assert_int_equal(field->queue, 2000);
    assert_int_equal(field->queue_per_node, 8);
    assert_int_equal(field->gwinfo, GWINFO_UNICAST);
    assert_int_equal(field->max_message, 66);
    assert_int_equal(c->radios[3].framing, FRAMING_SLIP_CRC16);
    assert_string_equal(c->radios[3].name, "serial"); /* named after its driver */
    assert_string_equal(c->radios[4].port, "auto");
    config_free(c);
}

static void a_coordinator_needs_nothing_but_its_port(void **state)
{
    (void)state;
    struct config *c = is_accepted("radios: [{driver: ezsp, port: /dev/ttyACM0}]\n");
    const struct config_radio *r = c->radios;
    assert_string_equal(r->name, "ezsp");
    assert_int_equal(r->baud, 0);
    assert_int_equal(r->flow_control, FLOW_NONE);
    assert_int_equal(r->form, FORM_BLANK);
    assert_int_equal(r->channel, 0);
    assert_int_equal(r->pan_id, 0);
    assert_true(r->extended_pan_id == 0);
    assert_string_equal(r->network_key_file, "");
    assert_true(r->security);
    assert_int_equal(r->permit_join_s, 0);
    config_free(c);
}

static void frames_have_by_default_the_numbers_of_xbee(void **state)
{
    (void)state;
    struct config *c = is_accepted("radios: [{driver: deconz, port: /dev/ttyACM0}]\n");
    const struct config_radio *r = c->radios;
    assert_int_equal(r->profile, 0xC105);
    assert_int_equal(r->cluster, 0x0011);
    assert_int_equal(r->endpoint, 0xE8);
    assert_false(r->any_endpoint);
    assert_int_equal(r->broadcast_pace_ms, 1000);
    assert_int_equal(r->queue, 1024);
    assert_int_equal(r->queue_per_node, 16);
    assert_int_equal(r->gwinfo, GWINFO_BOTH);
    assert_int_equal(r->max_message, 0);
    config_free(c);
}

static void numbers_are_taken_in_hexadecimal_and_in_decimal(void **state)
{
    (void)state;
    struct config *c = is_accepted("radios: [{driver: znp, port: auto, pan_id: 6754, endpoint: 0XF0, "
                                   "extended_pan_id: 0xfffffffffffffffe}]\n");
    assert_int_equal(c->radios[0].pan_id, 0x1A62);
    assert_int_equal(c->radios[0].endpoint, 240);
    assert_true(c->radios[0].extended_pan_id == UINT64_MAX - 1);
    config_free(c);
}

static void a_number_that_is_none_or_too_large_is_refused(void **state)
{
    (void)state;
    static const struct wrong rows[] = {
        { "driver: znp, port: auto, pan_id: 1A62",
          "g.yaml:1:44: radios[].pan_id: \"1A62\" is not a number such as 0x1A62, allowed is 0x0001..0xFFFE\n" },
        { "driver: znp, port: auto, pan_id: 0123",
          "g.yaml:1:44: radios[].pan_id: \"0123\" is not a number such as 0x1A62, allowed is 0x0001..0xFFFE\n" },
        { "driver: znp, port: auto, pan_id: 0x",
          "g.yaml:1:44: radios[].pan_id: \"0x\" is not a number such as 0x1A62, allowed is 0x0001..0xFFFE\n" },
        { "driver: znp, port: auto, pan_id: 0xFFFF",
          "g.yaml:1:44: radios[].pan_id: \"0xFFFF\" is out of range, allowed is 0x0001..0xFFFE\n" },
        { "driver: znp, port: auto, endpoint: 241",
          "g.yaml:1:46: radios[].endpoint: \"241\" is out of range, allowed is 0x01..0xF0\n" },
        { "driver: znp, port: auto, extended_pan_id: 1122334455667788",
          "g.yaml:1:53: radios[].extended_pan_id: \"1122334455667788\" is not a number such as 0x00124B0001020304, "
          "allowed is 0x0000000000000001..0xFFFFFFFFFFFFFFFE\n" },
        { "driver: znp, port: auto, extended_pan_id: 0x11223344556677889900",
          "g.yaml:1:53: radios[].extended_pan_id: \"0x11223344556677889900\" is out of range, "
          "allowed is 0x0000000000000001..0xFFFFFFFFFFFFFFFE\n" },
    };
    ALL_ARE_REFUSED(rows);
}

static void a_value_out_of_range_names_the_range(void **state)
{
    (void)state;
    static const struct wrong rows[] = {
        { "driver: znp, port: auto, channel: 27",
          "g.yaml:1:45: radios[].channel: \"27\" is out of range, allowed is 11..26\n" },
        { "driver: znp, port: auto, permit_join: 255s",
          "g.yaml:1:49: radios[].permit_join: \"255s\" is out of range, allowed is 0s..254s\n" },
        { "driver: znp, port: auto, baud: 300",
          "g.yaml:1:42: radios[].baud: \"300\" is out of range, allowed is 1200..4000000\n" },
        { "driver: znp, port: auto, broadcast_pace: 0s",
          "g.yaml:1:52: radios[].broadcast_pace: \"0s\" is out of range, allowed is 10ms..1m\n" },
        { "driver: znp, port: auto, form: yes",
          "g.yaml:1:42: radios[].form: \"yes\" is none of blank | never | replace\n" },
        { "driver: znp, port: auto, flow_control: rtscst",
          "g.yaml:1:50: radios[].flow_control: \"rtscst\" is none of none | rtscts | xonxoff, did you mean "
          "\"rtscts\"?\n" },
        { "driver: znp, port: auto, gwinfo: all",
          "g.yaml:1:44: radios[].gwinfo: \"all\" is none of broadcast | unicast | both\n" },
        { "driver: serial, port: /dev/x, framing: cobs",
          "g.yaml:1:50: radios[].framing: \"cobs\" is none of raw | slip | slip-crc16\n" },
        { "driver: xbe",
          "g.yaml:1:19: radios[].driver: \"xbe\" is none of udp | xbee | znp | ezsp | deconz | serial, did you mean "
          "\"xbee\"?\n" },
    };
    ALL_ARE_REFUSED(rows);
}

static void a_setting_that_does_nothing_with_its_driver_is_a_mistake(void **state)
{
    (void)state;
    static const struct wrong rows[] = {
        { "port: /dev/ttyUSB0", "g.yaml:1:17: radios[].port would do nothing with driver udp, it is for "
                                "xbee | znp | ezsp | deconz | serial\n" },
        { "baud: 9600", "g.yaml:1:17: radios[].baud would do nothing with driver udp, it is for "
                        "xbee | znp | ezsp | deconz | serial\n" },
        { "driver: xbee, port: /dev/x, listen: \"127.0.0.1:1883\"",
          "g.yaml:1:47: radios[].listen would do nothing with driver xbee, it is for udp\n" },
        { "driver: xbee, port: /dev/x, multicast: \"239.0.0.1\", interface: eth0",
          "g.yaml:1:50: radios[].multicast would do nothing with driver xbee, it is for udp\n"
          "g.yaml:1:74: radios[].interface would do nothing with driver xbee, it is for udp\n" },
        { "driver: serial, port: /dev/x, channel: 15",
          "g.yaml:1:50: radios[].channel would do nothing with driver serial, it is for xbee | znp | ezsp | deconz\n" },
        { "driver: znp, port: /dev/x, framing: slip",
          "g.yaml:1:47: radios[].framing would do nothing with driver znp, it is for serial\n" },
        { "driver: znp, port: /dev/x, security: false",
          "g.yaml:1:48: radios[].security would do nothing with driver znp, it is for xbee\n" },
        { "forwarder_depth: 2",
          "g.yaml:1:28: radios[].forwarder_depth is for forwarders, and this radio accepts none: "
          "set forwarders: true\n" },
        { "forwarders_from: [192.0.2.7]",
          "g.yaml:1:28: radios[].forwarders_from is for forwarders, and this radio accepts none: "
          "set forwarders: true\n" },
        { "driver: serial, port: /dev/x, forwarders: true, forwarders_from: []",
          "g.yaml:1:76: radios[].forwarders_from would do nothing with driver serial, it is for "
          "udp | xbee | znp | ezsp | deconz\n" },
    };
    ALL_ARE_REFUSED(rows);
}

static void a_forwarder_that_is_no_address_is_a_mistake(void **state)
{
    (void)state;
    static const struct wrong rows[] = {
        { "forwarders: true, forwarders_from: 192.0.2.7",
          "g.yaml:1:46: radios[].forwarders_from needs a list, as in [\"192.0.2.7\"]\n" },
        { "forwarders: true, forwarders_from: [[a]]",
          "g.yaml:1:47: radios[].forwarders_from: a text is needed here\n" },
        { "forwarders: true, forwarders_from: [here]",
          "g.yaml:1:46: radios[].forwarders_from names \"here\", which is no address such as \"192.0.2.7\"\n" },
        { "driver: xbee, port: auto, forwarders: true, forwarders_from: [\"00:13:a2:00:41:52:3c:9f:00\"]",
          "g.yaml:1:72: radios[].forwarders_from names \"00:13:a2:00:41:52:3c:9f:00\", which is no address such as "
          "\"00:13:a2:00:41:52:3c:9f\"\n" },
        { "driver: xbee, port: auto, forwarders: true, forwarders_from: [\"00:13:a2:00:41:52:3c-9f\"]",
          "g.yaml:1:72: radios[].forwarders_from names \"00:13:a2:00:41:52:3c-9f\", which is no address such as "
          "\"00:13:a2:00:41:52:3c:9f\"\n" },
    };
    ALL_ARE_REFUSED(rows);
}

static void forwarders_are_kept_as_their_driver_writes_them(void **state)
{
    (void)state;
    struct config *c = is_accepted(
        "radios:\n  - {forwarders: true, forwarders_from: [\"2001:DB8:0::7\", 192.0.2.7]}\n"
        "  - {driver: znp, port: auto, forwarders: true, forwarders_from: [\"00:13:A2:00:41:52:3C:9F\"]}\n");
    assert_int_equal(c->radios[0].forwarders_from_count, 2);
    assert_string_equal(c->radios[0].forwarders_from[0], "2001:db8::7");
    assert_string_equal(c->radios[0].forwarders_from[1], "192.0.2.7");
    assert_string_equal(c->radios[1].forwarders_from[0], "00:13:a2:00:41:52:3c:9f");
    config_free(c);
}

static void a_port_must_be_there_and_be_a_port(void **state)
{
    (void)state;
    static const struct wrong rows[] = {
        { "driver: xbee",
          "g.yaml:1:19: driver xbee needs a port, as `mqttsn-gateway --list-ports` shows them\n" },
        { "driver: xbee, port: \"\"", "g.yaml:1:31: radios[].port: \"\" is empty\n" },
        { "driver: xbee, port: ttyUSB0",
          "g.yaml:1:31: radios[].port is neither a path such as \"/dev/serial/by-id/...\", nor \"tcp://host:port\", "
          "nor auto\n" },
        { "driver: serial, port: auto",
          "g.yaml:1:33: radios[].port cannot be found by itself for driver serial, any adapter would fit: name it\n" },
        { "driver: znp, port: \"tcp://host\"",
          "g.yaml:1:30: radios[].port is not an address, write it like \"tcp://coordinator.example:6638\"\n" },
        { "driver: znp, port: \"tcp://host:0\"",
          "g.yaml:1:30: radios[].port is not an address, write it like \"tcp://coordinator.example:6638\"\n" },
        { "driver: znp, port: \"tcp://::1:6638\"",
          "g.yaml:1:30: radios[].port is not an address, write it like \"tcp://coordinator.example:6638\"\n" },
        { "driver: znp, port: \"tcp://a b:6638\"",
          "g.yaml:1:30: radios[].port is not an address, write it like \"tcp://coordinator.example:6638\"\n" },
    };
    ALL_ARE_REFUSED(rows);
}

static void a_network_address_has_neither_speed_nor_wires(void **state)
{
    (void)state;
    static const struct wrong rows[] = {
        { "driver: znp, port: \"tcp://h:1\", baud: 9600",
          "g.yaml:1:49: radios[].baud is for a serial port, but this one is reached over the network\n" },
        { "driver: znp, port: \"tcp://h:1\", flow_control: rtscts",
          "g.yaml:1:57: radios[].flow_control is for a serial port, but this one is reached over the network\n" },
    };
    ALL_ARE_REFUSED(rows);
}

static void numbers_must_fit_together(void **state)
{
    (void)state;
    static const struct wrong rows[] = {
        { "driver: znp, port: auto, cluster: 0x12",
          "g.yaml:1:45: radios[].cluster 0x0012 is the loopback of XBee: nodes send back what they get there\n" },
        { "driver: znp, port: auto, queue: 8",
          "g.yaml:1:43: radios[].queue does not fit: the frames for one node are part of those for all, "
          "queue_per_node of queue\n" },
        { "driver: znp, port: auto, queue: 8, queue_per_node: 9",
          "g.yaml:1:62: radios[].queue_per_node does not fit: the frames for one node are part of those for all, "
          "queue_per_node of queue\n" },
    };
    ALL_ARE_REFUSED(rows);
}

static void two_radios_want_different_ports_and_names(void **state)
{
    (void)state;
    is_refused("radios:\n  - {driver: znp, port: /dev/a}\n  - {driver: xbee, port: /dev/a}\n",
               "g.yaml:3:26: port \"/dev/a\" is given twice, first in line 2\n");
    is_refused("radios:\n  - {driver: znp, port: auto}\n  - {name: b, driver: znp, port: auto}\n",
               "g.yaml:3:34: port \"auto, for znp\" is given twice, first in line 2\n");
    is_refused("radios:\n  - {driver: znp, port: /dev/a}\n  - {driver: znp, port: /dev/b}\n",
               "g.yaml:3:5: radio name \"znp\" is given twice, first in line 2\n");
    config_free(
        is_accepted("radios:\n  - {driver: znp, port: auto}\n  - {driver: ezsp, port: auto}\n"));
}

/* Otherwise it would be read on as a radio of the default kind, which is on UDP. */
static void a_driver_that_is_none_is_one_mistake(void **state)
{
    (void)state;
    is_refused(
        "radios:\n  - {driver: bee}\n  - {driver: lora}\n  - {name: b, listen: \"[::1]:9\"}\n"
        "  - {name: b}\n",
        "g.yaml:2:14: radios[].driver: \"bee\" is none of udp | xbee | znp | ezsp | deconz | "
        "serial, did you mean \"xbee\"?\n"
        "g.yaml:3:14: radios[].driver: \"lora\" is none of udp | xbee | znp | ezsp | deconz | serial\n"
        "g.yaml:5:12: radio name \"b\" is given twice, first in line 4\n");
}

static void a_network_key_must_be_32_digits_where_it_is(void **state)
{
    static const char yaml[] = "radios:\n  - {driver: znp, port: auto, network_key_file: secret}\n";
    static const char no_key[] =
        "g.yaml:2:49: radios[].network_key_file: \"secret\" must hold 32 hex "
        "digits and nothing else\n";
    (void)state;
    config_free(is_accepted(yaml)); /* not there: it is going to be made */
    file_holds("secret", "full of rubbish\n");
    is_refused(yaml, no_key);
    file_holds("secret", "");
    is_refused(yaml, no_key);
    file_holds("secret", "00112233445566778899aabbccddeeff0\n");
    is_refused(yaml, no_key);
    file_holds("secret", "00112233445566778899aabbCCDDEEFF\r\n");
    config_free(is_accepted(yaml));
}

static void a_network_key_that_cannot_be_read_is_a_mistake(void **state)
{
    (void)state;
    assert_int_equal(mkdir("gateway.yaml", 0700), 0);
    is_refused(
        "radios:\n  - {driver: znp, port: auto, network_key_file: gateway.yaml}\n",
        "g.yaml:2:49: radios[].network_key_file: cannot read \"gateway.yaml\": Is a directory\n");
}

/* What two radios are is compared key by key: each of these must be seen. */
static void a_change_of_any_key_is_a_change_of_the_radios(void **state)
{
    (void)state;
    const char *const keys[] = { "name: n",
                                 "baud: 9600",
                                 "flow_control: rtscts",
                                 "form: never",
                                 "channel: 11",
                                 "pan_id: 1",
                                 "permit_join: 1s",
                                 "extended_pan_id: 0x1",
                                 "network_key_file: k",
                                 "profile: 1",
                                 "cluster: 1",
                                 "endpoint: 1",
                                 "queue: 99",
                                 "any_endpoint: true",
                                 "broadcast_pace: 2s",
                                 "security: false",
                                 "queue_per_node: 9",
                                 "forwarders: true",
                                 "gwinfo: unicast",
                                 "max_message: 99",
                                 "forwarders: true, forwarder_depth: 2",
                                 "forwarders: true, forwarders_from: []" };
    struct config *plain = is_accepted("radios: [{driver: xbee, port: /dev/a}]\n");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char yaml[120];
        snprintf(yaml, sizeof yaml, "radios: [{driver: xbee, port: /dev/a, %s}]\n", keys[i]);
        struct config *other = is_accepted(yaml);
        assert_true(config_section_differs(plain, other, "radios"));
        assert_false(config_section_differs(plain, other, "broker"));
        config_free(other);
    }
    struct config *udp = is_accepted("radios: [{name: xbee}]\n");
    assert_true(config_section_differs(plain, udp, "radios"));
    config_free(udp);
    config_free(plain);
}

int main(void)
{
#define IN_A_FOLDER(test)                                                                          \
    cmocka_unit_test_setup_teardown(test, config_scene_open, config_scene_close)
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(every_setting_of_a_coordinator_is_read),
        IN_A_FOLDER(every_setting_of_its_frames_is_read),
        cmocka_unit_test(a_coordinator_needs_nothing_but_its_port),
        cmocka_unit_test(frames_have_by_default_the_numbers_of_xbee),
        cmocka_unit_test(numbers_are_taken_in_hexadecimal_and_in_decimal),
        cmocka_unit_test(a_number_that_is_none_or_too_large_is_refused),
        cmocka_unit_test(a_value_out_of_range_names_the_range),
        cmocka_unit_test(a_setting_that_does_nothing_with_its_driver_is_a_mistake),
        cmocka_unit_test(a_forwarder_that_is_no_address_is_a_mistake),
        cmocka_unit_test(forwarders_are_kept_as_their_driver_writes_them),
        cmocka_unit_test(a_port_must_be_there_and_be_a_port),
        cmocka_unit_test(a_network_address_has_neither_speed_nor_wires),
        cmocka_unit_test(numbers_must_fit_together),
        cmocka_unit_test(two_radios_want_different_ports_and_names),
        cmocka_unit_test(a_driver_that_is_none_is_one_mistake),
        IN_A_FOLDER(a_network_key_must_be_32_digits_where_it_is),
        IN_A_FOLDER(a_network_key_that_cannot_be_read_is_a_mistake),
        cmocka_unit_test(a_change_of_any_key_is_a_change_of_the_radios),
    };
#undef IN_A_FOLDER
    return cmocka_run_group_tests(tests, NULL, NULL);
}
