/* sim_scene_test.c -- the whole simulator on a real pseudo-terminal, with the simplest stick there can be and a host of
 * a few lines in the same loop.
 *
 * The stick's protocol: a length, the node's number, and MQTT-SN; towards the host also an outcome, which has no octets
 * but a number from 0xF0 on. Nothing waits for a fixed time: each step runs the loop until something has happened. */
#include "mqttsn/message.h"
#include "tools/sim_commands.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

enum { HOST_ROOM = 4096, OUTCOME = 0xF0, PATIENCE_S = 20 };

#define EUI64_1 UINT64_C(0x0013a20041000001)

/* ---- the stick ----------------------------------------------------------------------------------------------------- */

struct plain {
    struct sim_stick stick;
    size_t len;
    uint8_t heard[SIM_PAYLOAD_MAX];
};

static unsigned plugs, resets, joins;

static void plain_write(struct plain *p, uint8_t node, struct span data)
{
    uint8_t frame[SIM_PAYLOAD_MAX + 2] = { (uint8_t)(data.len + 2), node };
    if (data.len > 0)
        memcpy(frame + 2, data.at, data.len);
    p->stick.world->write(p->stick.world->context, span_of(frame, data.len + 2));
}

static void plain_plug(struct sim_stick *s, msec now)
{
    (void)now;
    s->network->formed = true;
    plugs++;
}

static void plain_hear(struct sim_stick *s, struct span bytes, msec now)
{
    (void)now;
    struct plain *p = (struct plain *)s;
    for (size_t i = 0; i < bytes.len; i++) {
        p->heard[p->len++ % sizeof p->heard] = bytes.at[i];
        if (p->len < p->heard[0])
            continue;
        const struct sim_frame f = { .eui64 = EUI64_1 + p->heard[1],
                                     .nwk = 0xFFFE,
                                     .data = span_of(p->heard + 2, p->len - 2) };
        p->len = 0;
        s->world->transmit(s->world->context, &f, f.data.at[0]);
    }
}

static void plain_tick(struct sim_stick *s, msec now)
{
    (void)s;
    (void)now;
}

static msec plain_deadline(const struct sim_stick *s)
{
    (void)s;
    return MSEC_NEVER;
}

static void plain_receive(struct sim_stick *s, const struct sim_frame *f, msec now)
{
    (void)now;
    plain_write((struct plain *)s, (uint8_t)(f->eui64 - EUI64_1), f->data);
}

static void plain_outcome(struct sim_stick *s, uint32_t token, enum sim_outcome how, msec now)
{
    (void)token;
    (void)now;
    plain_write((struct plain *)s, (uint8_t)(OUTCOME + how), (struct span){ 0 });
}

static void plain_joined(struct sim_stick *s, uint64_t eui64, uint16_t nwk, msec now)
{
    (void)s;
    (void)eui64;
    (void)nwk;
    (void)now;
    joins++;
}

static void plain_reset(struct sim_stick *s, msec now)
{
    (void)s;
    (void)now;
    resets++;
}

static const struct sim_family plain = {
    "plain",        sizeof(struct plain), 0,
    plain_plug,     plain_hear,           plain_tick,
    plain_deadline, plain_receive,        plain_outcome,
    plain_joined,   plain_reset,
};

/* ---- the host ------------------------------------------------------------------------------------------------------ */

static struct world {
    struct event_base *loop;
    struct sim_scene *scene;
    char folder[64], link[96];
    int fd;
    struct event *readable, *patience;
    size_t len, reads, longest, frames, outcomes[4], nonsense;
    uint8_t heard[HOST_ROOM];
    bool hung_up, mute, late;
    bool (*done)(void);
} w;

static void host_says(uint8_t node, const struct mqttsn_message *m)
{
    uint8_t frame[SIM_PAYLOAD_MAX];
    struct writer out = writer_of(frame, sizeof frame);
    write_u8(&out, (uint8_t)(mqttsn_encoded_len(m) + 2));
    write_u8(&out, node);
    assert_int_equal(mqttsn_encode(m, &out), MQTTSN_OK);
    size_t len = sizeof frame - out.left;
    assert_int_equal(write(w.fd, frame, len), len);
}

