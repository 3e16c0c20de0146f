/* bench_options.c -- the command line of mqttsn-bench.
 *
 * One table says each option once: its name, what its value is called, in which range it must lie, and one line of
 * help; getopt_long's own table and --help are both made from it. A number is read whole or refused: "20k" must not
 * run as 20. */
#include "tools/bench_options.h"

#include "tools/bench_stamp.h"

#include <getopt.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

static const char *const scenario_names[BENCH_SCENARIOS] = {
    [BENCH_UPLINK] = "uplink", [BENCH_DOWNLINK] = "downlink", [BENCH_CONNECT] = "connect",
    [BENCH_SLEEP] = "sleep",   [BENCH_IDLE] = "idle",
};

enum { DEFAULT_RATE = 1000 };

enum option_id {
    CLIENTS,
    QOS,
    RATE,
    PAYLOAD,
    SECONDS,
    MESSAGES,
    TICK,
    RETRY,
    RETRIES,
    DRAIN,
    KEEP_ALIVE,
    TOPIC_ID,
    PID,
    NUMBERS,
    PREFIX = NUMBERS,
    FILTER,
    BROKER,
    JSON,
    HELP,
    OPTIONS
};

static const struct row {
    const char *name, *value;
    double least, most;
    const char *help;
} rows[OPTIONS] = {
    [CLIENTS] = { "clients", "N", 1, 200000, "simulated clients, each with its own UDP port (100)" },
    [QOS] = { "qos", "Q", -1, 2, "-1, 0, 1 or 2 (0)" },
    [RATE] = { "rate", "R", 0, 1e7,
               "messages a second, all clients together; 0: as fast as may be\n"
               "                       (1000; uplink at QoS 1 and 2: the next when the last is acknowledged)" },
    [PAYLOAD] = { "payload", "OCTETS", BENCH_STAMP_LEN, BENCH_PAYLOAD_MAX,
                  "size of each payload, 20 to 4096 (32)" },
    [SECONDS] = { "seconds", "S", 0, 1e6, "how long to publish, or to stay (10)" },
    [MESSAGES] = { "messages", "M", 0, 1e12,
                   "stop after so many messages in all; sleep: per client (1)" },
    [TICK] = { "tick", "US", 10, 1e6, "microseconds between bursts with --rate (1000)" },
    [RETRY] = { "retry", "S", 0.01, 3600, "T_RETRY, seconds before a request is sent again (10)" },
    [RETRIES] = { "retries", "N", 0, 100, "N_RETRY, how often (3)" },
    [DRAIN] = { "drain", "S", 0, 600, "seconds to wait for stragglers after the last message (0.5)" },
    [KEEP_ALIVE] = { "keep-alive", "S", 0, 65535,
                     "keep-alive, and duration of sleep; must outlast the run (3600)" },
    [TOPIC_ID] = { "topic-id", "ID", 1, 65534, "publish to this predefined id, register nothing" },
    [PID] = { "pid", "PID", 1, 4194304, "measure CPU and memory of this process: the gateway" },
    [PREFIX] = { "prefix", "TEXT", 0, 0, "client ids are TEXT-N, topics TEXT/N (bench)" },
    [FILTER] = { "filter", "FILTER", 0, 0, "what to count at the broker (PREFIX/#; QoS -1: bn/#)" },
    [BROKER] = { "broker", "HOST:PORT", 0, 0, "MQTT broker to count or publish at" },
    [JSON] = { "json", NULL, 0, 0, "print the report as one JSON object" },
    [HELP] = { "help", NULL, 0, 0, "print this" },
};

const char *bench_scenario_name(enum bench_scenario s)
{
    return scenario_names[s];
}

static void print_help(void)
{
    puts("mqttsn-bench -- loads an MQTT-SN gateway and says what arrived, how fast and at what cost\n"
         "\n"
         "  mqttsn-bench [OPTION]... [SCENARIO [HOST:PORT]]        gateway default: 127.0.0.1:1883\n"
         "\n"
         "  uplink     clients publish (default); --broker counts what arrives there\n"
         "  downlink   clients subscribe, --broker is published to\n"
         "  connect    all clients connect at once\n"
         "  sleep      clients subscribe and sleep, --broker is published to, clients wake and collect\n"
         "  idle       clients connect and stay\n");
    for (size_t i = 0; i < OPTIONS; i++) {
        char text[64];
        snprintf(text, sizeof text, "--%s %s", rows[i].name, rows[i].value ? rows[i].value : "");
        printf("  %-20s %s\n", text, rows[i].help);
    }
    puts("\nExamples, with a gateway on 127.0.0.1:1883 and its broker on the same port over TCP:\n"
         "  mqttsn-bench\n"
         "  mqttsn-bench --rate 20000 --broker 127.0.0.1:1883 uplink 127.0.0.1:1883\n"
         "  mqttsn-bench --qos 1 --messages 10000 --pid $(pidof -s mqttsn-gateway)\n"
         "  mqttsn-bench --clients 1000 --rate 2000 --seconds 5 --broker 127.0.0.1:1883 downlink\n"
         "  mqttsn-bench --clients 500 --qos 1 --messages 3 --broker 127.0.0.1:1883 sleep\n"
         "  mqttsn-bench --clients 5000 --json connect");
}

