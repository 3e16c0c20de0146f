/* ports_test.c -- which serial ports there are, what they are, and which one `port: auto` means. */
#include "tests/radio/ports_scene.h"

static struct tree tree;
static struct ports ports;
static char line[1024];

static int begin(void **state)
{
    const char *base = getenv("TMPDIR");
    char folder[200];
    (void)state;
    snprintf(folder, sizeof folder, "%s/ports-XXXXXX", base ? base : P_tmpdir);
    assert_non_null(mkdtemp(folder));
    tree_grow(&tree, folder);
    return 0;
}

static int end(void **state)
{
    (void)state;
    remove_all(tree.folder);
    return 0;
}

static const struct plug dongle_e = { .tty = "ttyACM0",
                                      .ids = "1a86:55d4",
                                      .product = "SONOFF Zigbee 3.0 USB Dongle Plus V2",
                                      .by_id =
                                          "usb-ITEAD_SONOFF_Zigbee_3.0_USB_Dongle_Plus_V2_2022-if00" };
static const struct plug dongle_p = {
    .tty = "ttyUSB1",
    .ids = "10c4:ea60",
    .product = "Sonoff Zigbee 3.0 USB Dongle Plus",
    .by_id = "usb-Silicon_Labs_Sonoff_Zigbee_3.0_USB_Dongle_Plus_0001-if00-port0"
};
static const struct plug bridge = { .tty = "ttyUSB0",
                                    .ids = "0403:6001",
                                    .product = "FT232R USB UART" };

static const struct port *port_named(const char *tty)
{
    ports_list(&tree.roots, &ports);
    for (size_t i = 0; i < ports.count; i++) {
        if (strcmp(strrchr(ports.at[i].device, '/') + 1, tty) == 0)
            return &ports.at[i];
    }
    fail_msg("no port %s", tty);
    return NULL;
}

/* ---- the list ---- */

static void a_machine_without_ports_has_none(void **state)
{
    (void)state;
    ports_list(&tree.roots, &ports);
    assert_int_equal(ports.count, 0);
    assert_string_equal(ports_present(&ports, line, sizeof line), "");
    ports_list(&(struct ports_roots){ "/nowhere/dev", "/nowhere/sys" }, &ports);
    assert_int_equal(ports.count, 0);
}

static void a_usb_port_is_listed_with_all_that_is_known_of_it(void **state)
{
    (void)state;
    plug_in(&tree, dongle_p);
    const struct port *p = port_named("ttyUSB1");
    assert_int_equal(ports.count, 1);
    assert_true(p->usb);
    assert_int_equal(p->vendor, 0x10c4);
    assert_int_equal(p->id, 0xea60);
    assert_string_equal(p->product, "Sonoff Zigbee 3.0 USB Dongle Plus");
    assert_string_equal(strrchr(p->by_id, '/') + 1, dongle_p.by_id);
    assert_ptr_equal(port_path(p), p->by_id);
    assert_string_equal(p->kind, "Sonoff Dongle-P");
    assert_true(p->certain);
    assert_int_equal(p->drivers, 1U << DRIVER_ZNP);
}

