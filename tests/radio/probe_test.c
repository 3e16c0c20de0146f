/* probe_test.c -- asking a port which coordinator is behind it, over a pseudo-terminal with a made-up stick. */
#include "radio/probe.h"

#include "config/log.h"
#include "radio/clock.h"

#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pty.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { WAIT_MS = 40 };

/* A stick that answers `answer` to what begins with `question`, at one speed. "" is any question. */
struct stick {
    speed_t speed;
    const char *question, *answer;
    bool leaves; /* instead of answering */
    bool starts; /* says so to the first question, and nothing else */
};

struct scene {
    struct event_base *loop;
    int master, slave; /* ours stays open, or each change of speed would hang up */
    char port[64];
    struct event *reading;
    struct stick stick;
    char asked[256]; /* all questions, in order */
    struct probe_finding finding;
    bool done;
};

/* ---- two families that were never sold ------------------------------------------------------------------------- */

static size_t write_question(struct writer *w, const char *question)
{
    write_span(w, span_text(question));
    return strlen(question);
}

static size_t ask_alpha(struct writer *w)
{
    return write_question(w, "A?");
}

static size_t ask_beta(struct writer *w)
{
    return write_question(w, "B?");
}

static bool holds(struct span heard, const char *answer, char *line, size_t room)
{
    if (!memmem(heard.at, heard.len, answer, strlen(answer)))
        return false;
    snprintf(line, room, "firmware %s", answer);
    return true;
}

static bool is_alpha(struct span heard, char *line, size_t room)
{
    return holds(heard, "alpha", line, room);
}

static bool is_beta(struct span heard, char *line, size_t room)
{
    return holds(heard, "beta", line, room);
}

static const struct coordinator_family alpha = {
    .name = "alpha", .bauds = { 115200, 57600 }, .probe = ask_alpha, .answers = is_alpha
};
static const struct coordinator_family beta = {
    .name = "beta", .bauds = { 9600, 115200 }, .probe = ask_beta, .answers = is_beta
};
static const struct coordinator_family *const families[] = { &alpha, &beta };

/* ---- the scene ------------------------------------------------------------------------------------------------- */

static void stick_leaves(struct scene *s)
{
    event_free(s->reading);
    s->reading = NULL;
    close(s->slave);
    close(s->master);
    s->master = s->slave = -1;
}

static void on_question(evutil_socket_t fd, short what, void *context)
{
    struct scene *s = context;
    char text[64] = "";
    struct termios t;
    (void)what;
    if (read(fd, text, sizeof text - 1) <= 0 || tcgetattr(fd, &t) != 0)
        return;
    if (s->stick.starts) {
        s->stick.starts = false;
        assert_true(write(fd, "hello", 5) > 0);
        return;
    }
    strncat(s->asked, text, sizeof s->asked - strlen(s->asked) - 1);
    if (cfgetospeed(&t) != s->stick.speed ||
        strncmp(text, s->stick.question, strlen(s->stick.question)) != 0)
        return;
    if (s->stick.leaves)
        stick_leaves(s);
    else
        assert_true(write(fd, s->stick.answer, strlen(s->stick.answer)) > 0);
}

static void on_done(void *context, const struct probe_finding *f)
{
    struct scene *s = context;
    s->finding = *f;
    s->done = true;
    event_base_loopbreak(s->loop);
}

static int open_scene(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    log_setup(LEVEL_ERROR, false);
    s->loop = event_base_new();
    struct termios raw = { 0 };
    cfmakeraw(&raw);
    assert_int_equal(openpty(&s->master, &s->slave, s->port, &raw, NULL), 0);
    assert_int_equal(fcntl(s->master, F_SETFL, O_NONBLOCK), 0);
    s->reading = event_new(s->loop, s->master, EV_READ | EV_PERSIST, on_question, s);
    event_add(s->reading, NULL);
    *state = s;
    return 0;
}

static int close_scene(void **state)
{
    struct scene *s = *state;
    if (s->master >= 0)
        stick_leaves(s);
    event_base_free(s->loop);
    free(s);
    return 0;
}

static void probes(struct scene *s, const char *port, uint32_t baud)
{
    struct probe_request request = {
        .port = port, .baud = baud, .families = families, .family_count = 2, .wait_ms = WAIT_MS
    };
    struct probe *p = probe_new(s->loop, &request, on_done, s);
    assert_non_null(p);
    event_base_dispatch(s->loop);
    probe_free(p);
    assert_true(s->done);
}

static void prints(const struct scene *s, const char *expected)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    probe_print(&s->finding, "/dev/x", out);
    fclose(out);
    if (strncmp(text, expected, strlen(expected)) != 0)
        assert_string_equal(text, expected);
    free(text);
}

/* ---- tests ----------------------------------------------------------------------------------------------------- */

static void a_stick_that_answers_is_named_with_its_speed_and_driver(void **state)
{
    struct scene *s = *state;
    s->stick = (struct stick){ B9600, "B?", "xxbeta" };
    probes(s, s->port, 0);
    assert_int_equal(s->finding.result, PROBE_FOUND);
    assert_ptr_equal(s->finding.family, &beta);
    prints(s, "/dev/x: firmware beta, at 9600 baud (driver: beta)\n");
}

