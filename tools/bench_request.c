/* bench_request.c -- what a simulated client asks, by what it is doing.
 *
 * One table pairs each thing a client may be doing with the message that begins it and the one that ends it. The
 * messages are made afresh from the client's state each time, also for a repetition, so that ten thousand clients
 * keep no copies; a repeated PUBLISH carries DUP and the stamp of its first sending, so that its delay counts. */
#include "tools/bench_request.h"

static const struct procedure {
    enum mqttsn_type request, answer;
} procedures[BENCH_DOINGS] = {
    [BENCH_CONNECTING] = { MQTTSN_CONNECT, MQTTSN_CONNACK },
    [BENCH_REGISTERING] = { MQTTSN_REGISTER, MQTTSN_REGACK },
    [BENCH_SUBSCRIBING] = { MQTTSN_SUBSCRIBE, MQTTSN_SUBACK },
    [BENCH_PUBLISHING] = { MQTTSN_PUBLISH, MQTTSN_PUBACK }, /* QoS 2: PUBREC, then RELEASING */
    [BENCH_RELEASING] = { MQTTSN_PUBREL, MQTTSN_PUBCOMP },
    [BENCH_FALLING_ASLEEP] = { MQTTSN_DISCONNECT, MQTTSN_DISCONNECT },
    [BENCH_COLLECTING] = { MQTTSN_PINGREQ, MQTTSN_PINGRESP },
    [BENCH_LEAVING] = { MQTTSN_DISCONNECT, MQTTSN_DISCONNECT },
};

static struct span node_name(const struct bench_fleet *f, const struct bench_node *n,
                             char separator, char *room)
{
    const int len =
        snprintf(room, BENCH_NAME_ROOM, "%s%c%u", f->options->prefix, separator, n->index);
    return span_of(room, (size_t)len);
}

static struct mqttsn_message publish_message(const struct bench_fleet *f,
                                             const struct bench_node *n, struct span payload)
{
    const struct bench_options *o = f->options;
    const bool is_short = o->qos < 0 && o->topic_id == 0;
    return (struct mqttsn_message){ .type = MQTTSN_PUBLISH,
                                    .qos = o->qos < 0 ? MQTTSN_QOS_MINUS_ONE : (uint8_t)o->qos,
                                    .dup = o->qos > 0 && n->tries > 0,
                                    .topic_id_type = is_short      ? MQTTSN_SHORT
                                                     : o->topic_id ? MQTTSN_PREDEFINED
                                                                   : MQTTSN_NORMAL,
                                    .topic_id = is_short      ? 'b' << 8 | 'n'
                                                : o->topic_id ? o->topic_id
                                                              : n->topic_id,
                                    .message_id = o->qos > 0 ? n->message_id : 0,
                                    .tail = payload };
}

static struct span stamped(const struct bench_fleet *f, const struct bench_node *n,
                           uint32_t sequence, uint64_t at_ns)
{
    static uint8_t payload[BENCH_PAYLOAD_MAX];
    struct writer w = writer_of(payload, sizeof payload);
    bench_stamp_write(&w, &(struct bench_stamp){ n->index, sequence, at_ns });
    return span_of(payload, f->options->payload);
}

struct mqttsn_message bench_request_publish(const struct bench_fleet *f, const struct bench_node *n,
                                            uint32_t sequence, uint64_t at_ns)
{
    return publish_message(f, n, stamped(f, n, sequence, at_ns));
}

enum mqttsn_type bench_request_answer(enum bench_doing doing)
{
    return procedures[doing].answer;
}

struct mqttsn_message bench_request_of(const struct bench_fleet *f, const struct bench_node *n,
                                       char *room)
{
    const struct bench_options *o = f->options;
    struct mqttsn_message m = { .type = procedures[n->doing].request, .message_id = n->message_id };
    switch (n->doing) {
    case BENCH_CONNECTING:
        m.clean = true;
        m.protocol_id = 1;
        m.duration = o->keep_alive;
        m.tail = node_name(f, n, '-', room);
        break;
    case BENCH_SUBSCRIBING:
        m.qos = (uint8_t)o->qos;
        m.tail = node_name(f, n, '/', room);
        break;
    case BENCH_REGISTERING:
        m.tail = node_name(f, n, '/', room);
        break;
    case BENCH_PUBLISHING:
        return bench_request_publish(f, n, n->sequence - 1, n->stamped_ns);
    case BENCH_COLLECTING:
        m.tail = node_name(f, n, '-', room);
        break;
    case BENCH_FALLING_ASLEEP:
        m.duration = o->keep_alive;
        break;
    default:
        m.brief = n->doing == BENCH_LEAVING;
        break;
    }
    return m;
}