static void usb_comes_first_and_numbers_count_as_numbers(void **state)
{
    static const char *const order[] = { "ttyACM0", "ttyUSB2", "ttyUSB10", "ttyAMA0" };
    (void)state;
    plug_in(&tree, (struct plug){ .tty = "ttyUSB10", .ids = "0403:6001" });
    plug_in(&tree, (struct plug){ .tty = "ttyAMA0" });
    plug_in(&tree, (struct plug){ .tty = "ttyUSB2", .ids = "0403:6001" });
    plug_in(&tree, dongle_e);
    ports_list(&tree.roots, &ports);
    assert_int_equal(ports.count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(strrchr(ports.at[i].device, '/') + 1, order[i]);
    assert_ptr_equal(port_path(&ports.at[1]), ports.at[1].device); /* it has no by-id name */
}

static void a_built_in_port_without_hardware_is_not_listed(void **state)
{
    (void)state;
    plug_in(&tree, (struct plug){ .tty = "ttyS0" });
    make_file(tree.sys, "class/tty/ttyS0/type", "4");
    plug_in(&tree, (struct plug){ .tty = "ttyS1" });
    make_file(tree.sys, "class/tty/ttyS1/type", "0");
    const struct port *p = port_named("ttyS0");
    assert_int_equal(ports.count, 1);
    assert_false(p->usb);
    assert_string_equal(p->kind, "built in");
    assert_int_equal(p->drivers, 0);
}

static void a_port_that_sysfs_has_but_dev_has_not_is_not_listed(void **state)
{
    char device[TREE_PATH];
    (void)state;
    plug_in(&tree, dongle_p);
    snprintf(device, sizeof device, "%s/ttyUSB1", tree.dev);
    unlink(device);
    ports_list(&tree.roots, &ports);
    assert_int_equal(ports.count, 0);
}

static void what_a_device_calls_itself_cannot_command_the_terminal(void **state)
{
    (void)state;
    plug_in(&tree,
            (struct plug){ .tty = "ttyUSB0", .ids = "0403:6001", .product = "\033[2Jstick\007" });
    assert_string_equal(port_named("ttyUSB0")->product, "?[2Jstick?");
}

static void no_more_ports_than_there_is_room_for(void **state)
{
    char tty[16];
    (void)state;
    for (unsigned i = 0; i < PORTS_MAX + 3; i++) {
        snprintf(tty, sizeof tty, "ttyUSB%u", i);
        plug_in(&tree, (struct plug){ .tty = tty, .ids = "0403:6001" });
    }
    ports_list(&tree.roots, &ports);
    assert_int_equal(ports.count, PORTS_MAX);
    char few[40];
    ports_present(&ports, few, sizeof few);
    assert_int_equal(strlen(few), sizeof few - 1);
}

/* ---- what is plugged in ---- */

static void known_sticks_are_recognised(void **state)
{
    static const struct {
        const char *ids, *product, *kind;
        uint32_t drivers;
    } sticks[] = {
        { "0451:16a8", "TI CC2531 USB CDC", "TI CC2531", 1U << DRIVER_ZNP },
        { "0451:16c8", "CC2538 USB CDC", "TI CC2538", 1U << DRIVER_ZNP },
        { "0451:bef3", "XDS110 (03.00.00.13) Embed with CMSIS-DAP", "TI LaunchPad", 1U << DRIVER_ZNP },
        { "1cf1:0030", "ConBee II", "ConBee II", 1U << DRIVER_DECONZ },
        { "0403:6015", "ConBee III", "ConBee", 1U << DRIVER_DECONZ },
        { "303a:4001", "ZBT-2", "ZBT-2", 1U << DRIVER_EZSP },
        { "303a:831a", "ZBT-2", "ZBT-2", 1U << DRIVER_EZSP },
        { "10c4:ea60", "Sonoff Zigbee 3.0 USB Dongle Plus V2", "Sonoff Dongle-E", 1U << DRIVER_EZSP },
        { "10c4:ea60", "SkyConnect v1.0", "SkyConnect", 1U << DRIVER_EZSP },
        { "10c4:ea60", "SMLIGHT SLZB-06p7", "SMLIGHT SLZB-06p", 1U << DRIVER_ZNP },
        { "10c4:ea60", "SMLIGHT SLZB-06M", "SMLIGHT SLZB-06M", 1U << DRIVER_EZSP },
        { "10c4:ea60", "SMLIGHT SLZB-06", "SMLIGHT SLZB-06", 1U << DRIVER_ZNP },
        { "10c4:ea60", "SMLIGHT SLZB-07", "SMLIGHT SLZB-07", 1U << DRIVER_EZSP },
        { "0403:6015", "Digi XBee adapter", "XBee", 1U << DRIVER_XBEE },
        { "0403:6015", "ZiGate", "ZiGate (not supported)", 0 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof sticks / sizeof sticks[0]; i++) {
        char tty[16];
        snprintf(tty, sizeof tty, "ttyUSB%zu", i);
        plug_in(&tree,
                (struct plug){ .tty = tty, .ids = sticks[i].ids, .product = sticks[i].product });
        const struct port *p = port_named(tty);
        assert_string_equal(p->kind, sticks[i].kind);
        assert_int_equal(p->drivers, sticks[i].drivers);
        assert_true(p->certain);
    }
}

/* Some bridges say in their product text only what they are; udev puts the rest into the by-id name. */
static void the_by_id_name_tells_as_much_as_the_product(void **state)
{
    (void)state;
    plug_in(&tree, (struct plug){
                       .tty = "ttyUSB0",
                       .ids = "10c4:ea60",
                       .product = "CP2102N USB to UART Bridge Controller",
                       .by_id = "usb-Silicon_Labs_slae.sh_cc2652rb_stick_-_00_12_4B-if00-port0" });
    assert_string_equal(port_named("ttyUSB0")->kind, "slae.sh CC2652RB");
}

static void a_port_is_found_by_each_of_its_names(void **state)
{
    char name[TREE_PATH];
    (void)state;
    plug_in(&tree, dongle_p);
    const struct port *p = port_named("ttyUSB1");
    make_link(tree.dev, "zigbee", p->by_id);
    snprintf(name, sizeof name, "%s/zigbee", tree.dev);
    assert_ptr_equal(ports_find(&ports, p->device), p);
    assert_ptr_equal(ports_find(&ports, p->by_id), p);
    assert_ptr_equal(ports_find(&ports, name), p);
    snprintf(name, sizeof name, "%s/tty0", tree.dev);
    assert_null(ports_find(&ports, name));
}

/* A stick without the wires takes nothing where they are asked for, so it is never guessed. */
static void sticks_built_for_flow_control_are_known(void **state)
{
    static const struct {
        const char *product;
        enum config_flow flow;
    } cases[] = { { "SkyConnect v1.0", FLOW_RTSCTS },
                  { "Home Assistant Connect ZBT-1", FLOW_RTSCTS },
                  { "SMLIGHT SLZB-07", FLOW_RTSCTS },
                  { "SMLIGHT SLZB-07p7", FLOW_NONE },
                  { "Sonoff Zigbee 3.0 USB Dongle Plus V2", FLOW_NONE },
                  { "CP2102N USB to UART Bridge Controller", FLOW_NONE } };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char tty[16];
        snprintf(tty, sizeof tty, "ttyUSB%zu", i);
        plug_in(&tree, (struct plug){ .tty = tty, .ids = "10c4:ea60", .product = cases[i].product });
        assert_int_equal(port_named(tty)->flow, cases[i].flow);
    }
}

static void a_bridge_that_tells_nothing_may_be_anything(void **state)
{
    (void)state;
    plug_in(&tree, bridge);
    const struct port *p = port_named("ttyUSB0");
    assert_false(p->certain);
    assert_int_equal(p->drivers, 1U << DRIVER_XBEE | 1U << DRIVER_ZNP | 1U << DRIVER_EZSP |
                                     1U << DRIVER_DECONZ | 1U << DRIVER_SERIAL);
}

/* ---- port: auto ---- */

static void choice_is(enum config_driver driver, enum ports_error result, const char *tty)
{
    const struct port *chosen = NULL;
    ports_list(&tree.roots, &ports);
    assert_int_equal(ports_choose(&ports, driver, &chosen), result);
    if (tty)
        assert_string_equal(strrchr(chosen->device, '/') + 1, tty);
    else
        assert_null(chosen);
}

static void auto_is_the_port_that_fits_the_driver(void **state)
{
    (void)state;
    choice_is(DRIVER_EZSP, PORTS_NONE, NULL);
    plug_in(&tree, dongle_e);
    plug_in(&tree, dongle_p);
    choice_is(DRIVER_EZSP, PORTS_OK, "ttyACM0");
    choice_is(DRIVER_ZNP, PORTS_OK, "ttyUSB1");
    choice_is(DRIVER_DECONZ, PORTS_NONE, NULL);
    choice_is(DRIVER_XBEE, PORTS_NONE, NULL);
    choice_is(DRIVER_SERIAL, PORTS_NONE, NULL);
    assert_string_equal(ports_fitting(&ports, DRIVER_XBEE, line, sizeof line), "");
}

static void a_stick_that_is_recognised_goes_before_a_bridge_that_may_be_anything(void **state)
{
    (void)state;
    plug_in(&tree, bridge);
    plug_in(&tree, dongle_p);
    choice_is(DRIVER_ZNP, PORTS_OK, "ttyUSB1");
    choice_is(DRIVER_XBEE, PORTS_OK, "ttyUSB0"); /* XBee carriers have nothing distinctive */
    choice_is(DRIVER_SERIAL, PORTS_OK, "ttyUSB0");
}

static void several_that_fit_are_refused_and_named(void **state)
{
    char want[TREE_PATH];
    (void)state;
    plug_in(&tree, bridge);
    plug_in(&tree, (struct plug){ .tty = "ttyUSB7", .ids = "10c4:ea60" });
    plug_in(&tree, (struct plug){ .tty = "ttyUSB9", .ids = "1a86:7523" });
    plug_in(&tree, dongle_e);
    choice_is(DRIVER_XBEE, PORTS_MANY, NULL);
    snprintf(want, sizeof want, "%s/ttyUSB0, %s/ttyUSB7 and %s/ttyUSB9", tree.dev, tree.dev,
             tree.dev);
    assert_string_equal(ports_fitting(&ports, DRIVER_XBEE, line, sizeof line), want);
    choice_is(DRIVER_EZSP, PORTS_OK, "ttyACM0");
}

static void built_in_ports_are_never_chosen(void **state)
{
    (void)state;
    plug_in(&tree, (struct plug){ .tty = "ttyS0" });
    choice_is(DRIVER_SERIAL, PORTS_NONE, NULL);
}

/* The second is the debugger's. */
static void of_the_two_ports_of_a_launchpad_the_first_is_chosen(void **state)
{
    (void)state;
    plug_in(&tree, (struct plug){ .tty = "ttyACM1", .ids = "0451:bef3", .interface = 3 });
    plug_in(&tree, (struct plug){ .tty = "ttyACM0", .ids = "0451:bef3", .interface = 0 });
    choice_is(DRIVER_ZNP, PORTS_OK, "ttyACM0");
    plug_in(&tree, (struct plug){ .tty = "ttyACM2", .ids = "0451:bef3", .interface = 0 });
    choice_is(DRIVER_ZNP, PORTS_MANY, NULL); /* a second board */
}

/* ---- the table ---- */

static const char *printed(void)
{
    FILE *out = fmemopen(line, sizeof line, "w");
    ports_list(&tree.roots, &ports);
    ports_print(&ports, out);
    fclose(out);
    return line;
}

static void the_table_shows_each_port_with_what_belongs_into_the_settings(void **state)
{
    (void)state;
    assert_non_null(strstr(printed(), "no serial port found"));
    plug_in(&tree, dongle_p);
    plug_in(&tree, bridge);
    plug_in(&tree, (struct plug){ .tty = "ttyAMA0" });
    printed();
    assert_non_null(strstr(line, "DEVICE"));
    assert_non_null(strstr(line, "10c4:ea60  znp      Sonoff Dongle-P"));
    assert_non_null(strstr(line, dongle_p.by_id));
    assert_non_null(strstr(line, "0403:6001  any      unknown"));
    assert_non_null(strstr(line, "-          -        built in"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_machine_without_ports_has_none, begin, end),
        cmocka_unit_test_setup_teardown(a_usb_port_is_listed_with_all_that_is_known_of_it, begin, end),
        cmocka_unit_test_setup_teardown(usb_comes_first_and_numbers_count_as_numbers, begin, end),
        cmocka_unit_test_setup_teardown(a_built_in_port_without_hardware_is_not_listed, begin, end),
        cmocka_unit_test_setup_teardown(a_port_that_sysfs_has_but_dev_has_not_is_not_listed, begin,
                                        end),
        cmocka_unit_test_setup_teardown(what_a_device_calls_itself_cannot_command_the_terminal,
                                        begin, end),
        cmocka_unit_test_setup_teardown(no_more_ports_than_there_is_room_for, begin, end),
        cmocka_unit_test_setup_teardown(known_sticks_are_recognised, begin, end),
        cmocka_unit_test_setup_teardown(the_by_id_name_tells_as_much_as_the_product, begin, end),
        cmocka_unit_test_setup_teardown(a_port_is_found_by_each_of_its_names, begin, end),
        cmocka_unit_test_setup_teardown(sticks_built_for_flow_control_are_known, begin, end),
        cmocka_unit_test_setup_teardown(a_bridge_that_tells_nothing_may_be_anything, begin, end),
        cmocka_unit_test_setup_teardown(auto_is_the_port_that_fits_the_driver, begin, end),
        cmocka_unit_test_setup_teardown(
            a_stick_that_is_recognised_goes_before_a_bridge_that_may_be_anything, begin, end),
        cmocka_unit_test_setup_teardown(several_that_fit_are_refused_and_named, begin, end),
        cmocka_unit_test_setup_teardown(built_in_ports_are_never_chosen, begin, end),
        cmocka_unit_test_setup_teardown(of_the_two_ports_of_a_launchpad_the_first_is_chosen, begin,
                                        end),
        cmocka_unit_test_setup_teardown(
            the_table_shows_each_port_with_what_belongs_into_the_settings, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
