/* fuzz_pcap.c -- captured packets against the layers that mqttsn-sniff reads itself.
 *
 * The first octet of an input chooses the link type, the rest is the packet. What is found must lie inside the input,
 * and must be printable. Capture file formats are libpcap's affair. */
#include "tools/packet.h"
#include "tools/sniff_text.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const int links[] = {
    PACKET_ETHERNET, PACKET_RAW,  PACKET_NULL, PACKET_LOOP, PACKET_SLL,
    PACKET_SLL2,     PACKET_IPV4, PACKET_IPV6, 147,
};

static bool inside(struct span part, struct span whole)
{
    return part.len == 0 || (part.at >= whole.at && part.at + part.len <= whole.at + whole.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct reader r = reader_of(span_of(data, len));
    int link = links[read_u8(&r) % (sizeof links / sizeof *links)];
    struct span whole = read_rest(&r);
    struct sniff_tally tally = { 0 };
    struct packet p;
    char line[512], end[PACKET_END_TEXT];
    if (packet_parse(link, whole, &p) != PACKET_OK)
        return 0;
    if (!inside(p.payload, whole) || !inside(p.from.address, whole) || !inside(p.to.address, whole))
        abort();
    if (strlen(sniff_text(p.payload, &tally, line, sizeof line)) >= sizeof line ||
        strlen(packet_end_text(&p.from, end, sizeof end)) >= sizeof end)
        abort();
    return 0;
}