static void host_answers(uint8_t node, struct span data)
{
    struct mqttsn_message m, back = { .type = MQTTSN_PUBACK };
    if (mqttsn_decode(data, &m) != MQTTSN_OK) {
        w.nonsense++;
        return;
    }
    back.message_id = m.message_id;
    back.topic_id = m.topic_id;
    if (m.type == MQTTSN_CONNECT)
        back.type = MQTTSN_CONNACK;
    else if (m.type == MQTTSN_REGISTER || m.type == MQTTSN_SUBSCRIBE)
        back.type = m.type == MQTTSN_REGISTER ? MQTTSN_REGACK : MQTTSN_SUBACK;
    if (m.type == MQTTSN_REGISTER || m.type == MQTTSN_SUBSCRIBE)
        back.topic_id = m.type;
    if (!w.mute)
        host_says(node, &back);
}

static void host_takes_frames(void)
{
    while (w.len > 0 && w.heard[0] >= 2 && w.heard[0] <= w.len) {
        size_t len = w.heard[0];
        w.frames++;
        if (w.heard[1] >= OUTCOME)
            w.outcomes[w.heard[1] - OUTCOME]++;
        else
            host_answers(w.heard[1], span_of(w.heard + 2, len - 2));
        memmove(w.heard, w.heard + len, w.len - len);
        w.len -= len;
    }
}

static void host_reads(evutil_socket_t fd, short what, void *context)
{
    (void)what;
    (void)context;
    ssize_t n = read(fd, w.heard + w.len, sizeof w.heard - w.len);
    if (n <= 0) {
        w.hung_up = true;
        event_del(w.readable);
    } else {
        w.len += (size_t)n;
        w.reads++;
        w.longest = (size_t)n > w.longest ? (size_t)n : w.longest;
        host_takes_frames();
    }
    if (w.done && w.done())
        event_base_loopbreak(w.loop);
}

static void host_takes(int fd)
{
    w.fd = fd;
    w.hung_up = false;
    w.len = 0;
    w.readable = event_new(w.loop, fd, EV_READ | EV_PERSIST, host_reads, NULL);
    assert_int_equal(event_add(w.readable, NULL), 0);
}

static void host_opens(void)
{
    int fd = open(w.link, O_RDWR | O_NOCTTY | O_NONBLOCK);
    assert_true(fd >= 0);
    host_takes(fd);
}

static void host_closes(void)
{
    event_free(w.readable);
    close(w.fd);
}

/* ---- the loop ------------------------------------------------------------------------------------------------------ */

static void be_late(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    (void)context;
    w.late = true;
    event_base_loopbreak(w.loop);
}

static void run_until(bool (*done)(void))
{
    const struct timeval patience = { PATIENCE_S, 0 };
    w.done = done;
    evtimer_add(w.patience, &patience);
    while (!done() && !w.late)
        event_base_loop(w.loop, EVLOOP_ONCE);
    assert_false(w.late);
    evtimer_del(w.patience);
}

static void scene_changed(void *context)
{
    (void)context;
}

static struct sim_scene_settings usual(void)
{
    return (struct sim_scene_settings){
        .family = &plain,
        .line = { .port = w.link },
        .nodes = { .plan = { .messages = 10,
                             .qos = 1,
                             .size = 20,
                             .topic = "sim",
                             .subscribe = true,
                             .retry_ms = 1000,
                             .retries = 3,
                             .keep_alive_s = 60,
                             .sleep_s = 60 },
                   .count = 3,
                   .concurrency = 20,
                   .seed = 1 },
        .seed = 1,
        .speed = 1,
    };
}

static void begin(const struct sim_scene_settings *settings)
{
    plugs = resets = joins = 0;
    w.scene = sim_scene_new(w.loop, settings, scene_changed, NULL);
    assert_non_null(w.scene);
}

