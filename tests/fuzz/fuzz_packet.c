/* fuzz_packet.c -- any bytes as a stream of MQTT packets, as the link reads them.
 *
 * What decodes must encode and decode again to the same packet; the filters of a list must be valid and fill it; the
 * length that was announced must be the one that is taken. */
#include "tests/fuzz/fuzz.h"

#include "mqtt/topic.h"
#include "tests/mqtt/packet_generate.h"

enum { FRAME_MAX = 1 << 17 };

static void check_list(const struct mqtt_packet *p)
{
    bool with_qos = p->type == MQTT_SUBSCRIBE;
    struct span list = p->payload, filter;
    uint8_t qos = 0;
    size_t count = 0;
    for (; mqtt_next_filter(&list, with_qos, &filter, &qos); count++)
        fuzz_require(topic_filter_valid(filter) && qos <= 2);
    fuzz_require(count > 0 && list.len == 0);
}

static void check_packet(struct span frame, const struct mqtt_packet *p)
{
    static uint8_t room[FRAME_MAX];
    struct writer w = writer_of(room, sizeof room);
    struct mqtt_packet again;
    if (p->type == MQTT_SUBSCRIBE || p->type == MQTT_UNSUBSCRIBE)
        check_list(p);
    fuzz_require(mqtt_encode(p, &w) == MQTT_OK);
    size_t written = sizeof room - w.left;
    fuzz_require(written == mqtt_encoded_len(p) && written <= frame.len);
    fuzz_require(mqtt_decode(span_of(room, written), &again) == MQTT_OK && same_packet(p, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct span stream = span_of(bytes, len);
    size_t total;
    while (stream.len < FRAME_MAX && mqtt_frame_len(stream, &total) == MQTT_OK) {
        struct mqtt_packet p;
        fuzz_require(total >= 2 && total <= MQTT_PACKET_MAX);
        if (total > stream.len) {
            fuzz_require(mqtt_decode(stream, &p) == MQTT_INCOMPLETE);
            break;
        }
        struct span frame = span_of(stream.at, total);
        enum mqtt_error e = mqtt_decode(frame, &p);
        fuzz_require(e != MQTT_INCOMPLETE && e != MQTT_NO_ROOM);
        if (e)
            break;
        check_packet(frame, &p);
        stream = span_from(stream, total);
    }
    return 0;
}
