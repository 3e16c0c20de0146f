/* inspect_test.c -- the command line of installers: which ports there are, and which coordinator is behind one. */
#include "tests/system/stick.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool has(const char *text, const char *part)
{
    bool found = strstr(text, part) != NULL;
    if (!found)
        print_error("\"%s\" expected in:\n%s\n", part, text);
    return found;
}

/* Runs it with these arguments; both parts must be in what it prints, wherever. */
static void says(struct scene *s, const char *const arguments[], int status, const char *part,
                 const char *other)
{
    char *out, *log;
    int result = gateway_command(s, arguments, &out, &log);
    size_t room = strlen(out) + strlen(log) + 1;
    char *all = malloc(room);
    assert_non_null(all);
    snprintf(all, room, "%s%s", out, log);
    bool good = has(all, part) && has(all, other);
    free(all);
    free(out);
    free(log);
    assert_int_equal(result, status);
    assert_true(good);
}

static void the_ports_are_listed_without_any_settings(struct scene *s)
{
    says(s, (const char *const[]){ "--list-ports", NULL }, 0, "", "");
}

static void a_coordinator_is_recognised_and_the_settings_for_it_are_printed(struct scene *s)
{
    char driver[64], setting[64];
    struct stick *k = stick_start(s, "--nodes 0");
    snprintf(driver, sizeof driver, " baud (driver: %s)\n", s->driver);
    snprintf(setting, sizeof setting,
             "radios:\n  - name: field\n    driver: %s\n    port: ", s->driver);
    says(s, (const char *const[]){ "--probe", k->port, NULL }, 0, driver, setting);
}

/* A gateway would try it again, --probe does not and must not say so. */
static void a_port_that_is_not_there_is_said_so(struct scene *s)
{
    const char *const arguments[] = { "--probe", "/dev/no-such-port", NULL };
    char *out, *log;
    says(s, arguments, 1, "is not there", "cannot be opened");
    (void)gateway_command(s, arguments, &out, &log);
    const bool again = strstr(log, "trying again");
    free(out);
    free(log);
    assert_false(again);
}

static void a_wrong_command_line_says_what_would_be_right(struct scene *s)
{
    says(s, (const char *const[]){ "--probe", "ttyUSB0", NULL }, 1, "ttyUSB0 is no port",
         "--list-ports");
    says(s, (const char *const[]){ "--probe", "/dev/x", "--baud", "fast", NULL }, 1, "\"fast\"",
         "1200..4000000");
    says(s, (const char *const[]){ "--baud", "9600", NULL }, 1, "--baud is for --probe", "--help");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(the_ports_are_listed_without_any_settings),
        SCENE_WITH(a_coordinator_is_recognised_and_the_settings_for_it_are_printed, "xbee"),
        SCENE_WITH(a_coordinator_is_recognised_and_the_settings_for_it_are_printed, "znp"),
        SCENE_WITH(a_coordinator_is_recognised_and_the_settings_for_it_are_printed, "ezsp"),
        SCENE_WITH(a_coordinator_is_recognised_and_the_settings_for_it_are_printed, "deconz"),
        SCENE(a_port_that_is_not_there_is_said_so),
        SCENE(a_wrong_command_line_says_what_would_be_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
