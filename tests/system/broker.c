/* broker.c -- Debian's Mosquitto, started with a configuration made for the scene.
 *
 * Ports are chosen by asking the kernel for free ones just before; should another program be faster, Mosquitto ends at
 * once and the start is tried again with others. It runs under the test's own user, writes its log to the pipe, and
 * keeps what it keeps in the scene's folder. */
#include "tests/system/broker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { START_TRIES = 3, CONFIG_MAX = 4096 };

static const char *program(void)
{
    const char *named = getenv("MOSQUITTO");
    return named ? named : "/usr/sbin/mosquitto";
}

static void write_security(const struct broker *b, FILE *f)
{
    const char *folder = b->scene->folder;
    fprintf(f, "allow_anonymous %s\n", b->options.password ? "false" : "true");
    if (b->options.password)
        fprintf(f, "password_file %s/passwords\n", folder);
    if (!b->options.tls)
        return;
    const char *server = b->options.server ? b->options.server : "server";
    fprintf(f, "cafile %s/ca.pem\ncertfile %s/%s.pem\nkeyfile %s/%s.key\n", folder, folder, server,
            folder, server);
    fprintf(f, "require_certificate %s\n", b->options.client_certs ? "true" : "false");
}

static void write_configuration(const struct broker *b, const char *path)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(
        f,
        "per_listener_settings true\nuser root\nlog_dest stderr\nlog_type all\nset_tcp_nodelay true\n");
    if (b->options.persistence)
        fprintf(f, "persistence true\npersistence_location %s/\n", b->scene->folder);
    if (b->options.more)
        fprintf(f, "%s\n", b->options.more);
    fprintf(f, "listener %u 127.0.0.1\nallow_anonymous true\n", b->peer_port);
    fprintf(f, "listener %u 127.0.0.1\n", b->port);
    write_security(b, f);
    assert_int_equal(fclose(f), 0);
}

static void write_passwords(const struct broker *b)
{
    char path[SCENE_PATH];
    snprintf(path, sizeof path, "%s/passwords", b->scene->folder);
    scene_runs((const char *const[]){ "mosquitto_passwd", "-b", "-c", path, "gateway", "let-me-in",
                                      NULL });
}

static bool run(struct broker *b)
{
    char path[SCENE_PATH], line[SCENE_PATH];
    snprintf(path, sizeof path, "%s/mosquitto.conf", b->scene->folder);
    write_configuration(b, path);
    process_forget(&b->process);
    return process_start(&b->process, (const char *const[]){ program(), "-c", path, NULL }, NULL) &&
           process_says(&b->process, " running", PATIENCE_MS, line, sizeof line);
}

static bool close_broker(void *thing, bool failed)
{
    struct broker *b = thing;
    if (b->process.pid)
        kill(b->process.pid, SIGCONT);
    process_end(&b->process, SIGTERM);
    if (failed)
        process_prints(&b->process, "broker");
    process_forget(&b->process);
    return true;
}

struct broker *broker_start(struct scene *s, struct broker_options options)
{
    struct broker *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->scene = s;
    b->options = options;
    scene_keeps(s, b, close_broker);
    if (options.password)
        write_passwords(b);
    for (int tried = 0; tried < START_TRIES; tried++) {
        b->port = scene_free_port();
        b->peer_port = scene_free_port();
        if (run(b)) {
            s->broker = b;
            return b;
        }
        process_end(&b->process, SIGTERM);
    }
    fail_msg("%s does not start:\n%s", program(), b->process.text ? b->process.text : "");
    return NULL;
}

void broker_stops(struct broker *b)
{
    process_end(&b->process, SIGTERM);
}

void broker_restarts(struct broker *b)
{
    if (!run(b))
        fail_msg("the broker does not start again:\n%s", b->process.text);
}

void broker_freezes(struct broker *b)
{
    assert_int_equal(kill(b->process.pid, SIGSTOP), 0);
}

void broker_thaws(struct broker *b)
{
    assert_int_equal(kill(b->process.pid, SIGCONT), 0);
}
