/* sim_scene_host.h -- the whole simulator on a real pseudo-terminal, with the simplest stick there can be and a host of
 * a few lines in the same loop.
 *
 * The stick's protocol: a length, the node's number, and MQTT-SN; towards the host also an outcome, which has no octets
 * but a number from 0xF0 on. Nothing waits for a fixed time: each step runs the loop until something has happened. */
#pragma once

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

/* ---- the stick --------------------------------------------------------------------------------------------------- */

struct plain {
    struct sim_stick stick;
    size_t len;
    uint8_t heard[SIM_PAYLOAD_MAX];
};

static unsigned plugs, resets, joins;

static inline void plain_write(struct plain *p, uint8_t node, struct span data)
{
    uint8_t frame[SIM_PAYLOAD_MAX + 2] = { (uint8_t)(data.len + 2), node };
    if (data.len > 0)
        memcpy(frame + 2, data.at, data.len);
    p->stick.world->write(p->stick.world->context, span_of(frame, data.len + 2));
}

static inline void plain_plug(struct sim_stick *s, msec now)
{
    (void)now;
    s->network->formed = true;
    plugs++;
}

static inline void plain_hear(struct sim_stick *s, struct span bytes, msec now)
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

static inline void plain_tick(struct sim_stick *s, msec now)
{
    (void)s;
    (void)now;
}

static inline msec plain_deadline(const struct sim_stick *s)
{
    (void)s;
    return MSEC_NEVER;
}

static inline void plain_receive(struct sim_stick *s, const struct sim_frame *f, msec now)
{
    (void)now;
    plain_write((struct plain *)s, (uint8_t)(f->eui64 - EUI64_1), f->data);
}

static inline void plain_outcome(struct sim_stick *s, uint32_t token, enum sim_outcome how, msec now)
{
    (void)token;
    (void)now;
    plain_write((struct plain *)s, (uint8_t)(OUTCOME + how), (struct span){ 0 });
}

static inline void plain_joined(struct sim_stick *s, uint64_t eui64, uint16_t nwk, msec now)
{
    (void)s;
    (void)eui64;
    (void)nwk;
    (void)now;
    joins++;
}

static inline void plain_reset(struct sim_stick *s, msec now)
{
    (void)s;
    (void)now;
    resets++;
}

static const struct sim_family plain = {
    .name = "plain",
    .size = sizeof(struct plain),
    .plug = plain_plug,
    .hear = plain_hear,
    .tick = plain_tick,
    .deadline = plain_deadline,
    .receive = plain_receive,
    .outcome = plain_outcome,
    .joined = plain_joined,
    .reset = plain_reset,
};

/* ---- the host ---------------------------------------------------------------------------------------------------- */

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

static inline void host_says(uint8_t node, const struct mqttsn_message *m)
{
    uint8_t frame[SIM_PAYLOAD_MAX];
    struct writer out = writer_of(frame, sizeof frame);
    write_u8(&out, (uint8_t)(mqttsn_encoded_len(m) + 2));
    write_u8(&out, node);
    assert_int_equal(mqttsn_encode(m, &out), MQTTSN_OK);
    size_t len = sizeof frame - out.left;
    assert_int_equal(write(w.fd, frame, len), len);
}

static inline void host_answers(uint8_t node, struct span data)
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
        back.topic_id = (uint16_t)m.type;
    if (!w.mute)
        host_says(node, &back);
}

static inline void host_takes_frames(void)
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

static inline void host_reads(evutil_socket_t fd, short what, void *context)
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

static inline void host_takes(int fd)
{
    w.fd = fd;
    w.hung_up = false;
    w.len = 0;
    w.readable = event_new(w.loop, fd, EV_READ | EV_PERSIST, host_reads, NULL);
    assert_int_equal(event_add(w.readable, NULL), 0);
}

static inline void host_opens(void)
{
    int fd = open(w.link, O_RDWR | O_NOCTTY | O_NONBLOCK);
    assert_true(fd >= 0);
    host_takes(fd);
}

static inline void host_closes(void)
{
    event_free(w.readable);
    close(w.fd);
}

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

static inline void be_late(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    (void)context;
    w.late = true;
    event_base_loopbreak(w.loop);
}

static inline void run_until(bool (*done)(void))
{
    const struct timeval patience = { PATIENCE_S, 0 };
    w.done = done;
    evtimer_add(w.patience, &patience);
    while (!done() && !w.late)
        event_base_loop(w.loop, EVLOOP_ONCE);
    assert_false(w.late);
    evtimer_del(w.patience);
}

/* What is ready now is done, and what that makes ready. */
static inline void look_around(void)
{
    for (unsigned i = 0; i < 20; i++)
        event_base_loop(w.loop, EVLOOP_NONBLOCK);
}

static inline void scene_changed(void *context)
{
    (void)context;
}

static inline struct sim_scene_settings usual(void)
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

static inline void begin(const struct sim_scene_settings *settings)
{
    plugs = resets = joins = 0;
    w.scene = sim_scene_new(w.loop, settings, scene_changed, NULL);
    assert_non_null(w.scene);
}

static inline int set_up(void **state)
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

static inline int tear_down(void **state)
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

static inline const char *ask(const char *command)
{
    static char answer[1024];
    (void)sim_command(w.scene, command, answer, sizeof answer);
    return answer;
}

static inline bool all_acknowledged(void)
{
    return sim_scene_finished(w.scene);
}

static inline bool hung_up(void)
{
    return w.hung_up;
}

static inline bool heard_something(void)
{
    return w.frames > 0 || w.nonsense > 0;
}

static inline bool link_is_there(void)
{
    struct stat s;
    return lstat(w.link, &s) == 0;
}

#define SCENE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
