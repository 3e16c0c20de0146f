/* fuzz_message.c -- any bytes as an MQTT-SN frame.
 *
 * What decodes must encode, decode again to the same message, and read as a line that is valid text, printable, and
 * ends where the room does. */
#include "tests/fuzz/fuzz.h"

#include "mqtt/topic.h"
#include "mqttsn/message_text.h"
#include "tests/mqttsn/message_generate.h"

static void check_line(const char *line, size_t room)
{
    struct span text = span_text(line);
    fuzz_require(text.len < room && utf8_valid(text));
    for (size_t i = 0; i < text.len; i++)
        fuzz_require(text.at[i] >= ' ' && text.at[i] != 0x7F);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static uint8_t frame[65535];
    char line[300];
    struct mqttsn_message m, again;
    check_line(mqttsn_text_span(span_of(bytes, len), line, sizeof line), sizeof line);
    if (mqttsn_decode(span_of(bytes, len), &m) != MQTTSN_OK)
        return 0;
    struct writer w = writer_of(frame, sizeof frame);
    fuzz_require(mqttsn_encode(&m, &w) == MQTTSN_OK);
    size_t written = sizeof frame - w.left;
    fuzz_require(written == mqttsn_encoded_len(&m) && written <= len);
    fuzz_require(mqttsn_decode(span_of(frame, written), &again) == MQTTSN_OK &&
                 same_message(&m, &again));
    check_line(mqttsn_text(&m, line, sizeof line), sizeof line);
    check_line(mqttsn_text(&m, line, 1 + m.flags % 40), 1 + m.flags % 40);
    return 0;
}
