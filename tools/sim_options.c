/* sim_options.c -- the command line of radio-sim.
 *
 * options.h reads numbers and texts; what they mean together is worked out here, once, so that everything behind it
 * gets settings that make sense. */
#include "tools/sim_options.h"

#include "radio/ezsp_frame.h"
#include "tools/sim_random.h"

#include <stdio.h>

#define PROGRAM "radio-sim"

enum { SIZE_MAX_OCTETS = 280, BAUD_OF_FAMILY = 1, TOPIC_MAX = 160 };

/* As they are on the command line. */
struct raw {
    const char *driver, *port, *listen, *topic;
    uint32_t baud, option, latency, loss, seed;
    uint32_t nodes, sleepy, sleep_s, interval, messages, size, predefined;
    uint32_t retry_s, retries, keep_alive_s, speed, concurrency, channel, pan_id;
    uint8_t qos;
    bool no_subscribe, search, clean, formed, permit_only, verbose;
};

static const char examples[] =
    "  radio-sim --driver xbee --port ./stick --nodes 3 --interval 5000\n"
    "  radio-sim --driver znp --port ./stick --nodes 20 --messages 10 --qos 1 --loss 5\n"
    "  radio-sim --driver ezsp --listen 127.0.0.1:6638 --nodes 3\n"
    "  radio-sim --driver deconz --port ./stick --nodes 500 --sleepy 20 --speed 20 --duration 600\n"
    "  radio-sim --driver xbee --port ./stick --nodes 3 --fault checksum:50 --fault split:1\n"
    "\nVariants for --stick-option (0 is the usual):\n"
    "  xbee    2: frames are escaped (API mode 2)\n"
    "  znp     1: Z-Stack 1.2 on a CC2531, 2: Z-Stack 3.0.x on one, 3: the PAN id is taken by a neighbour\n"
    "  ezsp    4 to 14: the version of the protocol (13)\n"
    "  deconz  1: old firmware, 2: firmware that answers with the wrong command now and then\n"
    "\nCommands on standard input, each answered by one line:\n"
    "  checksum no-status split join quiet reset     a fault, the next time; with :EVERY, again and again\n"
    "  unplug, replug, noise OCTETS, rejoin NODE, twin NODE CLIENT-ID, say NODE HEX, status\n";

static void add_line_options(struct options *o, struct raw *r)
{
    const struct option_row rows[] = {
        { "driver", 'd', OPTION_TEXT, &r->driver, 0, 0, "NAME", "xbee, znp, ezsp or deconz" },
        { "port", 'p', OPTION_TEXT, &r->port, 0, 0, "PATH", "symlink to the pseudo-terminal" },
        { "listen", 'l', OPTION_TEXT, &r->listen, 0, 0, "ADDRESS:PORT",
          "a TCP port instead of a pseudo-terminal" },
        { "baud", 'b', OPTION_NUMBER, &r->baud, 0, 4000000, "N",
          "speed of the line; 0 = unpaced (that of the family)" },
        { "stick-option", 0, OPTION_NUMBER, &r->option, 0, 1000000, "N",
          "a variant of the firmware, see below (0)" },
        { "formed", 0, OPTION_FLAG, &r->formed, 0, 0, NULL,
          "the stick has a network already, and the nodes are in it" },
        { "channel", 0, OPTION_NUMBER, &r->channel, 11, 26, "N", "of that network (15)" },
        { "pan-id", 0, OPTION_NUMBER, &r->pan_id, 1, 65534, "N", "of that network (6754)" },
        { "permit-only", 0, OPTION_FLAG, &r->permit_only, 0, 0, NULL,
          "nodes join only while the network is open" },
        { "verbose", 'v', OPTION_FLAG, &r->verbose, 0, 0, NULL, "what the stick thinks, on stderr" },
    };
    options_add(o, rows, sizeof rows / sizeof *rows);
}

