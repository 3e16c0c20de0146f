/* version.c -- what the drafts of MQTT-SN 2.0 look like to a gateway that speaks 1.2 (SN-V2-1).
 *
 * 2.0 gives the type numbers other meanings, so its CONNECT is a SEARCHGW with octets left over and its PINGREQ a
 * PUBLISH cut short. Such frames are dropped like any other that is malformed; but an operator whose new nodes stay
 * silent has to read "they speak 2.0" and not "a field is missing". A frame counts as 2.0 only where the octets that a
 * draft fixes, its size and its version, are right. CONNECT of the drafts up to April 2024 has the number and the place
 * of the version that 1.2 has: it is decoded, and refused by its protocol id. */
#include "mqttsn/version.h"

#include "mqttsn/layout.h"

/* As the text of August 2026 numbers them; the drafts of 2024 and early 2025 had CONNECT at 5. */
enum type_2 {
    CONNECT_2 = 0x01,
    CONNECT_2_OF_2024 = 0x05,
    PINGREQ_2 = 0x0C,
    SLEEPREQ_2 = 0x13,
    FORWARDER_2 = 0xFC,
    PROTECTION_2 = 0xFF
};

enum { CONNECT_MIN = 10, CONNECT_OF_2024_MIN = 12, PINGREQ_LEN = 4, SLEEPREQ_LEN = 9 };
enum { CONNECT_RESERVED = 0x80, CONNECT_WILL = 0x02 };

/* Flags, those of a will if there is one, a packet id, the version. */
static bool connect_is_2(struct reader *r)
{
    uint8_t flags = read_u8(r);
    if (flags & CONNECT_WILL)
        (void)read_u8(r);
    (void)read_u16(r);
    return !(flags & CONNECT_RESERVED) && read_u8(r) == MQTTSN_PROTOCOL_ID_2;
}

bool mqttsn_resembles_2(struct span frame)
{
    struct reader r = reader_of(frame);
    size_t len = mqttsn_read_length(&r);
    if (len != frame.len)
        return false;
    switch (read_u8(&r)) {
    case CONNECT_2:
        return len >= CONNECT_MIN && connect_is_2(&r);
    case CONNECT_2_OF_2024:
        return len >= CONNECT_OF_2024_MIN;
    case PINGREQ_2:
        return len == PINGREQ_LEN;
    case SLEEPREQ_2:
        return len == SLEEPREQ_LEN;
    case FORWARDER_2:
    case PROTECTION_2:
        return true;
    default:
        return false;
    }
}
