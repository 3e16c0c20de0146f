/* line_test.c -- MQTT-SN over a serial line: a radio on a pseudo-terminal, a node at the other end, and a clock that
 * the test turns. */
#include "radio/line.h"
#include "tests/hex.h"
#include "tests/radio/serial_scene.h"

#include <sys/ioctl.h>

enum { FRAMES = 16, FRAME_OCTETS = 300 };

static struct node {
    struct config_radio settings;
    struct radio *radio;
    int master, slave; /* slave: the radio's own descriptor */
    struct {
        struct address from;
        uint8_t bytes[FRAME_OCTETS];
        size_t len;
        bool broadcast;
        int16_t lqi;
    } frames[FRAMES];
    size_t frame_count, changed_count, dropped_count;
    const char *drop_reason;
} node;

/* ---- what the radio tells ---- */

static void frame_comes(void *context, const struct address *from, const struct radio_frame *f)
{
    assert_ptr_equal(context, &node);
    assert_true(node.frame_count < FRAMES && f->bytes.len <= FRAME_OCTETS);
    node.frames[node.frame_count].from = *from;
    node.frames[node.frame_count].len = f->bytes.len;
    node.frames[node.frame_count].broadcast = f->broadcast;
    node.frames[node.frame_count].lqi = f->lqi;
    memcpy(node.frames[node.frame_count++].bytes, f->bytes.at, f->bytes.len);
}

static void frame_is_dropped(void *context, struct radio *r, const char *reason)
{
    assert_ptr_equal(context, &node);
    assert_ptr_equal(r, node.radio);
    node.dropped_count++;
    node.drop_reason = reason;
}

static void radio_changes(void *context, struct radio *r)
{
    assert_ptr_equal(context, &node);
    assert_ptr_equal(r, node.radio);
    node.changed_count++;
}

/* ---- the scene ---- */

static int attach(void **state)
{
    memset(&node, 0, sizeof node);
    node.settings = (struct config_radio){ .name = "wire", .driver = DRIVER_SERIAL, .baud = 9600 };
    if (begin(state) != 0)
        return -1;
    node.master = stick();
    node.settings.port = link_to(node.master);
    return 0;
}

static int detach(void **state)
{
    line_driver.close(node.radio);
    if (node.master >= 0)
        close(node.master);
    return end(state);
}

static int descriptor_of(const char *path)
{
    enum { DESCRIPTORS = 256 };
    struct stat want, have;
    assert_int_equal(stat(path, &want), 0);
    for (int fd = 0; fd < DESCRIPTORS; fd++)
        if (fstat(fd, &have) == 0 && S_ISCHR(have.st_mode) && have.st_rdev == want.st_rdev)
            return fd;
    fail_msg("nobody has %s open", path);
    return -1;
}

static void radio_opens(enum config_framing framing)
{
    static const struct radio_events events = {
        .context = &node, .heard = frame_comes, .dropped = frame_is_dropped, .changed = radio_changes
    };
    node.settings.framing = framing;
    node.radio = line_driver.open(scene.loop, &node.settings, 3, &events);
    assert_non_null(node.radio);
    assert_false(node.radio->up);
    until(&node.changed_count, 1);
    assert_true(node.radio->up);
    node.slave = descriptor_of(node.settings.port);
}

/* The kernel carries it over in its own time, so that is waited for. */
static void node_writes(const char *hex)
{
    uint8_t room[2048];
    const struct span bytes = hex_bytes(hex, room, sizeof room);
    assert_int_equal(write(node.master, bytes.at, bytes.len), bytes.len);
    for (int there = 0; there < (int)bytes.len;) {
        assert_int_equal(poll(&(struct pollfd){ .fd = node.slave, .events = POLLIN }, 1, 5000), 1);
        assert_int_equal(ioctl(node.slave, FIONREAD, &there), 0);
    }
    turn_once();
}

static void node_reads(const char *hex)
{
    uint8_t want[1024], have[1024];
    const struct span bytes = hex_bytes(hex, want, sizeof want);
    size_t len = 0;
    for (int i = 0; i < PATIENCE_S * 100 && len < bytes.len; i++) {
        turn_once();
        if (poll(&(struct pollfd){ .fd = node.master, .events = POLLIN }, 1, 10) > 0) {
            const ssize_t n = read(node.master, have + len, bytes.len - len);
            assert_true(n > 0);
            len += (size_t)n;
        }
    }
    assert_true(span_equal(span_of(have, len), bytes));
}

static void frame_is(size_t i, const char *hex)
{
    uint8_t room[FRAME_OCTETS];
    assert_true(i < node.frame_count);
    assert_true(span_equal(span_of(node.frames[i].bytes, node.frames[i].len),
                           hex_bytes(hex, room, sizeof room)));
}

