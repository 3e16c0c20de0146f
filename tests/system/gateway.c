/* gateway.c -- the gateway as its operator sees it: settings in, log lines and an exit status out.
 *
 * Every radio listens on port 0, so that tests never meet; the line that the gateway logs names the real port. Only a
 * gateway with a state file has a port chosen before, because it must be found there after a restart. The admin server
 * is off. At the end it is stopped like a service, and whatever is not exit status 0 (a
 * sanitizer's finding, valgrind's, a crash) fails the test. */
#include "tests/system/gateway.h"

#include "tests/system/broker.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORDS = 32 };

static const char *or_else(const char *text, const char *usual)
{
    return text ? text : usual;
}

static void broker_url(const struct scene *s, const struct settings *settings, char *url, size_t room)
{
    if (settings->url)
        snprintf(url, room, "%s", settings->url);
    else
        snprintf(url, room, "%s://127.0.0.1:%u", s->broker->options.tls ? "mqtts" : "mqtt",
                 s->broker->port);
}

/* Nobody sends from a port that was just free, unless the kernel has given all others away. */
static uint16_t free_udp_port(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)(void *)&a, sizeof a), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)(void *)&a, &len), 0);
    close(fd);
    return ntohs(a.sin_port);
}

void settings_write(struct scene *s, struct settings settings, char path[static SCENE_PATH])
{
    char text[SETTINGS_MAX], url[SCENE_PATH], lan[SCENE_PATH];
    broker_url(s, &settings, url, sizeof url);
    snprintf(lan, sizeof lan, "  - {name: lan, driver: udp, listen: \"127.0.0.1:%u\"}",
             settings.state ? free_udp_port() : 0U);
    snprintf(text, sizeof text,
             "gateway: {id: 7, name: gateway-under-test, advertise: \"%s\", state: \"%s\"%s}\n"
             "radios:\n%s\n"
             "broker: {url: \"%s\", mode: %s%s}\n"
             "limits: {%s}\n"
             "admin: {listen: \"\"}\n"
             "log: {level: %s}\n%s\n",
             or_else(settings.advertise, "0s"), or_else(settings.state, ""),
             or_else(settings.gateway, ", status: false"), or_else(settings.radios, lan), url,
             s->mode, or_else(settings.broker, ""), or_else(settings.limits, ""),
             or_else(settings.level, "debug"), or_else(settings.more, ""));
    scene_writes(s, "gateway.yaml", text, path);
}

/* GATEWAY_WRAPPER and the program as separate words; the arguments follow. `words` borrows from the static text. */
static size_t program_words(const char *words[WORDS])
{
    static char wrapper[LINE];
    size_t count = 0;
    snprintf(wrapper, sizeof wrapper, "%s", or_else(getenv("GATEWAY_WRAPPER"), ""));
    for (char *rest = NULL, *w = strtok_r(wrapper, " ", &rest); w && count < WORDS / 2;
         w = strtok_r(NULL, " ", &rest))
        words[count++] = w;
    words[count++] = or_else(getenv("GATEWAY"), "build/mqttsn-gateway");
    return count;
}

static bool close_gateway(void *thing, bool failed)
{
    struct gateway *g = thing;
    int status = g->stopped ? 0 : process_end(&g->process, SIGTERM);
    if (failed || status != 0)
        process_prints(&g->process, "gateway");
    if (status != 0)
        print_error("the gateway's exit status is %d; -1: it had to be killed\n", status);
    process_forget(&g->process);
    return status == 0;
}

static void run(struct gateway *g)
{
    const char *words[WORDS];
    size_t count = program_words(words);
    words[count++] = "--config";
    words[count++] = g->settings;
    words[count] = NULL;
    assert_true(process_start(&g->process, words, NULL));
}

struct gateway *gateway_start_file(struct scene *s, const char *path)
{
    struct gateway *g = calloc(1, sizeof *g);
    assert_non_null(g);
    g->scene = s;
    snprintf(g->settings, sizeof g->settings, "%s", path);
    run(g);
    scene_keeps(s, g, close_gateway);
    s->gateway = g;
    return g;
}

struct gateway *gateway_start(struct scene *s, struct settings settings)
{
    char path[SCENE_PATH];
    settings_write(s, settings, path);
    struct gateway *g = gateway_start_file(s, path);
    if (!settings.radios)
        g->port = gateway_radio_port(g, "lan");
    return g;
}

struct gateway *gateway_start_connected(struct scene *s, struct settings settings)
{
    struct gateway *g = gateway_start(s, settings);
    if (strcmp(s->mode, "aggregate") == 0)
        gateway_logs(g, "broker: connected to ");
    return g;
}

struct gateway *gateway_start_with_broker(struct scene *s, struct settings settings)
{
    broker_start(s, (struct broker_options){ 0 });
    return gateway_start_connected(s, settings);
}

const char *gateway_logs(struct gateway *g, const char *text)
{
    static char line[LINE];
    if (!process_says(&g->process, text, 2 * PATIENCE_MS, line, sizeof line))
        fail_msg("the gateway does not log \"%s\"", text);
    return line;
}

uint16_t gateway_radio_port(struct gateway *g, const char *name)
{
    char text[LINE];
    snprintf(text, sizeof text, "radio %s: listening on ", name);
    const char *line = gateway_logs(g, text);
    const char *colon = strrchr(line, ':');
    long port = colon ? strtol(colon + 1, NULL, 10) : 0;
    assert_in_range(port, 1, UINT16_MAX);
    return (uint16_t)port;
}

void gateway_reloads(struct gateway *g)
{
    process_mark(&g->process);
    assert_int_equal(kill(g->process.pid, SIGHUP), 0);
}

int gateway_stops(struct gateway *g)
{
    g->stopped = true;
    return process_end(&g->process, SIGTERM);
}

void gateway_is_killed(struct gateway *g)
{
    g->stopped = true;
    process_end(&g->process, SIGKILL);
}

void gateway_is_run_again(struct gateway *g)
{
    process_forget(&g->process);
    g->stopped = false;
    run(g);
}

void gateway_starts_again(struct gateway *g)
{
    gateway_is_run_again(g);
    g->port = gateway_radio_port(g, "lan");
}

bool gateway_runs(const struct gateway *g)
{
    siginfo_t info = { 0 };
    return waitid(P_PID, (id_t)g->process.pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == 0;
}

int gateway_command(struct scene *s, const char *const arguments[], char **out, char **log)
{
    const char *words[WORDS];
    size_t count = program_words(words);
    while (*arguments && count < WORDS - 1)
        words[count++] = *arguments++;
    words[count] = NULL;
    char path[SCENE_PATH];
    scene_writes(s, "output", "", path);
    struct process p;
    assert_true(process_start(&p, words, path));
    int status = process_end(&p, 0);
    *out = scene_reads(path);
    *log = p.text;
    return status;
}
