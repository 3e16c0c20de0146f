/* mqttsn-sub.c -- subscribes at an MQTT-SN gateway and prints what arrives, a line for each message.
 *
 * In the spirit of mosquitto_sub, with what only MQTT-SN has: topics by predefined id and short name, and sleep. A
 * sleeping subscriber says DISCONNECT(duration) once it has subscribed, wakes every so many seconds with a PINGREQ
 * that carries its id, prints what waited for it, and sleeps again. --rejoin makes a loss of the gateway a pause
 * instead of an end. */
#include "tools/udp_node.h"

#include "mqttsn/message_text.h"

#include <stdio.h>

#define PROGRAM "mqttsn-sub"

enum { PAUSE_MIN_MS = 1000, PAUSE_MAX_MS = 60000, LINE_MAX_OCTETS = 4 * 65535 + 1 };

struct sub {
    struct node_settings node;
    struct option_list topics, predefined, shorts;
    uint8_t qos;
    uint32_t count, timeout_s, sleep_s;
    bool verbose, rejoin;
    struct udp_node *n;
    msec end; /* of -W */
    uint32_t seen;
    bool stopped, timed_out, joined;
};

static const char examples[] =
    "  mqttsn-sub -t 'greenhouse/#' -v\n"
    "  mqttsn-sub -h 127.0.0.1 -p 1883 -t greenhouse/1/lamp -q 1 -i lamp-1\n"
    "  mqttsn-sub --predefined 1 --short ab -v      # without topic names\n"
    "  mqttsn-sub -t 'greenhouse/+/lamp' -C 1 -W 30 # one message, or status 6 after 30 s\n"
    "  mqttsn-sub -t greenhouse/1/lamp -q 1 -i lamp-1 --sleep 10\n"
    "  mqttsn-sub -t greenhouse/1/lamp -q 1 -i lamp-1 --keep --rejoin\n";

static void add_options(struct options *o, struct sub *s)
{
    const struct option_row rows[] = {
        { "topic", 't', OPTION_LIST, &s->topics, 0, 0, "FILTER",
          "topic name or filter; may be repeated" },
        { "predefined", 'P', OPTION_LIST, &s->predefined, 0, 0, "ID",
          "predefined topic id; may be repeated" },
        { "short", 'S', OPTION_LIST, &s->shorts, 0, 0, "XY",
          "short topic of two characters; may be repeated" },
        { "qos", 'q', OPTION_QOS, &s->qos, 0, 2, "QOS", "highest QoS wanted: 0, 1 or 2 (0)" },
        { "verbose", 'v', OPTION_FLAG, &s->verbose, 0, 0, NULL, "print the topic too" },
        { "count", 'C', OPTION_NUMBER, &s->count, 1, UINT32_MAX, "N", "leave after N messages" },
        { "timeout", 'W', OPTION_NUMBER, &s->timeout_s, 1, 31536000, "SECONDS",
          "leave after so many seconds" },
        { "sleep", 0, OPTION_NUMBER, &s->sleep_s, 1, 65535, "SECONDS",
          "sleep, and wake so often to collect messages" },
        { "rejoin", 0, OPTION_FLAG, &s->rejoin, 0, 0, NULL,
          "when the gateway is lost, connect and subscribe again" },
    };
    options_add(o, rows, sizeof rows / sizeof *rows);
}

static bool check_topics(const struct sub *s)
{
    int64_t id = 0;
    if (s->topics.count + s->predefined.count + s->shorts.count == 0) {
        tool_complain(PROGRAM, "give --topic, --predefined or --short; try '" PROGRAM " --help'");
        return false;
    }
    for (size_t i = 0; i < s->predefined.count; i++) {
        if (!option_number(s->predefined.at[i], 1, 65534, &id)) {
            tool_complain(PROGRAM, "--predefined %s: must be a whole number from 1 to 65534",
                          s->predefined.at[i]);
            return false;
        }
    }
    for (size_t i = 0; i < s->shorts.count; i++) {
        if (strlen(s->shorts.at[i]) != 2) {
            tool_complain(PROGRAM, "--short %s: must be two characters", s->shorts.at[i]);
            return false;
        }
    }
    return true;
}

/* ---- printing ---------------------------------------------------------------------------------------------------- */

static bool enough(const struct sub *s)
{
    return s->count > 0 && s->seen >= s->count;
}

static void print_message(void *context, const struct sn_turn *t)
{
    struct sub *s = context;
    static char line[LINE_MAX_OCTETS];
    if (t->event != SN_MESSAGE || enough(s))
        return;
    if (s->verbose)
        printf("%s ", node_topic_text(&t->topic, line, sizeof line));
    puts(mqttsn_text_span(t->data, line, sizeof line));
    fflush(stdout);
    s->seen++;
}

/* ---- subscribing ------------------------------------------------------------------------------------------------- */

static enum exit_code subscribe(struct sub *s, const struct sn_topic *topic)
{
    char what[300], name[256];
    struct sn_turn *t = node_turn(s->n);
    snprintf(what, sizeof what, "subscription to %s", node_topic_text(topic, name, sizeof name));
    enum node_outcome outcome = node_settle(s->n, print_message, s);
    if (outcome != NODE_EVENT)
        return node_explain(s->n, outcome, what);
    enum sn_error e = mqttsn_client_subscribe(node_client(s->n), topic, s->qos, node_now(), t);
    if (node_post(s->n, e) != SN_OK)
        return node_refuse(s->n, e, what);
    outcome = node_finish(s->n, print_message, s);
    return node_expect(s->n, outcome, SN_SUBSCRIBED, what);
}