static int refuse(const char *what, const char *value, const char *remedy)
{
    fprintf(stderr, "mqttsn-bench: %s \"%s\": %s\n", what, value, remedy);
    return 2;
}

static bool read_endpoint(const char *text, int socktype, struct bench_endpoint *e)
{
    char host[256];
    const char *colon = strrchr(text, ':');
    const size_t len = colon ? (size_t)(colon - text) : sizeof host;
    if (len >= sizeof host)
        return false;
    const bool bracketed = len > 2 && text[0] == '[' && text[len - 1] == ']';
    snprintf(host, sizeof host, "%.*s", (int)len - 2 * bracketed, text + bracketed);
    const struct addrinfo hints = { .ai_socktype = socktype };
    struct addrinfo *found;
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
        return false;
    memcpy(&e->address, found->ai_addr, found->ai_addrlen);
    e->len = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

static void set_number(struct bench_options *o, enum option_id id, double v)
{
    switch (id) {
    case CLIENTS:
        o->clients = (size_t)v;
        break;
    case QOS:
        o->qos = (int)v;
        break;
    case RATE:
        o->rate = v;
        break;
    case PAYLOAD:
        o->payload = (size_t)v;
        break;
    case SECONDS:
        o->seconds = v;
        break;
    case MESSAGES:
        o->messages = (uint64_t)v;
        break;
    case TICK:
        o->tick_ns = (uint64_t)(v * 1e3);
        break;
    case RETRY:
        o->retry_ns = (uint64_t)(v * 1e9);
        break;
    case RETRIES:
        o->retries = (unsigned)v;
        break;
    case DRAIN:
        o->drain_ns = (uint64_t)(v * 1e9);
        break;
    case KEEP_ALIVE:
        o->keep_alive = (uint16_t)v;
        break;
    case TOPIC_ID:
        o->topic_id = (uint16_t)v;
        break;
    default:
        o->pid = (pid_t)v;
        break;
    }
}

static int read_number(struct bench_options *o, enum option_id id, const char *text)
{
    char *end;
    const double v = strtod(text, &end);
    if (end == text || *end || !(v >= rows[id].least && v <= rows[id].most)) {
        char remedy[96];
        snprintf(remedy, sizeof remedy, "must be a number from %g to %g", rows[id].least,
                 rows[id].most);
        return refuse(rows[id].name, text, remedy);
    }
    set_number(o, id, v);
    return 0;
}

static int read_option(struct bench_options *o, enum option_id id, const char *value)
{
    if (id < NUMBERS)
        return read_number(o, id, value);
    switch (id) {
    case PREFIX:
        if (!*value || strlen(value) > 12 || strpbrk(value, "#+/"))
            return refuse("prefix", value, "must be 1 to 12 characters without #, + and /");
        o->prefix = value;
        return 0;
    case FILTER:
        o->filter = value;
        return 0;
    case BROKER:
        return read_endpoint(value, SOCK_STREAM, &o->broker)
                   ? 0
                   : refuse("broker", value, "must be HOST:PORT of a host that is known");
    case HELP:
        print_help();
        return 1;
    default:
        o->json = true;
        return 0;
    }
}

static int read_operands(struct bench_options *o, int count, char **operands)
{
    const char *gateway = count > 1 ? operands[1] : "127.0.0.1:1883";
    size_t s = 0;
    while (count > 0 && s < BENCH_SCENARIOS && strcmp(operands[0], scenario_names[s]) != 0)
        s++;
    if (s == BENCH_SCENARIOS)
        return refuse("scenario", operands[0], "must be uplink, downlink, connect, sleep or idle");
    if (count > 2)
        return refuse("argument", operands[2], "is one too many");
    o->scenario = (enum bench_scenario)s;
    if (!read_endpoint(gateway, SOCK_DGRAM, &o->gateway))
        return refuse("gateway", gateway, "must be HOST:PORT of a host that is known");
    if (o->scenario == BENCH_SLEEP && !o->broker.len)
        return refuse("scenario", "sleep", "needs --broker to publish at");
    if (o->scenario != BENCH_UPLINK && o->qos < 0)
        return refuse("qos", "-1", "is for uplink only");
    if (o->rate < 0)
        o->rate = o->scenario == BENCH_UPLINK && o->qos > 0 ? 0 : DEFAULT_RATE;
    return 0;
}

int bench_options_read(struct bench_options *o, int argc, char **argv)
{
    struct option table[OPTIONS + 1] = { 0 };
    for (int i = 0; i < OPTIONS; i++)
        table[i] = (struct option){ rows[i].name, rows[i].value ? required_argument : no_argument,
                                    NULL, i };
    *o = (struct bench_options){ .clients = 100,
                                 .payload = 32,
                                 .rate = -1, /* depends on the scenario: read_operands */
                                 .seconds = 10,
                                 .tick_ns = 1000000,
                                 .retry_ns = 10000000000,
                                 .retries = 3,
                                 .drain_ns = 500000000,
                                 .keep_alive = 3600,
                                 .prefix = "bench" };
    for (int id; (id = getopt_long(argc, argv, "", table, NULL)) != -1;) {
        const int result = id == '?' ? 2 : read_option(o, (enum option_id)id, optarg);
        if (result != 0)
            return result;
    }
    return read_operands(o, argc - optind, argv + optind);
}
