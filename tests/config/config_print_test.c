/* config_print_test.c -- what the settings module prints: effective settings, the sample file, the manual. */
#include "tests/config/config_scene.h"

#include "config/config_internal.h"

static char *printed(void (*print)(FILE *out))
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    print(out);
    fclose(out);
    return text;
}

static char *printed_config(const struct config *c)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    config_print(c, out);
    fclose(out);
    return text;
}

static void printed_settings_load_again_and_print_the_same(void **state)
{
    (void)state;
    struct config *c = load_everything();
    char *first = printed_config(c);
    assert_non_null(
        strstr(first, "  id: 7                                       # from gateway.yaml:1\n"));
    assert_non_null(strstr(first, "  wait: \"5m\"                                  # default\n"));
    assert_non_null(strstr(first, "    9: \"all/door\"  # from topics.csv:3\n"));
    assert_non_null(
        strstr(first, "    pan_id: 0x1A62                            # from gateway.yaml:12\n"));
    assert_non_null(
        strstr(first, "    extended_pan_id: 0xF0124B0001020304       # from gateway.yaml:13\n"));
    assert_non_null(strstr(first, "    # channel: as the coordinator has it\n"));
    assert_null(strstr(first, "pass word"));
    file_holds("gateway.yaml", first);
    struct config *again = config_load("gateway.yaml", stderr);
    assert_non_null(again);
    assert_int_equal(again->topic_count, c->topic_count);
    assert_int_equal(config_client(again, "sensor-1")->subscribe_count, 2);
    assert_memory_equal(&again->limits, &c->limits, sizeof c->limits);
    const char *const sections[] = { "gateway", "radios", "broker", "topics",
                                     "clients", "limits", "log" };
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        assert_false(config_section_differs(c, again, sections[i]));
    config_free(again);
    config_free(c);
    free(first);
}

static void what_yaml_would_read_otherwise_is_printed_escaped(void **state)
{
    (void)state;
    struct config *c =
        is_accepted("gateway: {name: \"a\\\"b\\\\c\\n\\u2028\\u00e4\\U0001F600\\x85\"}\n");
    char *text = printed_config(c);
    assert_non_null(
        strstr(text, "name: \"a\\\"b\\\\c\\U0000000A\\U00002028\u00e4\U0001F600\\U00000085\""));
    struct config *again = is_accepted(text);
    assert_string_equal(again->gateway.name, c->gateway.name);
    config_free(again);
    config_free(c);
    free(text);
}

static void a_group_on_a_port_of_the_systems_choice_is_printed_without_one(void **state)
{
    (void)state;
    struct config *c = is_accepted("radios: [{listen: \"[::1]:0\", multicast: \"ff05::50\"}]\n");
    char *text = printed_config(c);
    assert_non_null(strstr(text, "    listen: \"[::1]:0\" "));
    assert_non_null(strstr(text, "    multicast: \"[ff05::50]\" "));
    config_free(is_accepted(text));
    config_free(c);
    free(text);
}

static void the_sample_means_the_defaults(void **state)
{
    (void)state;
    char *sample = printed(config_print_sample);
    struct config *c = is_accepted(sample);
    these_are_the_defaults(c);
    these_are_the_default_limits(&c->limits);
    config_free(c);
    free(sample);
}

static void the_sample_in_the_tree_is_what_the_table_says(void **state)
{
    (void)state;
    char *sample = printed(config_print_sample);
    char *file = calloc(1, 64 << 10);
    FILE *in = fopen("config/gateway.yaml", "r"); /* the tests run at the top of the tree */
    assert_non_null(file);
    assert_non_null(in);
    assert_true(fread(file, 1, (64 << 10) - 1, in) > 0);
    fclose(in);
    assert_string_equal(file, sample);
    free(file);
    free(sample);
}

/* Takes away the '#' before each key, and the lines of what is not built yet. */
static void uncomment(char *text)
{
    char *to = text;
    for (char *line = text, *next; *line != '\0'; line = next) {
        next = strchr(line, '\n') + 1;
        size_t blanks = strspn(line, " ");
        char *hash = line + blanks;
        char *end = memmem(line, (size_t)(next - line), "not built yet", 13);
        bool key = *hash == '#' && (hash[1] != ' ' || (blanks == 2 && hash[2] == ' '));
        for (const char *c = line; c < next && !end; c++)
            if (!key || c != hash)
                *to++ = *c;
    }
    *to = '\0';
}

static void every_line_of_the_sample_can_be_uncommented(void **state)
{
    (void)state;
    file_holds("topics.csv", "");
    char *sample = printed(config_print_sample);
    uncomment(sample);
    struct config *c = is_accepted(sample);
    assert_int_equal(c->topic_count, 3);
    assert_int_equal(c->client_count, 1);
    assert_int_equal(c->radio_count, 3);
    assert_string_equal(c->radios[0].multicast.host, "239.192.0.50");
    assert_int_equal(c->radios[1].driver, DRIVER_XBEE);
    assert_int_equal(c->radios[2].driver, DRIVER_SERIAL);
    assert_string_equal(c->broker.prefix, "site-4/");
    config_free(c);
    free(sample);
}

static void the_manual_names_every_option(void **state)
{
    (void)state;
    char *manual = printed(config_print_manual);
    struct option_range options = config_options(SCOPE_ROOT);
    for (const struct option *o = options.first; o < options.first + options.count; o++) {
        char heading[128];
        snprintf(heading, sizeof heading, ".TP\n.B %s\n", o->path);
        assert_non_null(strstr(manual, heading));
    }
    free(manual);
}

int main(void)
{
#define IN_A_FOLDER(test)                                                                          \
    cmocka_unit_test_setup_teardown(test, config_scene_open, config_scene_close)
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(printed_settings_load_again_and_print_the_same),
        cmocka_unit_test(what_yaml_would_read_otherwise_is_printed_escaped),
        cmocka_unit_test(a_group_on_a_port_of_the_systems_choice_is_printed_without_one),
        cmocka_unit_test(the_sample_means_the_defaults),
        cmocka_unit_test(the_sample_in_the_tree_is_what_the_table_says),
        IN_A_FOLDER(every_line_of_the_sample_can_be_uncommented),
        cmocka_unit_test(the_manual_names_every_option),
    };
#undef IN_A_FOLDER
    return cmocka_run_group_tests(tests, NULL, NULL);
}
