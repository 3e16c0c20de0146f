/* mqttsn-pub.c -- publishes to an MQTT-SN gateway from the command line.
 *
 * In the spirit of mosquitto_pub: connect, register the topic, publish once, many times or once for every line of
 * standard input, disconnect. QoS -1 needs none of the exchanges around it and so sends one datagram and leaves.
 * Everything between the requests (retries, pings) is done by udp_node.c. The exit status says whether the gateway
 * took every message. */
#include "tools/udp_node.h"

#include "mqttsn/message_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM "mqttsn-pub"

enum { PAYLOAD_MAX = 65535 };

struct pub {
    struct node_settings node;
    const char *topic, *message, *file;
    bool lines, empty, retain, short_name;
    uint8_t qos;
    uint32_t predefined, repeat, interval_ms;
    struct udp_node *n;
    struct sn_topic to;
    bool rejected; /* the gateway did not take a QoS 0 message */
    size_t payload_len;
    uint8_t payload[PAYLOAD_MAX];
};

static const char examples[] =
    "  mqttsn-pub -t greenhouse/1/temperature -m 21.5\n"
    "  mqttsn-pub -h 127.0.0.1 -p 1883 -t greenhouse/1/temperature -m 21.5 -q 1 -r -d\n"
    "  mqttsn-pub -P 1 -m alarm -q -1               # predefined id, no connection\n"
    "  mqttsn-pub -t ab -m 7 -q -1                  # short topic, no connection\n"
    "  seq 10 | mqttsn-pub -t count -l -q 1         # a message for every line\n"
    "  mqttsn-pub -t count -m tick --repeat 3 --interval 500\n"
    "  mqttsn-pub -t a/b -m on --will-topic a/state --will-message gone\n"
    "  mqttsn-pub -t a/b -m on --forwarder 1a2b     # gateway with forwarders: true\n";

static void add_options(struct options *o, struct pub *p)
{
    const struct option_row rows[] = {
        { "topic", 't', OPTION_TEXT, &p->topic, 0, 0, "TOPIC", "topic name to publish to" },
        { "predefined", 'P', OPTION_NUMBER, &p->predefined, 1, 65534, "ID",
          "predefined topic id to publish to" },
        { "short", 0, OPTION_FLAG, &p->short_name, 0, 0, NULL,
          "send a two-character topic as it is; QoS -1 always does" },
        { "message", 'm', OPTION_TEXT, &p->message, 0, 0, "TEXT", "the payload" },
        { "file", 'f', OPTION_TEXT, &p->file, 0, 0, "FILE", "the payload is this file" },
        { "lines", 'l', OPTION_FLAG, &p->lines, 0, 0, NULL, "publish every line of standard input" },
        { "null", 'n', OPTION_FLAG, &p->empty, 0, 0, NULL, "an empty payload" },
        { "qos", 'q', OPTION_QOS, &p->qos, -1, 2, "QOS", "-1, 0, 1 or 2 (0)" },
        { "retain", 'r', OPTION_FLAG, &p->retain, 0, 0, NULL, "let the broker keep the message" },
        { "repeat", 0, OPTION_NUMBER, &p->repeat, 1, 1000000000, "N", "publish N times (1)" },
        { "interval", 0, OPTION_NUMBER, &p->interval_ms, 0, 86400000, "MS",
          "milliseconds between repetitions (1000)" },
    };
    options_add(o, rows, sizeof rows / sizeof *rows);
}

/* ---- checks before anything is sent ------------------------------------------------------------------------------ */

static bool refuse(const char *what)
{
    tool_complain(PROGRAM, "%s; try '" PROGRAM " --help'", what);
    return false;
}

static bool check_topic(struct pub *p)
{
    bool two = p->topic && strlen(p->topic) == 2;
    if (!p->topic == !p->predefined)
        return refuse("give either --topic or --predefined");
    if (p->short_name && !two)
        return refuse("--short needs a topic of two characters");
    if (p->qos == MQTTSN_QOS_MINUS_ONE && !p->predefined && !two)
        return refuse("QoS -1 needs --predefined, or a topic of two characters");
    if (p->predefined)
        p->to = (struct sn_topic){ .type = MQTTSN_PREDEFINED, .id = (uint16_t)p->predefined };
    else if (p->short_name || p->qos == MQTTSN_QOS_MINUS_ONE)
        p->to = node_short_topic(p->topic);
    else
        p->to = (struct sn_topic){ .type = MQTTSN_NORMAL, .name = span_text(p->topic) };
    return true;
}

static bool check_payload(struct pub *p)
{
    int sources = (p->message != NULL) + (p->file != NULL) + p->lines + p->empty;
    if (sources != 1)
        return refuse("give one of --message, --file, --lines and --null");
    if (p->message && strlen(p->message) > PAYLOAD_MAX)
        return refuse("the message is too long for MQTT-SN");
    if (p->message) {
        p->payload_len = strlen(p->message);
        memcpy(p->payload, p->message, p->payload_len);
    }
    return true;
}

static bool load_file(struct pub *p)
{
    int fd = open(p->file, O_RDONLY | O_CLOEXEC);
    ssize_t got = 1;
    while (fd >= 0 && got > 0 && p->payload_len < PAYLOAD_MAX) {
        got = read(fd, p->payload + p->payload_len, PAYLOAD_MAX - p->payload_len);
        if (got > 0)
            p->payload_len += (size_t)got;
    }
    if (fd < 0 || got < 0)
        tool_complain(PROGRAM, "cannot read %s: %s", p->file, strerror(errno));
    if (fd >= 0)
        close(fd);
    return fd >= 0 && got >= 0;
}

/* ---- publishing -------------------------------------------------------------------------------------------------- */

