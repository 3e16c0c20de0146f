/* node_procedures.c -- whole exchanges of a node, one after the other, and how their failures are told.
 *
 * A program asks for something and wants to know how it ended; that is node_finish. What can go wrong is the same for
 * every exchange (no answer, a return code, the connection ended), so it is explained in one place: what was wanted,
 * what happened, and where to look. */
#include "tools/udp_node.h"

#include "mqttsn/message_text.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    GOODBYE_MS = 2000
}; /* a gateway that does not confirm a DISCONNECT sooner is not waited for */

enum node_outcome node_finish(struct udp_node *n, node_deliver *deliver, void *context)
{
    for (;;) {
        enum node_outcome outcome = node_wait(n, MSEC_NEVER);
        const struct sn_turn *t = node_turn(n);
        if (outcome != NODE_EVENT || (t->event != SN_MESSAGE && t->event != SN_REJECTED))
            return outcome;
        if (deliver)
            deliver(context, t);
    }
}

enum node_outcome node_settle(struct udp_node *n, node_deliver *deliver, void *context)
{
    enum node_outcome outcome = NODE_EVENT;
    while (outcome == NODE_EVENT && mqttsn_client_busy(node_client(n)))
        outcome = node_finish(n, deliver, context);
    return outcome;
}

static enum exit_code explain_silence(const struct node_settings *s, const struct sn_turn *t)
{
    tool_complain(s->program,
                  "no answer to %s from %s port %" PRIu32 ": sent %" PRIu32 " times, every %" PRIu32
                  " s",
                  mqttsn_type_name(t->request), s->host, s->port, s->retries + 1, s->retry_s);
    return EXIT_UNANSWERED;
}

static const char *advice(uint8_t return_code)
{
    switch (return_code) {
    case MQTTSN_CONGESTION:
        return "the gateway is full or its broker is away, try again later";
    case MQTTSN_INVALID_TOPIC_ID:
        return "the gateway does not know this topic id";
    case MQTTSN_NOT_SUPPORTED:
        return "the gateway does not allow or support this";
    default:
        return "an unknown return code";
    }
}

enum exit_code node_explain(struct udp_node *n, enum node_outcome outcome, const char *what)
{
    const struct node_settings *s = node_settings(n);
    const struct sn_turn *t = node_turn(n);
    if (outcome == NODE_FAILED) /* node_wait has said it */
        return EXIT_UNANSWERED;
    if (outcome == NODE_STOPPED) {
        tool_complain(s->program, "stopped");
        return EXIT_LOCAL;
    }
    if (t->event == SN_UNANSWERED)
        return explain_silence(s, t);
    if (t->event == SN_DISMISSED) {
        tool_complain(s->program, "the gateway ended the connection");
        return EXIT_ENDED;
    }
    tool_complain(s->program, "%s %s: %s", what, mqttsn_return_code_name(t->return_code),
                  advice(t->return_code));
    return EXIT_REFUSED;
}

enum exit_code node_expect(struct udp_node *n, enum node_outcome outcome, enum sn_event event,
                           const char *what)
{
    const struct sn_turn *t = node_turn(n);
    if (outcome == NODE_EVENT && t->event == event && t->return_code == MQTTSN_ACCEPTED)
        return EXIT_DONE;
    return node_explain(n, outcome, what);
}

enum exit_code node_refuse(struct udp_node *n, enum sn_error e, const char *what)
{
    tool_complain(node_settings(n)->program, "%s: %s", what, sn_strerror(e));
    return EXIT_USAGE;
}

enum exit_code node_connect(struct udp_node *n)
{
    enum sn_error e = mqttsn_client_connect(node_client(n), node_now(), node_turn(n));
    if (node_post(n, e) != SN_OK)
        return node_refuse(n, e, "connect");
    return node_expect(n, node_finish(n, NULL, NULL), SN_CONNECTED, "connection");
}

void node_disconnect(struct udp_node *n, node_deliver *deliver, void *context)
{
    enum sn_error e = mqttsn_client_disconnect(node_client(n), node_now(), node_turn(n));
    if (node_post(n, e) != SN_OK)
        return; /* it is not connected */
    msec until = node_now() + GOODBYE_MS;
    while (mqttsn_client_busy(node_client(n)) && node_wait(n, until) == NODE_EVENT) {
        const struct sn_turn *t = node_turn(n);
        if (deliver && (t->event == SN_MESSAGE || t->event == SN_REJECTED))
            deliver(context, t);
    }
}

const char *node_topic_text(const struct sn_topic *topic, char *line, size_t room)
{
    const uint8_t two[] = { (uint8_t)(topic->id >> 8), (uint8_t)topic->id };
    if (topic->type == MQTTSN_PREDEFINED)
        snprintf(line, room, "predefined:%u", topic->id);
    else
        mqttsn_text_span(topic->type == MQTTSN_SHORT ? span_of(two, 2) : topic->name, line, room);
    return line;
}
