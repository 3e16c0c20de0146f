/* nodes.c -- what nodes say in the session fuzzer: any message, with fields that often mean something.
 *
 * Names, ids and message ids come from small sets, so that the bytes of the fuzzer meet what the session knows; one in
 * sixteen is anything at all. A PUBLISH carries the number of its sender and a serial, which tells the judge which
 * message it sees again at the broker. */
#include "tests/fuzz/sessions/world.h"

#include "mqttsn/layout.h"

enum { PUBLISHABLE = 10 };

static const char *const names[] = {
    "t/0", "t/1", "t/2", "ab", "all/alarm", "node/m1", "t/3", "t/4", "node/m0",
    "t/a/long/topic/name/that/a/short/radio/frame/does/not/carry/at/all/however/often",
    /* filters, and what is neither */
    "t/+", "#", "+/1", "t/#", "$share/g/t/0", "", "bad/#/x", "node/{client}"
};

struct span node_topic(uint8_t which)
{
    return span_text(names[which % PUBLISHABLE]);
}

static struct span any_name(uint8_t which)
{
    return span_text(names[which % (sizeof names / sizeof names[0])]);
}

static uint16_t some_id(struct reader *in)
{
    enum { ANYTHING = 0xF0, FEW = 7 };
    uint8_t dice = read_u8(in);
    return dice >= ANYTHING ? read_u16(in) : dice & FEW;
}

static void put_payload(struct client *c, uint8_t client, bool again, struct writer *room)
{
    enum { FILLERS = 5, FILLER = 24 };
    c->serial = (uint16_t)(c->serial + !again);
    write_u8(room, 'u');
    write_u8(room, client);
    write_u16(room, c->serial);
    for (size_t n = c->serial % FILLERS * FILLER; n > 0; n--)
        write_u8(room, '.');
}

static uint16_t topic_id(uint8_t type, struct reader *in)
{
    static const char shorts[] = "abcd+#";
    uint16_t id = some_id(in);
    if (type != MQTTSN_SHORT)
        return id;
    return (uint16_t)(shorts[id % 6] << 8 | shorts[(id + 1) % 6]);
}

static void set_flags(struct mqttsn_message *m, uint8_t flags)
{
    m->dup = flags & FLAG_DUP;
    m->qos = (uint8_t)((flags & FLAG_QOS) >> 5);
    m->retain = flags & FLAG_RETAIN;
    m->will = flags & FLAG_WILL;
    m->clean = flags & FLAG_CLEAN;
    m->topic_id_type = flags & FLAG_TOPIC_ID_TYPE;
}

static void set_tail(struct world *w, struct mqttsn_message *m, size_t who, uint8_t dice,
                     struct writer *room)
{
    const uint8_t *begin = room->at;
    if (m->type == MQTTSN_CONNECT || (m->type == MQTTSN_PINGREQ && (dice & 1)))
        write_span(room, span_text(w->clients[who].name));
    else if (m->type == MQTTSN_PUBLISH)
        put_payload(&w->clients[who], (uint8_t)who, dice >= 0xF0, room);
    else if (m->type == MQTTSN_WILLMSG || m->type == MQTTSN_WILLMSGUPD)
        write_span(room, span_of("will message", dice % 13U));
    else if (m->type != MQTTSN_PINGREQ)
        write_span(room, any_name(dice));
    m->tail = span_of(begin, (size_t)(room->at - begin));
}

/* What clients send, the frequent ones more often. */
static const uint8_t types[] = {
    MQTTSN_PUBLISH,      MQTTSN_PUBLISH,    MQTTSN_PUBLISH,   MQTTSN_PUBLISH,     MQTTSN_PUBLISH,
    MQTTSN_PUBREL,       MQTTSN_PUBREL,     MQTTSN_SUBSCRIBE, MQTTSN_SUBSCRIBE,   MQTTSN_CONNECT,
    MQTTSN_CONNECT,      MQTTSN_CONNECT,    MQTTSN_REGISTER,  MQTTSN_REGISTER,    MQTTSN_DISCONNECT,
    MQTTSN_PINGREQ,      MQTTSN_PINGREQ,    MQTTSN_PINGREQ,   MQTTSN_UNSUBSCRIBE, MQTTSN_WILLTOPIC,
    MQTTSN_WILLMSG,      MQTTSN_PUBACK,     MQTTSN_REGACK,    MQTTSN_PUBREC,      MQTTSN_PUBCOMP,
    MQTTSN_WILLTOPICUPD, MQTTSN_WILLMSGUPD, MQTTSN_SEARCHGW,  MQTTSN_DISCONNECT,  MQTTSN_PINGRESP
};

struct mqttsn_message node_message(struct world *w, const struct client *c, struct reader *in,
                                   uint8_t *room)
{
    static const uint16_t durations[] = { 60, 0, 10, 300, 20, 60, 3600, 65535 };
    struct mqttsn_message m = { .type = (enum mqttsn_type)types[read_u8(in) % sizeof types] };
    const struct mqttsn_layout *l = mqttsn_layout_of(m.type);
    struct writer to = writer_of(room, NODE_FRAME_MAX);
    uint8_t dice = read_u8(in);
    set_flags(&m, l->flags != 0 ? read_u8(in) & l->flags : 0);
    m.protocol_id = 1;
    m.duration = durations[dice & 7];
    m.brief = l->fields[0] == MAY_END && dice < 0x60;
    m.return_code = dice < 0xC0 ? 0 : dice & 3;
    for (const uint8_t *f = l->fields; *f != END; f++) {
        m.topic_id = *f == TOPIC_ID ? topic_id(m.topic_id_type, in) : m.topic_id;
        m.message_id = *f == MESSAGE_ID ? some_id(in) : m.message_id;
    }
    if (mqttsn_ends_in_id(l, &m))
        m.topic_id = topic_id(m.topic_id_type, in);
    else if (l->tail != NO_TAIL && !m.brief)
        set_tail(w, &m, (size_t)(c - w->clients), dice, &to);
    return m;
}

struct mqttsn_message node_answer(const struct client *c, uint8_t code)
{
    static const uint8_t answers[MQTTSN_TYPES] = { [MQTTSN_REGISTER] = MQTTSN_REGACK,
                                                   [MQTTSN_PUBREC] = MQTTSN_PUBREL,
                                                   [MQTTSN_PUBREL] = MQTTSN_PUBCOMP,
                                                   [MQTTSN_WILLTOPICREQ] = MQTTSN_WILLTOPIC,
                                                   [MQTTSN_WILLMSGREQ] = MQTTSN_WILLMSG };
    const struct mqttsn_message *seen = &c->seen;
    struct mqttsn_message m = { .type = (enum mqttsn_type)answers[seen->type],
                                .topic_id = seen->topic_id,
                                .message_id = seen->message_id,
                                .return_code = code };
    if (seen->type == MQTTSN_PUBLISH)
        m.type = seen->qos == 2 && code == 0 ? MQTTSN_PUBREC : MQTTSN_PUBACK;
    if (m.type == MQTTSN_WILLTOPIC)
        m.tail = span_text("t/2");
    if (m.type == MQTTSN_WILLMSG)
        m.tail = span_text("will");
    return m;
}