static void note_rejection(void *context, const struct sn_turn *t)
{
    struct pub *p = context;
    if (t->event != SN_REJECTED)
        return; /* a message of a kept session is acknowledged and not our business */
    p->rejected = true;
    tool_complain(PROGRAM, "message %s", mqttsn_return_code_name(t->return_code));
}

static enum exit_code register_topic(struct pub *p)
{
    if (p->to.type != MQTTSN_NORMAL)
        return EXIT_DONE;
    struct sn_turn *t = node_turn(p->n);
    enum sn_error e = mqttsn_client_register(node_client(p->n), p->to.name, node_now(), t);
    if (node_post(p->n, e) != SN_OK)
        return node_refuse(p->n, e, "topic");
    enum node_outcome outcome = node_finish(p->n, note_rejection, p);
    enum exit_code code = node_expect(p->n, outcome, SN_REGISTERED, "topic");
    if (code == EXIT_DONE)
        p->to.id = t->topic.id;
    return code;
}

static enum exit_code publish(struct pub *p, struct span data)
{
    const struct sn_publish message = { p->to, data, p->qos, p->retain };
    enum node_outcome outcome = node_settle(p->n, note_rejection, p);
    if (outcome != NODE_EVENT)
        return node_explain(p->n, outcome, "message");
    if (p->qos != MQTTSN_QOS_MINUS_ONE && mqttsn_client_state(node_client(p->n)) != SN_ACTIVE)
        return node_explain(p->n, outcome, "message");
    struct sn_turn *t = node_turn(p->n);
    enum sn_error e = mqttsn_client_publish(node_client(p->n), &message, node_now(), t);
    if (node_post(p->n, e) != SN_OK)
        return node_refuse(p->n, e, "message");
    if (t->event == SN_PUBLISHED)
        return EXIT_DONE;
    outcome = node_finish(p->n, note_rejection, p);
    return node_expect(p->n, outcome, SN_PUBLISHED, "message");
}

/* Lets the node live until `until`, or until standard input has something. */
static enum exit_code linger(struct pub *p, msec until)
{
    for (;;) {
        enum node_outcome outcome = node_wait(p->n, until);
        const struct sn_turn *t = node_turn(p->n);
        if (outcome == NODE_TIMEOUT || outcome == NODE_INPUT)
            return EXIT_DONE;
        if (outcome != NODE_EVENT || t->event == SN_UNANSWERED || t->event == SN_DISMISSED)
            return node_explain(p->n, outcome, "message");
        note_rejection(p, t);
    }
}

static enum exit_code publish_repeatedly(struct pub *p)
{
    enum exit_code code = publish(p, span_of(p->payload, p->payload_len));
    for (uint32_t i = 1; i < p->repeat && code == EXIT_DONE; i++) {
        code = linger(p, node_now() + p->interval_ms);
        if (code == EXIT_DONE)
            code = publish(p, span_of(p->payload, p->payload_len));
    }
    return code;
}

/* Publishes the whole lines of the payload buffer and keeps the rest; at the end the rest is a line too. */
static enum exit_code publish_whole_lines(struct pub *p, bool at_end)
{
    struct span rest = span_of(p->payload, p->payload_len);
    enum exit_code code = EXIT_DONE;
    while (code == EXIT_DONE && rest.len > 0) {
        const uint8_t *newline = memchr(rest.at, '\n', rest.len);
        if (!newline && !at_end && rest.len < PAYLOAD_MAX)
            break;
        size_t len = newline ? (size_t)(newline - rest.at) : rest.len;
        code = publish(p, span_of(rest.at, len));
        len += newline != NULL;
        rest = span_of(rest.at + len, rest.len - len);
    }
    memmove(p->payload, rest.at, rest.len);
    p->payload_len = rest.len;
    return code;
}

static enum exit_code publish_lines(struct pub *p)
{
    enum exit_code code = EXIT_DONE;
    ssize_t got = 1;
    while (code == EXIT_DONE && got > 0) {
        node_watch(p->n, STDIN_FILENO);
        code = linger(p, MSEC_NEVER);
        node_watch(p->n, -1);
        if (code != EXIT_DONE)
            break;
        got = read(STDIN_FILENO, p->payload + p->payload_len, PAYLOAD_MAX - p->payload_len);
        if (got > 0)
            p->payload_len += (size_t)got;
        code = publish_whole_lines(p, got <= 0);
    }
    return code;
}

static enum exit_code publish_all(struct pub *p)
{
    enum exit_code code = EXIT_DONE;
    if (p->qos != MQTTSN_QOS_MINUS_ONE)
        code = node_connect(p->n);
    if (code == EXIT_DONE && p->qos != MQTTSN_QOS_MINUS_ONE)
        code = register_topic(p);
    if (code == EXIT_DONE)
        code = p->lines ? publish_lines(p) : publish_repeatedly(p);
    node_disconnect(p->n, note_rejection, p);
    return code == EXIT_DONE && p->rejected ? EXIT_REFUSED : code;
}

int main(int argc, char **argv)
{
    static struct pub p = { .repeat = 1, .interval_ms = 1000 };
    p.node = node_defaults(PROGRAM);
    struct options o = {
        .program = PROGRAM,
        .about = "Publishes messages to an MQTT-SN gateway over UDP.",
        .examples = examples,
    };
    add_options(&o, &p);
    node_add_options(&o, &p.node);
    enum exit_code code;
    if (!options_parse(&o, argc, argv, &code))
        return (int)code;
    if (!check_topic(&p) || !check_payload(&p))
        return EXIT_USAGE;
    if (p.file && !load_file(&p))
        return EXIT_LOCAL;
    p.n = node_open(&p.node, &code);
    if (!p.n)
        return (int)code;
    code = publish_all(&p);
    node_close(p.n);
    return (int)code;
}