static void every_family_asks_at_its_own_speeds_and_only_there(void **state)
{
    struct scene *s = *state;
    s->stick = (struct stick){ B0, "", "" };
    probes(s, s->port, 0);
    assert_string_equal(s->asked, "A?B?B?A?"); /* both at 115200, beta at 9600, alpha at 57600 */
    assert_int_equal(s->finding.result, PROBE_SILENT);
    prints(s, "/dev/x: nothing answers.\nLikely causes: ");
}

static void a_stick_that_was_starting_is_asked_again(void **state)
{
    struct scene *s = *state;
    s->stick = (struct stick){ B115200, "A?", "alpha", .starts = true };
    probes(s, s->port, 0);
    assert_string_equal(s->asked, "B?A?");
    prints(s, "/dev/x: firmware alpha, at 115200 baud (driver: alpha)\n");
}

static void a_speed_named_by_hand_is_the_only_one_and_everybodys(void **state)
{
    struct scene *s = *state;
    s->stick = (struct stick){ B38400, "B?", "beta" };
    probes(s, s->port, 38400);
    assert_string_equal(s->asked, "A?B?");
    assert_int_equal(s->finding.baud, 38400);
    prints(s, "/dev/x: firmware beta, at 38400 baud (driver: beta)\n");
}

static void an_answer_to_the_question_before_is_not_taken_for_this_one(void **state)
{
    struct scene *s = *state;
    s->stick = (struct stick){ B115200, "", "ta be" };
    probes(s, s->port, 0);
    assert_int_equal(s->finding.result, PROBE_SENSELESS);
}

static void what_makes_no_sense_is_shown(void **state)
{
    struct scene *s = *state;
    s->stick = (struct stick){ B9600, "B?", "\x7f\x01ok" };
    probes(s, s->port, 0);
    prints(
        s,
        "/dev/x: no coordinator answers, but 4 octets were heard at 9600 baud: 7f 01 6f 6b\nLikely causes: ");
}

static void of_much_nonsense_the_beginning_is_shown(void **state)
{
    struct scene *s = *state;
    s->stick = (struct stick){ B9600, "B?", "0123456789012345678901234567890" };
    probes(s, s->port, 9600);
    prints(s, "/dev/x: no coordinator answers, but 31 octets were heard at 9600 baud: "
              "30 31 32 33 34 35 36 37 38 39 30 31 32 33 34 35 36 37 38 39 30 31 32 33 ...\n");
}

static void a_stick_that_is_unplugged_ends_the_probe(void **state)
{
    struct scene *s = *state;
    s->stick = (struct stick){ B115200, "A?", "", true };
    probes(s, s->port, 0);
    assert_int_equal(s->finding.result, PROBE_LOST);
    prints(s, "/dev/x: went away while it was asked.\n");
}

static void a_port_that_is_not_there_is_said_so(void **state)
{
    struct scene *s = *state;
    probes(s, "/dev/no-such-port", 9600);
    assert_int_equal(s->finding.result, PROBE_CLOSED);
    prints(s, "/dev/x: cannot be opened.\n");
}

/* Without a word about another try, and without waiting for an answer that has come. */
static void a_connection_that_is_refused_ends_the_probe_at_once(void **state)
{
    struct scene *s = *state;
    struct sockaddr_in here = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof here;
    char port[64];
    int taken = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* and nobody listens there */
    assert_int_equal(bind(taken, (struct sockaddr *)&here, len), 0);
    assert_int_equal(getsockname(taken, (struct sockaddr *)&here, &len), 0);
    snprintf(port, sizeof port, "tcp://127.0.0.1:%u", ntohs(here.sin_port));
    const msec began = clock_now();
    probes(s, port, 0);
    assert_true(clock_now() - began < 4000);
    close(taken);
    assert_int_equal(s->finding.result, PROBE_CLOSED);
}

int main(void)
{
#define IN_A_SCENE(test) cmocka_unit_test_setup_teardown(test, open_scene, close_scene)
    const struct CMUnitTest tests[] = {
        IN_A_SCENE(a_stick_that_answers_is_named_with_its_speed_and_driver),
        IN_A_SCENE(every_family_asks_at_its_own_speeds_and_only_there),
        IN_A_SCENE(a_stick_that_was_starting_is_asked_again),
        IN_A_SCENE(a_speed_named_by_hand_is_the_only_one_and_everybodys),
        IN_A_SCENE(an_answer_to_the_question_before_is_not_taken_for_this_one),
        IN_A_SCENE(what_makes_no_sense_is_shown),
        IN_A_SCENE(of_much_nonsense_the_beginning_is_shown),
        IN_A_SCENE(a_stick_that_is_unplugged_ends_the_probe),
        IN_A_SCENE(a_port_that_is_not_there_is_said_so),
        IN_A_SCENE(a_connection_that_is_refused_ends_the_probe_at_once),
    };
#undef IN_A_SCENE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