static int set_up(void **state)
{
    (void)state;
    memset(&w, 0, sizeof w);
    w.fd = -1;
    snprintf(w.folder, sizeof w.folder, "%s/sim_scene_XXXXXX",
             getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    if (!mkdtemp(w.folder))
        return -1;
    snprintf(w.link, sizeof w.link, "%s/stick", w.folder);
    w.loop = event_base_new();
    w.patience = evtimer_new(w.loop, be_late, NULL);
    return w.loop && w.patience ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    sim_scene_free(w.scene);
    if (w.fd >= 0)
        host_closes();
    event_free(w.patience);
    event_base_free(w.loop);
    unlink(w.link);
    return rmdir(w.folder);
}

static const char *ask(const char *command)
{
    static char answer[1024];
    (void)sim_command(w.scene, command, answer, sizeof answer);
    return answer;
}

static bool all_acknowledged(void)
{
    return sim_scene_finished(w.scene);
}

static bool hung_up(void)
{
    return w.hung_up;
}

static bool heard_something(void)
{
    return w.frames > 0 || w.nonsense > 0;
}

static bool link_is_there(void)
{
    struct stat s;
    return lstat(w.link, &s) == 0;
}

/* ---- tests --------------------------------------------------------------------------------------------------------- */

static void all_messages_of_all_nodes_arrive(void **state)
{
    (void)state;
    const struct sim_scene_settings p = usual();
    begin(&p);
    host_opens();
    run_until(all_acknowledged);
    assert_int_equal(joins, 3);
    assert_non_null(
        strstr(ask("status"), "summary nodes=3 connected=3 published=30 acknowledged=30 "));
    assert_int_equal(w.outcomes[SIM_NO_ACK], 0);
}

static void a_paced_line_carries_no_more_than_its_baud_rate(void **state)
{
    (void)state;
    struct sim_scene_settings p = usual();
    p.line.baud = 115200;
    begin(&p);
    uint64_t before = sim_clock_ns();
    host_opens();
    run_until(all_acknowledged);
    uint64_t octets = strtoull(strstr(ask("status"), "octets_to_host=") + 15, NULL, 10);
    assert_true(octets > 700);
    assert_true(sim_clock_ns() - before >= (octets - 100) * 10 * 1000000000 / 115200);
}

static void lost_frames_are_told_and_everything_arrives_all_the_same(void **state)
{
    (void)state;
    struct sim_scene_settings p = usual();
    p.loss_percent = 20;
    p.speed = 100;
    begin(&p);
    host_opens();
    run_until(all_acknowledged);
    assert_true(w.outcomes[SIM_NO_ACK] > 0);
    assert_true(w.outcomes[SIM_DELIVERED] > 0);
}

static void unplugging_hangs_up_and_replugging_brings_a_new_port_of_the_same_name(void **state)
{
    (void)state;
    const struct sim_scene_settings p = usual();
    char first[64] = "", second[64] = "";
    begin(&p);
    host_opens();
    run_until(heard_something);
    assert_true(readlink(w.link, first, sizeof first - 1) > 0);
    assert_string_equal(ask("unplug"), "ok unplug");
    assert_false(link_is_there());
    run_until(hung_up);
    assert_memory_equal(ask("replug"), "ok replug /", 11);
    assert_true(readlink(w.link, second, sizeof second - 1) > 0);
    host_closes();
    host_opens();
    run_until(all_acknowledged);
    assert_int_equal(plugs, 2);
    sim_scene_free(w.scene);
    w.scene = NULL;
    assert_false(link_is_there());
}

static void a_host_that_leaves_takes_its_lock_and_its_octets_with_it(void **state)
{
    (void)state;
    struct sim_scene_settings p = usual();
    p.nodes.count = 1;
    begin(&p);
    host_opens();
    w.mute = true;
    run_until(heard_something);
    assert_int_equal(ioctl(w.fd, TIOCEXCL), 0);
    sim_scene_noise(w.scene, 100);
    host_closes();
    event_base_loop(w.loop, EVLOOP_NONBLOCK);
    host_opens();
    int exclusive = 1;
    assert_int_equal(ioctl(w.fd, TIOCGEXCL, &exclusive), 0);
    assert_int_equal(exclusive, 0);
    w.mute = false;
    run_until(all_acknowledged);
    assert_int_equal(w.nonsense, 0);
}

static void nobody_hears_what_is_said_before_the_port_is_opened(void **state)
{
    (void)state;
    struct sim_scene_settings p = usual();
    p.nodes.count = 0;
    begin(&p);
    assert_string_equal(ask("noise 50"), "ok noise 50");
    event_base_loop(w.loop, EVLOOP_NONBLOCK);
    host_opens();
    uint8_t octet;
    assert_int_equal(read(w.fd, &octet, 1), -1);
    assert_int_equal(errno, EAGAIN);
}

static void split_frames_come_octet_by_octet(void **state)
{
    (void)state;
    struct sim_scene_settings p = usual();
    p.nodes.count = 1;
    begin(&p);
    assert_string_equal(ask("split:1"), "ok split:1");
    host_opens();
    run_until(all_acknowledged);
    assert_true(w.reads > 5 * w.frames);
}

static void joined_frames_come_in_one_read(void **state)
{
    (void)state;
    struct sim_scene_settings p = usual();
    p.line.baud = 921600;
    begin(&p);
    assert_string_equal(ask("join:1"), "ok join:1");
    host_opens();
    run_until(all_acknowledged);
    assert_true(w.reads < w.frames);
}

static void a_swallowed_status_is_not_told(void **state)
{
    (void)state;
    const struct sim_scene_settings p = usual();
    begin(&p);
    assert_string_equal(ask("no-status:1"), "ok no-status:1");
    host_opens();
    run_until(all_acknowledged);
    assert_int_equal(w.outcomes[SIM_DELIVERED], 0);
}

static void a_stick_resets_itself_when_asked_and_after_so_many_frames(void **state)
{
    (void)state;
    const struct sim_scene_settings p = usual();
    begin(&p);
    assert_string_equal(ask("reset"), "ok reset");
    assert_int_equal(resets, 1);
    assert_string_equal(ask("reset:10"), "ok reset:10");
    host_opens();
    run_until(all_acknowledged);
    assert_true(resets > 3);
}

static void a_quiet_stick_says_nothing_until_it_is_told_to(void **state)
{
    (void)state;
    const struct sim_scene_settings p = usual();
    begin(&p);
    host_opens();
    assert_string_equal(ask("quiet"), "ok quiet");
    assert_string_equal(ask("rejoin 1"), "ok rejoin 1");
    event_base_loop(w.loop, EVLOOP_NONBLOCK);
    assert_int_equal(w.frames, 0);
    assert_string_equal(ask("quiet:0"), "ok quiet:0");
    run_until(all_acknowledged);
}

static void commands_that_make_no_sense_are_refused_with_what_would(void **state)
{
    (void)state;
    const struct sim_scene_settings p = usual();
    begin(&p);
    assert_string_equal(ask(""), "");
    assert_string_equal(ask("frobnicate"), "error frobnicate: no such command or fault");
    assert_string_equal(ask("noise"), "error noise: must be: noise OCTETS");
    assert_string_equal(ask("noise 0"), "error noise 0: must be: noise OCTETS");
    assert_string_equal(ask("rejoin 4"), "error rejoin 4: must be: rejoin NODE");
    assert_string_equal(ask("rejoin node-0003"), "ok rejoin node-0003");
    assert_string_equal(ask("say 1 0"), "error say 1 0: must be: say NODE HEX");
    assert_string_equal(ask("say 1 0g"), "error say 1 0g: must be: say NODE HEX");
    assert_string_equal(ask("  say  1  0216 "), "ok   say  1  0216 ");
    assert_string_equal(ask("a b c d"), "error a b c d: too many words");
    assert_string_equal(ask("checksum:x"), "error checksum:x: no such command or fault");
    assert_string_equal(ask("twin 2 node-0001"), "ok twin 2 node-0001");
}

static void a_tcp_port_serves_one_host_the_newest(void **state)
{
    (void)state;
    struct sim_scene_settings p = usual();
    p.line = (struct sim_line_settings){ .listen = "127.0.0.1:0" };
    begin(&p);
    const char *port = strrchr(sim_scene_path(w.scene), ':') + 1;
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                              .sin_port = htons((uint16_t)strtoul(port, NULL, 10)) };
    int first = socket(AF_INET, SOCK_STREAM, 0), second = socket(AF_INET, SOCK_STREAM, 0);
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
    } address = { .v4 = to };
    assert_int_equal(connect(first, &address.any, sizeof to), 0);
    host_takes(first);
    w.mute = true;
    run_until(heard_something);
    assert_int_equal(connect(second, &address.any, sizeof to), 0);
    run_until(hung_up);
    host_closes();
    host_takes(second);
    w.mute = false;
    run_until(all_acknowledged);
}

#define SCENE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(all_messages_of_all_nodes_arrive),
        SCENE(a_paced_line_carries_no_more_than_its_baud_rate),
        SCENE(lost_frames_are_told_and_everything_arrives_all_the_same),
        SCENE(unplugging_hangs_up_and_replugging_brings_a_new_port_of_the_same_name),
        SCENE(a_host_that_leaves_takes_its_lock_and_its_octets_with_it),
        SCENE(nobody_hears_what_is_said_before_the_port_is_opened),
        SCENE(split_frames_come_octet_by_octet),
        SCENE(joined_frames_come_in_one_read),
        SCENE(a_swallowed_status_is_not_told),
        SCENE(a_stick_resets_itself_when_asked_and_after_so_many_frames),
        SCENE(a_quiet_stick_says_nothing_until_it_is_told_to),
        SCENE(commands_that_make_no_sense_are_refused_with_what_would),
        SCENE(a_tcp_port_serves_one_host_the_newest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
