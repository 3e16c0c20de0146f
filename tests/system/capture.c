/* capture.c -- a small pcap writer, and tshark as an independent reader of what the gateway says.
 *
 * The headers hold just what tshark needs to find the payload: no check sums (it does not verify them by default), one
 * host per end, and for TCP sequence numbers that follow each other so that it joins packets over segment borders. */
#include "tests/system/capture.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    PCAP_SNAPLEN = 65535,
    LINK_ETHERNET = 1,
    ETHERNET_HEADER = 14,
    IP_HEADER = 20,
    UDP_HEADER = 8,
    TCP_HEADER = 20,
    PROTOCOL_TCP = 6,
    PROTOCOL_UDP = 17,
    NODE_PORT = 40000,
    HEADERS_MAX = 64,
    WORDS_MAX = 32,
};

static void capture_path(const struct scene *s, char path[static SCENE_PATH])
{
    snprintf(path, SCENE_PATH, "%s/capture.pcap", s->folder);
}

static void append(const struct scene *s, const char *how, const void *bytes, size_t len,
                   struct span rest)
{
    char path[SCENE_PATH];
    capture_path(s, path);
    FILE *f = fopen(path, how);
    assert_non_null(f);
    fwrite(bytes, 1, len, f);
    if (rest.len > 0)
        fwrite(rest.at, 1, rest.len, f);
    assert_int_equal(fclose(f), 0);
}

void capture_start(struct scene *s)
{
    const uint32_t header[6] = { 0xa1b2c3d4, 2 | 4 << 16, 0, 0, PCAP_SNAPLEN, LINK_ETHERNET };
    append(s, "w", header, sizeof header, span_of(NULL, 0));
    s->captures = true;
}

static void write_u32(struct writer *w, uint32_t v)
{
    write_u16(w, (uint16_t)(v >> 16));
    write_u16(w, (uint16_t)v);
}

static void write_ip(struct writer *w, uint8_t protocol, size_t payload)
{
    static const uint8_t ethernet[ETHERNET_HEADER] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0 };
    write_span(w, span_of(ethernet, sizeof ethernet));
    write_u16(w, 0x4500);
    write_u16(w, (uint16_t)(IP_HEADER + payload));
    write_u32(w, 0x00004000);
    write_u8(w, 64);
    write_u8(w, protocol);
    write_u16(w, 0);
    write_u32(w, 0x7f000001);
    write_u32(w, 0x7f000002);
}

/* One record: the headers written so far, then the payload. */
static void add_record(struct scene *s, struct span headers, struct span payload)
{
    uint8_t bytes[16 + HEADERS_MAX];
    uint32_t len = (uint32_t)(headers.len + payload.len);
    const uint32_t record[4] = { s->captured++, 0, len, len };
    memcpy(bytes, record, sizeof record);
    memcpy(bytes + sizeof record, headers.at, headers.len);
    append(s, "a", bytes, sizeof record + headers.len, payload);
}

void capture_datagram(struct scene *s, struct span frame)
{
    if (!s->captures)
        return;
    uint8_t headers[HEADERS_MAX];
    struct writer w = writer_of(headers, sizeof headers);
    write_ip(&w, PROTOCOL_UDP, UDP_HEADER + frame.len);
    write_u16(&w, CAPTURE_MQTTSN_PORT);
    write_u16(&w, NODE_PORT);
    write_u16(&w, (uint16_t)(UDP_HEADER + frame.len));
    write_u16(&w, 0);
    add_record(s, span_of(headers, sizeof headers - w.left), frame);
}

void capture_stream(struct scene *s, uint16_t stream, uint32_t before, struct span piece)
{
    uint8_t headers[HEADERS_MAX];
    struct writer w = writer_of(headers, sizeof headers);
    write_ip(&w, PROTOCOL_TCP, TCP_HEADER + piece.len);
    write_u16(&w, (uint16_t)(NODE_PORT + stream));
    write_u16(&w, CAPTURE_MQTT_PORT);
    write_u32(&w, before + 1);
    write_u32(&w, 1);
    write_u16(&w, 0x5018); /* five words of header; PSH, ACK */
    write_u16(&w, 0xffff);
    write_u32(&w, 0);
    add_record(s, span_of(headers, sizeof headers - w.left), piece);
}

char *capture_read(struct scene *s, const char *const words[])
{
    char path[SCENE_PATH], out[SCENE_PATH], mqttsn[64], mqtt[64];
    capture_path(s, path);
    snprintf(out, sizeof out, "%s/tshark.out", s->folder);
    snprintf(mqttsn, sizeof mqttsn, "udp.port==%d,mqttsn", CAPTURE_MQTTSN_PORT);
    snprintf(mqtt, sizeof mqtt, "tcp.port==%d,mqtt", CAPTURE_MQTT_PORT);
    const char *argv[WORDS_MAX] = { "tshark", "-n", "-r", path, "-d", mqttsn, "-d", mqtt };
    for (size_t at = 8; *words && at < WORDS_MAX - 1; at++)
        argv[at] = *words++;
    struct process p;
    assert_true(process_start(&p, argv, out));
    int status = process_end(&p, 0);
    if (status != 0)
        print_error("tshark: %s\n", p.text);
    process_forget(&p);
    assert_int_equal(status, 0);
    return scene_reads(out);
}
