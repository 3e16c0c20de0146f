/* log_test.c -- what lands on standard error, read back through a pipe put in its place. */
#include "config/log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

static struct {
    int real_stderr, pipe[2];
    char read[8192];
} captured;

static int capture(void **state)
{
    (void)state;
    if (pipe2(captured.pipe, O_CLOEXEC | O_NONBLOCK) != 0)
        return -1;
    captured.real_stderr = dup(STDERR_FILENO);
    return dup2(captured.pipe[1], STDERR_FILENO) < 0 ? -1 : unsetenv("JOURNAL_STREAM");
}

static int release(void **state)
{
    (void)state;
    dup2(captured.real_stderr, STDERR_FILENO);
    close(captured.real_stderr);
    close(captured.pipe[0]);
    return close(captured.pipe[1]);
}

/* All that was written since the last call. */
static const char *written(void)
{
    const ssize_t n = read(captured.pipe[0], captured.read, sizeof captured.read - 1);
    captured.read[n > 0 ? n : 0] = '\0';
    return captured.read;
}

static void a_line_for_people_has_time_level_and_text(void **state)
{
    (void)state;
    log_setup(LEVEL_INFO, false);
    log_info("radio %s: up", "lan");
    const char *line = written();
    const char *shape = "dddd-dd-ddTdd:dd:dd.dddZ info  radio lan: up\n";
    assert_int_equal(strlen(line), strlen(shape));
    for (size_t i = 0; i < strlen("dddd-dd-ddTdd:dd:dd.dddZ"); i++)
        if (shape[i] == 'd')
            assert_in_range(line[i], '0', '9');
        else
            assert_int_equal(line[i], shape[i]);
    assert_string_equal(strchr(line, ' '), strchr(shape, ' '));
}

static void a_line_below_the_level_is_not_written(void **state)
{
    (void)state;
    log_setup(LEVEL_WARN, false);
    log_info("not this one");
    assert_string_equal(written(), "");
    log_warn("this one");
    assert_non_null(strstr(written(), " warn  this one\n"));
    assert_true(log_wants(LEVEL_ERROR));
    assert_false(log_wants(LEVEL_INFO));
}

static void the_journal_gets_syslog_levels_and_no_time(void **state)
{
    (void)state;
    setenv("JOURNAL_STREAM", "8:1", 1);
    log_setup(LEVEL_TRACE, false);
    log_error("a");
    log_warn("b");
    log_info("c");
    log_debug("d");
    log_trace("e");
    assert_string_equal(written(), "<3>a\n<4>b\n<6>c\n<7>d\n<7>e\n");
}

static void json_lines_are_objects_with_time_level_and_text(void **state)
{
    (void)state;
    log_setup(LEVEL_INFO, true);
    log_warn("say \"%s\"", "gr\xc3\xbc\xc3\x9f \\ dich");
    json_t *object = json_loads(written(), 0, NULL);
    assert_non_null(object);
    assert_string_equal(json_string_value(json_object_get(object, "level")), "warn");
    assert_string_equal(json_string_value(json_object_get(object, "text")),
                        "say \"gr\xc3\xbc\xc3\x9f \\ dich\"");
    assert_int_equal(strlen(json_string_value(json_object_get(object, "time"))),
                     strlen("2026-11-21T10:00:00.123Z"));
    json_decref(object);
}

static void json_survives_bytes_that_are_not_utf8(void **state)
{
    (void)state;
    log_setup(LEVEL_INFO, true);
    log_info("file %s", "caf\xe9");
    json_t *object = json_loads(written(), 0, NULL);
    assert_non_null(object);
    assert_string_equal(json_string_value(json_object_get(object, "text")), "file caf\\xe9");
    json_decref(object);
}

static void nothing_in_a_value_can_start_a_second_line(void **state)
{
    (void)state;
    setenv("JOURNAL_STREAM", "8:1", 1);
    log_setup(LEVEL_INFO, false);
    log_info("topic %s", "a\n<3>forged\x1b[31m");
    assert_string_equal(written(), "<6>topic a\\x0a<3>forged\\x1b[31m\n");
}

