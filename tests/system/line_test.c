/* line_test.c -- nodes on a serial line without ZigBee, end to end: the real gateway, a pseudo-terminal with a node or
 * a forwarder at its other end, and a real broker with an independent client. */
#include "radio/line_frame.h"
#include "tests/hex.h"
#include "tests/system/gateway.h"
#include "tests/system/peer.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

enum { FRAME_MAX = 300, RETRY_MS = 1000, TRIES = 5 };

/* The far end of the line. */
struct wire {
    char port[SCENE_PATH], radio[LINE];
    int master;
    enum config_framing framing;
    struct line_reader reader;
    uint8_t held[FRAME_MAX + 2], bytes[FRAME_MAX];
    struct span unread; /* of bytes */
};

static bool wire_close(void *thing, bool failed)
{
    struct wire *w = thing;
    (void)failed;
    close(w->master);
    unlink(w->port);
    return true;
}

static void wire_plugs_in(struct wire *w)
{
    struct termios raw;
    w->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(w->master >= 0 && grantpt(w->master) == 0 && unlockpt(w->master) == 0);
    assert_int_equal(tcgetattr(w->master, &raw), 0);
    cfmakeraw(&raw); /* no echo, also while nobody has opened it */
    assert_int_equal(tcsetattr(w->master, TCSANOW, &raw), 0);
    unlink(w->port);
    assert_int_equal(symlink(ptsname(w->master), w->port), 0);
    line_reader_init(&w->reader, w->framing, w->held, FRAME_MAX);
    w->unread.len = 0;
}

/* The scene's driver is the framing here. */
static struct wire *wire_start(struct scene *s, const char *more)
{
    static const char *const framings[] = { "raw", "slip", "slip-crc16" };
    struct wire *w = calloc(1, sizeof *w);
    assert_non_null(w);
    while (strcmp(framings[w->framing], s->driver) != 0)
        w->framing++;
    snprintf(w->port, sizeof w->port, "%s/wire", s->folder);
    snprintf(w->radio, sizeof w->radio,
             "  - {name: wire, driver: serial, port: \"%s\", baud: 115200, framing: %s%s}", w->port,
             s->driver, more);
    wire_plugs_in(w);
    scene_keeps(s, w, wire_close);
    gateway_start_with_broker(s, (struct settings){ .radios = w->radio });
    gateway_logs(s->gateway, "radio wire: ");
    return w;
}

static void wire_sends(struct wire *w, const char *hex)
{
    uint8_t frame[FRAME_MAX], room[2 * FRAME_MAX + 8];
    struct writer out = writer_of(room, sizeof room);
    line_write(w->framing, hex_bytes(hex, frame, sizeof frame), &out);
    const size_t len = sizeof room - out.left;
    assert_int_equal(write(w->master, room, len), len);
}

/* As a node does it whose frames may be lost. */
static void wire_sends_until_answered(struct wire *w, const char *hex)
{
    struct pollfd answer = { .fd = w->master, .events = POLLIN };
    for (int tries = 0; tries < TRIES && !(answer.revents & POLLIN); tries++) {
        wire_sends(w, hex);
        (void)poll(&answer, 1, RETRY_MS);
    }
}

/* The next frame must be this one. */
static void wire_expects(struct wire *w, const char *hex)
{
    uint8_t room[FRAME_MAX];
    struct span frame = { NULL, 0 };
    while (!line_reader_next(&w->reader, &w->unread, &frame)) {
        if (poll(&(struct pollfd){ .fd = w->master, .events = POLLIN }, 1, PATIENCE_MS) != 1)
            fail_msg("%s did not come", hex);
        const ssize_t n = read(w->master, w->bytes, sizeof w->bytes);
        assert_true(n > 0);
        w->unread = span_of(w->bytes, (size_t)n);
    }
    assert_true(span_equal(frame, hex_bytes(hex, room, sizeof room)));
}

#define CONNECT_M1 "08 04 04 01 0e10 6d31" /* clean */

/* CONNECT; SUBSCRIBE to "down"; REGISTER "up". */
static void a_node_sets_itself_up(struct wire *w)
{
    wire_sends(w, CONNECT_M1);
    wire_expects(w, "03 05 00");
    wire_sends(w, "09 12 20 0001 646f776e");
    wire_expects(w, "08 13 20 0001 0001 00");
    wire_sends(w, "08 0a 0000 0002 7570");
    wire_expects(w, "07 0b 0002 0002 00");
}

static void a_node_on_a_wire_publishes_and_hears(struct scene *s)
{
    struct wire *w = wire_start(s, "");
    struct peer *p = peer_open(s, "operator");
    peer_subscribes(p, "up", 1);
    a_node_sets_itself_up(w);
    wire_sends(w, "0a 0c 20 0002 0003 c0db7e"); /* octets that mean something to some framing */
    wire_expects(w, "07 0d 0002 0003 00");
    peer_hears(p, "up", "\xC0\xDB\x7E");
    peer_publishes(p, "down", 0, "on");
    wire_expects(w, "09 0c 00 0001 0000 6f6e");
}

static void nodes_behind_a_forwarder_on_a_wire_are_told_apart(struct scene *s)
{
    struct wire *w = wire_start(s, ", forwarders: true");
    wire_sends(w, "05fe010001" CONNECT_M1);
    wire_expects(w, "05fe000001 03 05 00");
    wire_sends(w, "05fe010002 08 04 04 01 0e10 6d32");
    wire_expects(w, "05fe000002 03 05 00");
    wire_sends(w, "05fe010001 02 16");
    wire_expects(w, "05fe000001 02 17");
}

static void a_node_keeps_its_session_when_the_wire_was_pulled(struct scene *s)
{
    struct wire *w = wire_start(s, "");
    struct peer *p = peer_open(s, "operator");
    peer_subscribes(p, "up", 1);
    a_node_sets_itself_up(w);
    unlink(w->port); /* as udev does */
    close(w->master);
    gateway_logs(s->gateway, "is gone");
    wire_plugs_in(w);
    wire_sends_until_answered(w, "09 0c 20 0002 0003 6869");
    wire_expects(w, "07 0d 0002 0003 00");
    peer_hears(p, "up", "hi");
}

static void noise_on_the_wire_costs_no_more_than_itself(struct scene *s)
{
    static const uint8_t noise[] = { 0x00, 0xFF, 0xDB, 0x55, 0xC0, 0xC0 };
    struct wire *w = wire_start(s, "");
    assert_int_equal(write(w->master, noise, sizeof noise), sizeof noise);
    gateway_logs(s->gateway, "dropped a frame: damaged frame");
    wire_sends_until_answered(w, CONNECT_M1); /* a raw line is deaf until there is silence */
    wire_expects(w, "03 05 00");
}

#define WITH_EACH(test)                                                                            \
    SCENE_WITH(test, "raw"), SCENE_WITH(test, "slip"), SCENE_WITH(test, "slip-crc16")

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_EACH(a_node_on_a_wire_publishes_and_hears),
        WITH_EACH(nodes_behind_a_forwarder_on_a_wire_are_told_apart),
        WITH_EACH(a_node_keeps_its_session_when_the_wire_was_pulled),
        WITH_EACH(noise_on_the_wire_costs_no_more_than_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
