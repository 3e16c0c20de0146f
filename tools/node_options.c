/* node_options.c -- the options that mqttsn-pub and mqttsn-sub share, and their defaults.
 *
 * Letters and names are those of mosquitto_pub and mosquitto_sub where both have them: whoever debugs a gateway has
 * these in the fingers. T_RETRY and N_RETRY are what section 7.2 recommends, T_RETRY shorter, since a person is
 * waiting. */
#include "tools/udp_node.h"

struct node_settings node_defaults(const char *program)
{
    return (struct node_settings){
        .program = program,
        .host = "127.0.0.1",
        .port = 1883,
        .keep_alive_s = 60,
        .retry_s = 5,
        .retries = 3,
    };
}

void node_add_options(struct options *o, struct node_settings *s)
{
    const struct option_row rows[] = {
        { "host", 'h', OPTION_TEXT, &s->host, 0, 0, "HOST", "gateway (127.0.0.1)" },
        { "port", 'p', OPTION_NUMBER, &s->port, 1, 65535, "PORT", "its UDP port (1883)" },
        { "id", 'i', OPTION_TEXT, &s->client_id, 0, 0, "ID", "client id (program name and process)" },
        { "keep-alive", 'k', OPTION_NUMBER, &s->keep_alive_s, 0, 65535, "SECONDS",
          "ping at least so often, 0: never (60)" },
        { "keep", 'c', OPTION_FLAG, &s->keep, 0, 0, NULL,
          "keep the session of this id; default is a clean one" },
        { "will-topic", 0, OPTION_TEXT, &s->will_topic, 0, 0, "TOPIC",
          "publish a will there when this node is lost" },
        { "will-message", 0, OPTION_TEXT, &s->will_message, 0, 0, "TEXT", "the will's payload" },
        { "will-qos", 0, OPTION_QOS, &s->will_qos, 0, 2, "QOS", "the will's QoS (0)" },
        { "will-retain", 0, OPTION_FLAG, &s->will_retain, 0, 0, NULL, "retain the will" },
        { "forwarder", 0, OPTION_TEXT, &s->forwarder, 0, 0, "NODEID",
          "be a node behind a forwarder: its id in hex" },
        { "retry", 0, OPTION_NUMBER, &s->retry_s, 1, 3600, "SECONDS",
          "T_RETRY: repeat an unanswered request (5)" },
        { "retries", 0, OPTION_NUMBER, &s->retries, 0, 100, "N",
          "N_RETRY: how often, before giving up (3)" },
        { "debug", 'd', OPTION_FLAG, &s->debug, 0, 0, NULL, "print every message sent and heard" },
    };
    options_add(o, rows, sizeof rows / sizeof *rows);
}