static void a_very_long_line_is_cut_and_still_ends(void **state)
{
    (void)state;
    char text[5000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    log_setup(LEVEL_INFO, false);
    log_info("%s", text);
    const char *line = written();
    assert_in_range(strlen(line), 2000, 2200);
    assert_int_equal(line[strlen(line) - 1], '\n');
}

static void printable_text_stays_as_it_is(void **state)
{
    (void)state;
    assert_string_equal(log_text(span_text("greenhouse/7/temp \xe2\x82\xac \xf0\x9f\x8c\xb1")),
                        "greenhouse/7/temp \xe2\x82\xac \xf0\x9f\x8c\xb1");
    assert_string_equal(log_text(span_of(NULL, 0)), "");
}

static void other_bytes_become_hex_and_a_backslash_is_doubled(void **state)
{
    (void)state;
    assert_string_equal(log_text(span_of("a\0b\n\x7f\xff\\n", 8)), "a\\x00b\\x0a\\x7f\\xff\\\\n");
    assert_string_equal(log_text(span_of("cut \xe2\x82", 6)), "cut \\xe2\\x82");
}

static void characters_that_turn_or_hide_text_become_hex(void **state)
{
    (void)state;
    assert_string_equal(log_text(span_text("x\xe2\x80\xaey")), "x\\xe2\\x80\\xaey"); /* U+202E */
    assert_string_equal(log_text(span_text("x\xc2\x85y")), "x\\xc2\\x85y");          /* U+0085 */
}

static void long_text_is_cut_at_200_octets_and_says_so(void **state)
{
    (void)state;
    uint8_t long_text[300];
    memset(long_text, 'a', sizeof long_text);
    assert_int_equal(strlen(log_text(span_of(long_text, 200))), 200);
    const char *cut = log_text(span_of(long_text, 201));
    assert_int_equal(strlen(cut), 203);
    assert_string_equal(cut + 200, "...");
    memset(long_text + 199, 0xff, 2);
    assert_string_equal(log_text(span_of(long_text, 201)) + 198, "a..."); /* never half an escape */
}

static void eight_texts_can_be_held_at_once(void **state)
{
    (void)state;
    const char *texts[8];
    for (char i = 0; i < 8; i++) {
        const char name[] = { 'm', (char)('0' + i) };
        texts[(size_t)i] = log_text(span_of(name, sizeof name));
    }
    assert_string_equal(texts[0], "m0");
    assert_string_equal(texts[7], "m7");
}

static void a_limit_lets_ten_lines_a_second_through(void **state)
{
    (void)state;
    struct log_limit limit = { 0 };
    uint32_t more = 99;
    for (int i = 0; i < 10; i++)
        assert_true(log_allows(&limit, 5000, &more));
    assert_int_equal(more, 0);
    for (int i = 0; i < 7; i++)
        assert_false(log_allows(&limit, 5999, &more));
    assert_true(log_allows(&limit, 6000, &more));
    assert_int_equal(more, 7);
    assert_true(log_allows(&limit, 6001, &more));
    assert_int_equal(more, 0);
}

/* The pipe blocks, as that of a service manager does: a logger that waits for its reader would end in the alarm. */
static void a_reader_that_sleeps_holds_up_nobody_and_is_told_what_it_missed(void **state)
{
    (void)state;
    log_setup(LEVEL_INFO, false);
    assert_int_equal(fcntl(captured.pipe[1], F_SETFL, 0), 0);
    alarm(10);
    for (int i = 0; i < 10000; i++)
        log_info("a line that nobody reads, number %d", i);
    while (*written() != '\0')
        continue;
    log_info("here again");
    alarm(0);
    const char *text = written();
    assert_non_null(strstr(text, " log lines before this one found no reader)\n"));
    assert_non_null(strstr(text, "here again"));
}

int main(void)
{
#define CAPTURED(test) cmocka_unit_test_setup_teardown(test, capture, release)
    const struct CMUnitTest tests[] = {
        CAPTURED(a_line_for_people_has_time_level_and_text),
        CAPTURED(a_line_below_the_level_is_not_written),
        CAPTURED(the_journal_gets_syslog_levels_and_no_time),
        CAPTURED(json_lines_are_objects_with_time_level_and_text),
        CAPTURED(json_survives_bytes_that_are_not_utf8),
        CAPTURED(nothing_in_a_value_can_start_a_second_line),
        CAPTURED(a_very_long_line_is_cut_and_still_ends),
        CAPTURED(a_reader_that_sleeps_holds_up_nobody_and_is_told_what_it_missed),
        cmocka_unit_test(printable_text_stays_as_it_is),
        cmocka_unit_test(other_bytes_become_hex_and_a_backslash_is_doubled),
        cmocka_unit_test(characters_that_turn_or_hide_text_become_hex),
        cmocka_unit_test(long_text_is_cut_at_200_octets_and_says_so),
        cmocka_unit_test(eight_texts_can_be_held_at_once),
        cmocka_unit_test(a_limit_lets_ten_lines_a_second_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
