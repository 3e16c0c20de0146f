/* main.c -- the program mqttsn-gateway: options, signals, and the turn of the loop.
 *
 * A turn hears everything that is ready, decides, and then everything leaves at once: gateway_flush. With nothing to do
 * the process sleeps in the kernel and is not woken before a descriptor or a deadline is ready. */
#include "config/config.h"
#include "config/log.h"
#include "gateway/dump.h"
#include "gateway/gateway.h"
#include "gateway/inspect.h"
#include "gateway/notify.h"
#include "gateway/tls.h"

#include <event2/event.h>
#include <event2/thread.h>
#include <getopt.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#define VERSION "0.1.0"
#define DEFAULT_CONFIG "/etc/mqttsn-gateway/gateway.yaml"

enum mode {
    MODE_RUN,
    MODE_CHECK,
    MODE_PRINT_CONFIG,
    MODE_PRINT_SAMPLE,
    MODE_PRINT_MANUAL,
    MODE_LIST_PORTS,
    MODE_PROBE,
    MODE_STATE_DUMP,
    MODE_HELP,
    MODE_VERSION
};

struct options {
    enum mode mode;
    const char *config; /* NULL: built-in defaults */
    const char *port;   /* to probe */
    uint32_t baud;      /* 0: those that are usual */
    bool json;          /* of the state */
};

static const char usage[] =
    "mqttsn-gateway: an MQTT-SN 1.2 gateway to an MQTT 3.1.1 broker\n"
    "\n"
    "  mqttsn-gateway                        run with " DEFAULT_CONFIG "\n"
    "                                        if it is there, else with built-in defaults\n"
    "  mqttsn-gateway --config FILE          run with FILE\n"
    "  mqttsn-gateway --check [--config F]   read everything the run would read, report every\n"
    "                                        mistake, exit 0 or 78\n"
    "  mqttsn-gateway --print-config         the effective settings, with where each came from\n"
    "  mqttsn-gateway --list-ports           the serial ports, and what is likely behind each\n"
    "  mqttsn-gateway --probe PORT [--baud N]\n"
    "                                        which ZigBee coordinator answers there, at which speed\n"
    "  mqttsn-gateway --state-dump [--json] [--config F]\n"
    "                                        what is on disk: clients and what waits for them; changes\n"
    "                                        nothing, also while a gateway runs\n"
    "  mqttsn-gateway --help, --version\n"
    "\n"
    "Signals: TERM and INT stop in order, HUP reloads topics, clients, limits and log level,\n"
    "USR1 writes the counters to the log, USR2 lets new nodes join all ZigBee networks for\n"
    "three minutes. Exit status: 0 stopped, 1 failed, 78 settings wrong.\n";

static bool read_baud(const char *text, uint32_t *baud)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*end != '\0' || value < 1200 || value > 4000000) {
        fprintf(stderr, "mqttsn-gateway: --baud: \"%s\" is no speed, allowed is 1200..4000000\n",
                text);
        return false;
    }
    *baud = (uint32_t)value;
    return true;
}

static bool take_option(int c, struct options *o)
{
    switch (c) {
    case '?':
        return false;
    case 'c':
        o->config = optarg;
        return true;
    case 'b':
        return read_baud(optarg, &o->baud);
    case 'p':
        o->port = optarg;
        o->mode = MODE_PROBE;
        return true;
    case 'j':
        o->json = true;
        return true;
    default:
        o->mode = c == 'h' ? MODE_HELP : (enum mode)c;
        return true;
    }
}

static bool read_options(int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {
        { "config", required_argument, NULL, 'c' },
        { "check", no_argument, NULL, MODE_CHECK },
        { "print-config", no_argument, NULL, MODE_PRINT_CONFIG },
        { "print-sample", no_argument, NULL, MODE_PRINT_SAMPLE }, /* for the tree's own files */
        { "print-manual", no_argument, NULL, MODE_PRINT_MANUAL },
        { "list-ports", no_argument, NULL, MODE_LIST_PORTS },
        { "probe", required_argument, NULL, 'p' },
        { "baud", required_argument, NULL, 'b' },
        { "state-dump", no_argument, NULL, MODE_STATE_DUMP },
        { "json", no_argument, NULL, 'j' },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, MODE_VERSION },
        { 0 },
    };
    for (int c; (c = getopt_long(argc, argv, "c:h", longs, NULL)) != -1;)
        if (!take_option(c, o))
            return false;
    if (o->baud > 0 && o->mode != MODE_PROBE) {
        fputs("mqttsn-gateway: --baud is for --probe; a radio's speed is a setting\n", stderr);
        return false;
    }
    if (o->json && o->mode != MODE_STATE_DUMP) {
        fputs("mqttsn-gateway: --json is for --state-dump; for the log it is a setting\n", stderr);
        return false;
    }
    if (optind < argc)
        fprintf(stderr, "mqttsn-gateway: unexpected argument: %s\n", argv[optind]);
    return optind == argc;
}

/* A thousand clients in transparent mode need a thousand descriptors. */
static void raise_descriptor_limit(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0)
        return;
    r.rlim_cur = r.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &r);
}

/* Certificates and keys are settings too. */
static struct config *load(const char *path, FILE *mistakes)
{
    struct config *c = config_load(path, mistakes);
    struct tls *t = c && c->broker.tls ? tls_new(&c->broker) : NULL;
    bool wrong = c && c->broker.tls && !t;
    tls_free(t);
    if (!wrong)
        return c;
    config_free(c);
    return NULL;
}

/* ---- signals ----------------------------------------------------------------------------------------------------- */

struct program {
    struct gateway *gateway;
    const char *config;
};