static struct address the_node(void)
{
    return (struct address){ .radio = 3, .len = 1 };
}

static void gateway_sends(const char *hex)
{
    uint8_t room[2048];
    const struct address to = the_node();
    assert_false(line_driver.send(node.radio, &to, hex_bytes(hex, room, sizeof room)));
    line_driver.flush(node.radio);
}

/* ---- frames both ways ---- */

static void frames_go_both_ways_by_their_length(void **state)
{
    (void)state;
    radio_opens(FRAMING_RAW);
    node_writes("0d0c6200010000c0dbdcdd7e7d 030500");
    frame_is(0, "0d0c6200010000c0dbdcdd7e7d");
    frame_is(1, "030500");
    const struct address want = the_node();
    assert_memory_equal(&node.frames[0].from, &want, sizeof want);
    assert_false(node.frames[0].broadcast);
    assert_int_equal(node.frames[0].lqi, LQI_UNKNOWN);
    gateway_sends("0216");
    node_reads("0216");
}

static void frames_go_both_ways_by_slip(void **state)
{
    (void)state;
    radio_opens(FRAMING_SLIP);
    node_writes("c00d0c6200010000dbdcdbdddcdd7e7dc0");
    frame_is(0, "0d0c6200010000c0dbdcdd7e7d");
    gateway_sends("0d0c6200010000c0dbdcdd7e7d");
    node_reads("c00d0c6200010000dbdcdbdddcdd7e7dc0");
}

static void frames_go_both_ways_by_slip_with_a_crc(void **state)
{
    (void)state;
    radio_opens(FRAMING_SLIP_CRC16);
    node_writes("c00d0c6200010000dbdcdbdddcdd7e7d62d9c0");
    frame_is(0, "0d0c6200010000c0dbdcdd7e7d");
    gateway_sends("0d0c6200010000c0dbdcdd7e7d");
    node_reads("c00d0c6200010000dbdcdbdddcdd7e7d62d9c0");
}

static void a_forwarders_header_goes_through_untouched(void **state)
{
    (void)state;
    radio_opens(FRAMING_RAW);
    node_writes("06fe01aabbcc0216");
    frame_is(0, "06fe01aabbcc0216");
    gateway_sends("06fe01aabbcc0217");
    node_reads("06fe01aabbcc0217");
}

static void a_broadcast_is_a_frame_like_any_other(void **state)
{
    (void)state;
    radio_opens(FRAMING_RAW);
    assert_true(node.radio->advertises && line_driver.can_broadcast(node.radio));
    line_driver.broadcast(node.radio, 1, span_of("\x05\x00\x01\x03\x84", 5));
    node_reads("0500010384");
}

static void all_that_is_on_the_line_is_one_address(void **state)
{
    (void)state;
    char text[20];
    struct address a = the_node(), b = a;
    radio_opens(FRAMING_RAW);
    assert_string_equal(line_driver.text(&a, text, sizeof text), "line");
    assert_true(line_driver.same_host(&a, &b));
    b.node_len = 1;
    assert_false(line_driver.same_host(&a, &b));
    a.node_len = 1;
    a.bytes[1] = 7;
    assert_false(line_driver.same_host(&a, &b));
}

/* ---- limits ---- */

static void a_frame_that_is_too_long_is_dropped_in_both_directions(void **state)
{
    (void)state;
    node.settings.max_message = 16;
    radio_opens(FRAMING_RAW);
    assert_int_equal(node.radio->payload_limit, 16);
    gateway_sends("110c00000000000000000000000000000000");
    assert_int_equal(node.dropped_count, 1);
    assert_string_equal(node.drop_reason, "oversize");
    node_writes("120c00000000000000000000000000000000 030500");
    frame_is(0, "030500");
    assert_int_equal(node.dropped_count, 2);
    assert_string_equal(node.drop_reason, "oversize");
}

static void the_limit_without_a_setting_is_1400_octets(void **state)
{
    (void)state;
    radio_opens(FRAMING_RAW);
    assert_int_equal(node.radio->payload_limit, 1400);
}

static void what_a_slow_line_cannot_take_is_dropped_and_the_line_stays(void **state)
{
    (void)state;
    uint8_t frame[255] = { 255, 0x0C };
    const struct address to = the_node();
    radio_opens(FRAMING_RAW);
    for (int i = 0; i < 1000; i++)
        line_driver.send(node.radio, &to, span_of(frame, sizeof frame));
    assert_true(node.dropped_count > 100);
    assert_string_equal(node.drop_reason, "the line is full");
    turn_once();
    assert_true(node.radio->up);
}

/* ---- silence ---- */