static void add_air_options(struct options *o, struct raw *r, struct sim_options *to)
{
    const struct option_row rows[] = {
        { "latency", 0, OPTION_NUMBER, &r->latency, 0, 60000, "MS", "of the air, each way (0)" },
        { "loss", 0, OPTION_NUMBER, &r->loss, 0, 100, "PERCENT", "of the frames, each way (0)" },
        { "seed", 0, OPTION_NUMBER, &r->seed, 1, UINT32_MAX, "N", "of all chance (1)" },
        { "speed", 0, OPTION_NUMBER, &r->speed, 1, 1000, "X",
          "nodes and air live X times faster (1)" },
        { "duration", 0, OPTION_NUMBER, &to->duration_s, 1, 31536000, "S",
          "leave after so many simulated seconds" },
        { "stay", 0, OPTION_FLAG, &to->stay, 0, 0, NULL, "also when all messages are acknowledged" },
        { "fault", 0, OPTION_LIST, &to->faults, 0, 0, "NAME[:EVERY]",
          "a command to begin with, see below; may be repeated" },
    };
    options_add(o, rows, sizeof rows / sizeof *rows);
}

static void add_node_options(struct options *o, struct raw *r)
{
    const struct option_row rows[] = {
        { "nodes", 'n', OPTION_NUMBER, &r->nodes, 0, SIM_NODES_MAX, "N", "how many (1)" },
        { "interval", 'i', OPTION_NUMBER, &r->interval, 0, 86400000, "MS",
          "between two messages of a node; 0 = at once (1000)" },
        { "messages", 'm', OPTION_NUMBER, &r->messages, 0, UINT32_MAX, "M",
          "of each node; then it is done (0: for ever)" },
        { "qos", 'q', OPTION_QOS, &r->qos, 0, 2, "QOS", "of publishing and subscribing (1)" },
        { "size", 0, OPTION_NUMBER, &r->size, 0, SIZE_MAX_OCTETS, "OCTETS", "of a payload (20)" },
        { "topic", 't', OPTION_TEXT, &r->topic, 0, 0, "PREFIX",
          "publish to PREFIX/<id>/up, subscribe to PREFIX/<id>/down (sim)" },
        { "predefined", 0, OPTION_NUMBER, &r->predefined, 1, 65534, "ID",
          "publish to a predefined topic id" },
        { "no-subscribe", 0, OPTION_FLAG, &r->no_subscribe, 0, 0, NULL, "subscribe to nothing" },
        { "search", 0, OPTION_FLAG, &r->search, 0, 0, NULL,
          "look for the gateway with SEARCHGW first" },
        { "clean", 0, OPTION_FLAG, &r->clean, 0, 0, NULL, "clean sessions" },
        { "keep-alive", 0, OPTION_NUMBER, &r->keep_alive_s, 0, 65535, "S", "announced (60)" },
        { "retry", 0, OPTION_NUMBER, &r->retry_s, 1, 3600, "S", "T_RETRY (10)" },
        { "retries", 0, OPTION_NUMBER, &r->retries, 0, 100, "N", "N_RETRY (3)" },
        { "sleepy", 0, OPTION_NUMBER, &r->sleepy, 0, 100, "PERCENT", "of the nodes sleep (0)" },
        { "sleep", 0, OPTION_NUMBER, &r->sleep_s, 1, 65535, "S", "how long they sleep (60)" },
        { "concurrency", 0, OPTION_NUMBER, &r->concurrency, 1, SIM_NODES_MAX, "N",
          "nodes that set themselves up at the same time (20)" },
    };
    options_add(o, rows, sizeof rows / sizeof *rows);
}

static const struct sim_family *find_family(const struct sim_family *const *families, const char *name)
{
    for (; *families; families++)
        if (strcmp((*families)->name, name) == 0)
            return *families;
    return NULL;
}

/* Besides 0, the usual one. */
static const struct {
    const char *driver;
    uint32_t least, most;
} variants[] = { { "xbee", 2, 2 },
                 { "znp", 1, 3 },
                 { "ezsp", EZSP_VERSION_MIN, EZSP_VERSION_MAX },
                 { "deconz", 1, 2 } };

static bool check_variant(const struct raw *r)
{
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        const uint32_t least = variants[i].least, most = variants[i].most;
        if (strcmp(variants[i].driver, r->driver) != 0 || r->option == 0 ||
            (r->option >= least && r->option <= most))
            continue;
        tool_complain(PROGRAM, "--stick-option %u: %s has no such variant, see --help", r->option,
                      r->driver);
        return false;
    }
    return true;
}