static void on_stop(evutil_socket_t signal_number, short what, void *arg)
{
    struct program *p = arg;
    (void)what;
    log_info("stopping, signal %d", (int)signal_number);
    notify_service("STOPPING=1");
    gateway_stop(p->gateway);
}

/* The same while the gateway runs: a mistake is an event then, and a line of the log like all others. */
static struct config *load_anew(const char *path)
{
    char *text = NULL;
    size_t len = 0;
    FILE *mistakes = open_memstream(&text, &len);
    if (!mistakes)
        return NULL;
    struct config *c = load(path, mistakes);
    fclose(mistakes);
    for (char *line = text, *end; line && (end = strchr(line, '\n')); line = end + 1)
        log_error("settings: %.*s", (int)(end - line), line);
    free(text);
    return c;
}

static void on_reload(evutil_socket_t signal_number, short what, void *arg)
{
    struct program *p = arg;
    (void)signal_number, (void)what;
    struct config *c = load_anew(p->config);
    if (c)
        gateway_reload(p->gateway, c);
    else
        log_error("settings: not reloaded, the old ones stay; see the mistakes above");
}

static void on_counts(evutil_socket_t signal_number, short what, void *arg)
{
    struct program *p = arg;
    (void)signal_number, (void)what;
    gateway_log_counts(p->gateway);
}

static void on_permit_join(evutil_socket_t signal_number, short what, void *arg)
{
    enum { JOIN_SECONDS = 180 };
    struct program *p = arg;
    (void)signal_number, (void)what;
    gateway_permit_join(p->gateway, JOIN_SECONDS);
}

static const struct {
    int number;
    event_callback_fn run;
} signals[] = { { SIGTERM, on_stop },
                { SIGINT, on_stop },
                { SIGHUP, on_reload },
                { SIGUSR1, on_counts },
                { SIGUSR2, on_permit_join } };

enum { SIGNALS = sizeof signals / sizeof signals[0] };

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

static struct event_base *new_loop(void)
{
    struct event_config *c = event_config_new();
    if (!c)
        return NULL;
    event_config_set_flag(c, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
    struct event_base *loop = event_base_new_with_config(c);
    event_config_free(c);
    return loop;
}

static void turn(struct event_base *loop, struct gateway *g)
{
    while (!event_base_got_break(loop)) {
        if (event_base_loop(loop, EVLOOP_ONCE) != 0)
            break;
        gateway_flush(g);
    }
}

static int run(const struct options *o)
{
    struct program p = { .config = o->config };
    struct event *events[SIGNALS] = { 0 };
    struct config *c = load(o->config, stderr);
    if (!c)
        return EX_CONFIG;
    log_setup(c->log.level, c->log.json);
    log_info("mqttsn-gateway " VERSION " begins with %s",
             o->config ? o->config : "built-in defaults");
    if (c->admin.listen[0] != '\0')
        log_info("this version has no admin page yet: admin.listen %s is off", c->admin.listen);
    struct event_base *loop = new_loop();
    for (size_t i = 0; loop && i < SIGNALS; i++) { /* before anything says that it is ready */
        events[i] = evsignal_new(loop, signals[i].number, signals[i].run, &p);
        event_add(events[i], NULL);
    }
    p.gateway = loop ? gateway_new(loop, c) : NULL;
    if (p.gateway) {
        notify_service("READY=1");
        turn(loop, p.gateway);
        gateway_log_counts(p.gateway);
        gateway_free(p.gateway); /* the last changes are written now, or that is said */
        log_info("stopped");
    }
    for (size_t i = 0; i < SIGNALS; i++)
        if (events[i])
            event_free(events[i]);
    if (loop)
        event_base_free(loop);
    return p.gateway ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* --check and --print-config. */
static int inspect(const struct options *o)
{
    struct config *c = load(o->config, stderr);
    if (!c)
        return EX_CONFIG;
    if (o->mode == MODE_PRINT_CONFIG)
        config_print(c, stdout);
    else
        printf("%s: no mistakes\n", o->config ? o->config : "built-in defaults");
    config_free(c);
    return EXIT_SUCCESS;
}

/* Certificates and radios may be out of order: the file can be looked at all the same. */
static int dump(const struct options *o)
{
    struct config *c = config_load(o->config, stderr);
    if (!c)
        return EX_CONFIG;
    const int status = dump_state(c, o->json);
    config_free(c);
    return status;
}

int main(int argc, char **argv)
{
    struct options o = { .mode = MODE_RUN,
                         .config = access(DEFAULT_CONFIG, F_OK) == 0 ? DEFAULT_CONFIG : NULL };
    if (!read_options(argc, argv, &o)) {
        fputs("Try mqttsn-gateway --help\n", stderr);
        return EXIT_FAILURE;
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is a full disk, not the end */
    raise_descriptor_limit();
    switch (o.mode) {
    case MODE_HELP:
        fputs(usage, stdout);
        return EXIT_SUCCESS;
    case MODE_VERSION:
        puts("mqttsn-gateway " VERSION);
        return EXIT_SUCCESS;
    case MODE_PRINT_SAMPLE:
        config_print_sample(stdout);
        return EXIT_SUCCESS;
    case MODE_PRINT_MANUAL:
        config_print_manual(stdout);
        return EXIT_SUCCESS;
    case MODE_LIST_PORTS:
        return inspect_ports();
    case MODE_PROBE:
        return inspect_probe(o.port, o.baud);
    case MODE_STATE_DUMP:
        return dump(&o);
    case MODE_CHECK:
    case MODE_PRINT_CONFIG:
        return inspect(&o);
    default:
        return run(&o);
    }
}