static enum exit_code subscribe_to_all(struct sub *s)
{
    enum exit_code code = EXIT_DONE;
    for (size_t i = 0; i < s->topics.count && code == EXIT_DONE; i++) {
        struct sn_topic topic = { .type = MQTTSN_NORMAL, .name = span_text(s->topics.at[i]) };
        code = subscribe(s, &topic);
    }
    for (size_t i = 0; i < s->predefined.count && code == EXIT_DONE; i++) {
        int64_t id = 0;
        struct sn_topic topic = { .type = MQTTSN_PREDEFINED };
        if (option_number(s->predefined.at[i], 1, 65534, &id))
            topic.id = (uint16_t)id;
        code = subscribe(s, &topic);
    }
    for (size_t i = 0; i < s->shorts.count && code == EXIT_DONE; i++) {
        struct sn_topic topic = node_short_topic(s->shorts.at[i]);
        code = subscribe(s, &topic);
    }
    return code;
}

/* ---- listening --------------------------------------------------------------------------------------------------- */

/* Prints messages until `wanted` happens, or it is `until` (true), or all is over (false, with *code). */
static bool listen_until(struct sub *s, enum sn_event wanted, msec until, enum exit_code *code)
{
    *code = EXIT_DONE;
    while (!enough(s)) {
        enum node_outcome outcome = node_wait(s->n, until < s->end ? until : s->end);
        const struct sn_turn *t = node_turn(s->n);
        s->stopped = outcome == NODE_STOPPED;
        s->timed_out = outcome == NODE_TIMEOUT && node_now() >= s->end;
        if (s->stopped || s->timed_out)
            return false;
        if (outcome == NODE_TIMEOUT || (outcome == NODE_EVENT && t->event == wanted))
            return true;
        print_message(s, t);
        if (outcome != NODE_EVENT || t->event == SN_UNANSWERED || t->event == SN_DISMISSED) {
            *code = node_explain(s->n, outcome, "subscription");
            return false;
        }
    }
    return false;
}

static enum exit_code sleep_and_wake(struct sub *s)
{
    enum exit_code code = EXIT_DONE;
    struct sn_turn *t = node_turn(s->n);
    enum sn_error e = mqttsn_client_sleep(node_client(s->n), (uint16_t)s->sleep_s, node_now(), t);
    if (node_post(s->n, e) != SN_OK)
        return node_refuse(s->n, e, "sleep");
    bool on = listen_until(s, SN_FELL_ASLEEP, MSEC_NEVER, &code);
    while (on) {
        on = listen_until(s, SN_NOTHING, node_now() + (msec)s->sleep_s * 1000, &code);
        if (!on)
            break;
        e = mqttsn_client_wake(node_client(s->n), node_now(), t);
        if (node_post(s->n, e) != SN_OK)
            return node_refuse(s->n, e, "wake");
        on = listen_until(s, SN_PERIOD_OVER, MSEC_NEVER, &code);
    }
    return code;
}

/* One stay at the gateway, from CONNECT to its end. */
static enum exit_code stay(struct sub *s)
{
    enum exit_code code = node_connect(s->n);
    if (code == EXIT_DONE)
        code = subscribe_to_all(s);
    s->joined = code == EXIT_DONE;
    if (code == EXIT_DONE && s->sleep_s > 0)
        code = sleep_and_wake(s);
    else if (code == EXIT_DONE)
        listen_until(s, SN_NOTHING, MSEC_NEVER, &code);
    return code;
}

static bool worth_rejoining(const struct sub *s, enum exit_code code)
{
    return s->rejoin && (code == EXIT_UNANSWERED || code == EXIT_ENDED);
}

static enum exit_code stay_again_and_again(struct sub *s)
{
    msec pause = PAUSE_MIN_MS;
    enum exit_code code = stay(s);
    while (worth_rejoining(s, code)) {
        pause = s->joined ? PAUSE_MIN_MS : pause;
        msec until = node_now() + pause;
        enum node_outcome outcome = node_wait(s->n, until < s->end ? until : s->end);
        s->stopped = outcome == NODE_STOPPED;
        s->timed_out = node_now() >= s->end;
        if (s->stopped || s->timed_out)
            return EXIT_DONE;
        pause = pause * 2 < PAUSE_MAX_MS ? pause * 2 : PAUSE_MAX_MS;
        code = stay(s);
    }
    return code;
}

int main(int argc, char **argv)
{
    struct sub s = { .node = node_defaults(PROGRAM), .end = MSEC_NEVER };
    struct options o = {
        .program = PROGRAM,
        .about = "Subscribes at an MQTT-SN gateway over UDP and prints every message as a line.",
        .examples = examples,
    };
    add_options(&o, &s);
    node_add_options(&o, &s.node);
    enum exit_code code;
    if (!options_parse(&o, argc, argv, &code))
        return (int)code;
    if (!check_topics(&s))
        return EXIT_USAGE;
    s.n = node_open(&s.node, &code);
    if (!s.n)
        return (int)code;
    if (s.timeout_s > 0)
        s.end = node_now() + (msec)s.timeout_s * 1000;
    code = stay_again_and_again(&s);
    node_disconnect(s.n, print_message, &s);
    node_close(s.n);
    return (int)(code == EXIT_DONE && s.timed_out && s.count > 0 ? EXIT_TOO_LATE : code);
}