static bool check(const struct raw *r, const struct sim_family *const *families)
{
    if (!r->driver || !find_family(families, r->driver)) {
        tool_complain(PROGRAM, "--driver %s: must be xbee, znp, ezsp or deconz",
                      r->driver ? r->driver : "is missing");
        return false;
    }
    if (r->port && r->listen) {
        tool_complain(PROGRAM, "--port and --listen: choose one");
        return false;
    }
    if (*r->topic == '\0' || strlen(r->topic) > TOPIC_MAX || strpbrk(r->topic, "#+")) {
        tool_complain(PROGRAM, "--topic %s: must be a topic name of 1 to %d octets", r->topic,
                      TOPIC_MAX);
        return false;
    }
    return check_variant(r);
}

static struct sim_nodes_settings nodes_of(const struct raw *r)
{
    return (struct sim_nodes_settings){
        .plan = {
            .interval_ms = r->interval,
            .messages = r->messages,
            .qos = r->qos,
            .size = r->size,
            .topic = r->topic,
            .predefined = (uint16_t)r->predefined,
            .subscribe = !r->no_subscribe,
            .search = r->search,
            .clean = r->clean,
            .retry_ms = (msec)r->retry_s * 1000,
            .retries = r->retries,
            .keep_alive_s = (uint16_t)r->keep_alive_s,
            .sleep_s = (uint16_t)r->sleep_s,
        },
        .count = r->nodes,
        .sleepy_percent = r->sleepy,
        .concurrency = r->concurrency,
        .seed = r->seed,
        .joined = r->formed,
    };
}

static struct sim_network network_of(const struct raw *r)
{
    struct sim_network n = { .formed = r->formed };
    uint32_t random = r->seed;
    if (!r->formed)
        return n;
    n.channel = (uint8_t)r->channel;
    n.pan_id = (uint16_t)r->pan_id;
    n.extended_pan_id = (uint64_t)sim_random(&random) << 32 | sim_random(&random);
    for (size_t i = 0; i < sizeof n.key; i++)
        n.key[i] = (uint8_t)(sim_random(&random) >> 8);
    return n;
}

static struct sim_scene_settings scene_of(const struct raw *r, const struct sim_family *family)
{
    return (struct sim_scene_settings){
        .family = family,
        .line = { r->port, r->listen, r->baud == BAUD_OF_FAMILY ? family->baud : r->baud },
        .nodes = nodes_of(r),
        .network = network_of(r),
        .latency_ms = r->latency,
        .loss_percent = r->loss,
        .seed = r->seed,
        .speed = r->speed,
        .stick_option = r->option,
        .permit_only = r->permit_only,
        .verbose = r->verbose,
    };
}

bool sim_options_read(struct sim_options *o, const struct sim_family *const *families, int argc,
                      char **argv, enum exit_code *exit_code)
{
    struct raw r = { .baud = BAUD_OF_FAMILY,
                     .seed = 1,
                     .nodes = 1,
                     .sleep_s = 60,
                     .interval = 1000,
                     .size = 20,
                     .retry_s = 10,
                     .retries = 3,
                     .keep_alive_s = 60,
                     .speed = 1,
                     .concurrency = 20,
                     .channel = 15,
                     .pan_id = 0x1A62,
                     .qos = 1,
                     .topic = "sim" };
    struct options options = {
        .program = PROGRAM,
        .about = "Plays a ZigBee coordinator on a pseudo-terminal, with MQTT-SN nodes behind it.",
        .examples = examples,
    };
    *o = (struct sim_options){ .duration_s = 0 };
    add_line_options(&options, &r);
    add_air_options(&options, &r, o);
    add_node_options(&options, &r);
    if (!options_parse(&options, argc, argv, exit_code))
        return false;
    if (!check(&r, families)) {
        *exit_code = EXIT_USAGE;
        return false;
    }
    o->scene = scene_of(&r, find_family(families, r.driver));
    return true;
}