static void silence_ends_half_a_frame(void **state)
{
    (void)state;
    radio_opens(FRAMING_RAW);
    node_writes("0d0c62");
    time_passes(150);
    assert_int_equal(node.dropped_count, 1);
    assert_string_equal(node.drop_reason, "damaged frame");
    node_writes("0216");
    frame_is(0, "0216");
}

static void an_octet_in_time_goes_on_with_the_frame(void **state)
{
    (void)state;
    radio_opens(FRAMING_RAW);
    for (int i = 0; i < 4; i++) {
        node_writes(i == 0 ? "04" : i == 1 ? "18" : i == 2 ? "00" : "05");
        time_passes(50);
    }
    frame_is(0, "04180005");
    assert_int_equal(node.dropped_count, 0);
}

/* ---- nothing makes sense ---- */

static void nonsense(int bursts)
{
    for (int i = 0; i < bursts; i++) {
        node_writes("f8e0");
        time_passes(150);
    }
}

static void a_line_of_nonsense_is_told_once_with_its_bytes_and_the_cause(void **state)
{
    (void)state;
    radio_opens(FRAMING_RAW);
    nonsense(2);
    assert_int_equal(lines_with("no frames"), 0);
    nonsense(8);
    is_said_once(
        "at 9600 baud makes no frames; it began with f8 e0 f8 e0 f8 e0: probably another speed");
    assert_true(node.radio->up);
    node_writes("0216");
    frame_is(0, "0216");
    nonsense(1);
    is_said_once("no frames");
    is_said_once("frames now, at 9600 baud");
}

static void a_line_that_made_sense_is_not_doubted_for_a_little_noise(void **state)
{
    (void)state;
    radio_opens(FRAMING_RAW);
    for (int i = 0; i < 6; i++)
        node_writes("0216");
    nonsense(4);
    assert_int_equal(lines_with("no frames"), 0);
}

static void slip_without_an_end_is_doubted_before_any_frame_is_over(void **state)
{
    (void)state;
    radio_opens(FRAMING_SLIP);
    for (int i = 0; i < 33; i++)
        node_writes("0216");
    is_said_once("framing raw");
    assert_int_equal(node.frame_count, 0);
}

static void other_speeds_are_tried_where_the_settings_name_none(void **state)
{
    (void)state;
    node.settings.baud = 0;
    radio_opens(FRAMING_RAW);
    nonsense(3);
    is_said_once("trying other speeds");
    assert_false(node.radio->up);
    for (int i = 0; i < 100 && !node.radio->up; i++)
        time_passes(100);
    assert_true(node.radio->up);
    node.slave = descriptor_of(node.settings.port);
    node_writes("0216");
    frame_is(0, "0216");
    is_said_once("frames now, at 115200 baud");
    is_said_once("no frames");
}

/* ---- losing the line ---- */

static void a_line_that_is_lost_says_so_and_comes_back(void **state)
{
    (void)state;
    radio_opens(FRAMING_RAW);
    nonsense(3);
    node_writes("0d0c62");
    close(node.master);
    until(&node.changed_count, 2);
    assert_false(node.radio->up || line_driver.can_broadcast(node.radio));
    gateway_sends("0216");
    assert_string_equal(node.drop_reason, "radio down");
    node.master = stick();
    link_to(node.master);
    for (int i = 0; i < 100 && !node.radio->up; i++)
        time_passes(100);
    assert_int_equal(node.changed_count, 3);
    node.slave = descriptor_of(node.settings.port);
    node_writes("0216"); /* nothing of the half frame is left */
    frame_is(0, "0216");
    nonsense(4);
    assert_int_equal(lines_with("no frames"), 2); /* once each time */
}

#define SCENE(test) cmocka_unit_test_setup_teardown(test, attach, detach)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(frames_go_both_ways_by_their_length),
        SCENE(frames_go_both_ways_by_slip),
        SCENE(frames_go_both_ways_by_slip_with_a_crc),
        SCENE(a_forwarders_header_goes_through_untouched),
        SCENE(a_broadcast_is_a_frame_like_any_other),
        SCENE(all_that_is_on_the_line_is_one_address),
        SCENE(a_frame_that_is_too_long_is_dropped_in_both_directions),
        SCENE(the_limit_without_a_setting_is_1400_octets),
        SCENE(what_a_slow_line_cannot_take_is_dropped_and_the_line_stays),
        SCENE(silence_ends_half_a_frame),
        SCENE(an_octet_in_time_goes_on_with_the_frame),
        SCENE(a_line_of_nonsense_is_told_once_with_its_bytes_and_the_cause),
        SCENE(a_line_that_made_sense_is_not_doubted_for_a_little_noise),
        SCENE(slip_without_an_end_is_doubted_before_any_frame_is_over),
        SCENE(other_speeds_are_tried_where_the_settings_name_none),
        SCENE(a_line_that_is_lost_says_so_and_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
