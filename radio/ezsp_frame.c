/* ezsp_frame.c -- the header of EZSP frames, and the statuses in them.
 *
 * The header grew twice. Version 4 has sequence, control and an id of one octet. Versions 5 to 7 put FF 00 before the
 * id, so that old firmware sees an id that it does not know. From version 8 on control and id have two octets each, and
 * the high one of control says so. Nobody can tell them apart by looking, so the version that was negotiated decides;
 * the first command of all, `version`, always has the oldest header.
 *
 * Version 14 replaced the statuses by those that all of the vendor's stacks share: another width and other numbers for
 * the same things. Here they are one enum. */
#include "radio/ezsp_frame.h"

#include "radio/little.h"

enum { HEADER_EXTENDED = 0xFF, HEADER_FORMAT = 0x01, HEADER_FORMAT_MASK = 0x03 };
enum { VERSION_EXTENDED = 5, VERSION_WIDE = 8, VERSION_STATUS_WIDE = 14, CONTROL_CALLBACK = 0x10 };

static void read_id_wide(struct reader *r, struct ezsp_frame *f)
{
    if ((read_u8(r) & HEADER_FORMAT_MASK) != HEADER_FORMAT)
        r->failed = true;
    f->id = read_le16(r);
}

static void read_id_extended(struct reader *r, struct ezsp_frame *f)
{
    uint8_t mark = read_u8(r), zero = read_u8(r);
    if (mark != HEADER_EXTENDED || zero != 0)
        r->failed = true;
    f->id = read_u8(r);
}

bool ezsp_frame_read(struct span bytes, uint8_t version, struct ezsp_frame *f)
{
    struct reader r = reader_of(bytes);
    struct ezsp_frame found = { .sequence = read_u8(&r), .control = read_u8(&r) };
    if (version >= VERSION_WIDE)
        read_id_wide(&r, &found);
    else if (version >= VERSION_EXTENDED)
        read_id_extended(&r, &found);
    else
        found.id = read_u8(&r);
    found.params = read_rest(&r);
    if (!r.failed)
        *f = found;
    return !r.failed;
}

void ezsp_frame_write(const struct ezsp_frame *f, uint8_t version, struct writer *w)
{
    write_u8(w, f->sequence);
    write_u8(w, f->control);
    if (version >= VERSION_WIDE) {
        write_u8(w, HEADER_FORMAT);
        write_le16(w, f->id);
    } else {
        if (version >= VERSION_EXTENDED) {
            write_u8(w, HEADER_EXTENDED);
            write_u8(w, 0);
        }
        write_u8(w, (uint8_t)f->id);
    }
    write_span(w, f->params);
}

bool ezsp_frame_is_callback(const struct ezsp_frame *f)
{
    return f->control & CONTROL_CALLBACK;
}

const char *ezsp_frame_name(uint16_t id)
{
    static const struct {
        enum ezsp_id id;
        const char *name;
    } names[] = {
        { EZSP_VERSION, "version" },
        { EZSP_ADD_ENDPOINT, "addEndpoint" },
        { EZSP_NOP, "nop" },
        { EZSP_SET_CONCENTRATOR, "setConcentrator" },
        { EZSP_NETWORK_INIT, "networkInit" },
        { EZSP_STACK_STATUS, "stackStatusHandler" },
        { EZSP_FORM_NETWORK, "formNetwork" },
        { EZSP_LEAVE_NETWORK, "leaveNetwork" },
        { EZSP_PERMIT_JOINING, "permitJoining" },
        { EZSP_CHILD_JOIN, "childJoinHandler" },
        { EZSP_TRUST_CENTRE_JOIN, "trustCenterJoinHandler" },
        { EZSP_GET_EUI64, "getEui64" },
        { EZSP_GET_NETWORK_PARAMETERS, "getNetworkParameters" },
        { EZSP_MAXIMUM_PAYLOAD, "maximumPayloadLength" },
        { EZSP_SEND_UNICAST, "sendUnicast" },
        { EZSP_SEND_BROADCAST, "sendBroadcast" },
        { EZSP_MESSAGE_SENT, "messageSentHandler" },
        { EZSP_INCOMING_MESSAGE, "incomingMessageHandler" },
        { EZSP_SET_CONFIGURATION, "setConfigurationValue" },
        { EZSP_SET_POLICY, "setPolicy" },
        { EZSP_INVALID_COMMAND, "invalidCommand" },
        { EZSP_LOOKUP_NODE_ID, "lookupNodeIdByEui64" },
        { EZSP_LOOKUP_EUI64, "lookupEui64ByNodeId" },
        { EZSP_SENDER_EUI64, "incomingSenderEui64Handler" },
        { EZSP_SET_SECURITY, "setInitialSecurityState" },
        { EZSP_NETWORK_INIT_EXTENDED, "networkInitExtended" },
        { EZSP_ADD_TRANSIENT_KEY, "addTransientLinkKey" },
        { EZSP_IMPORT_TRANSIENT_KEY, "importTransientKey" },
        { EZSP_GET_KEY, "getKey" },
        { EZSP_EXPORT_KEY, "exportKey" },
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].id == id)
            return names[i].name;
    return "unknown";
}

/* ---- statuses -------------------------------------------------------------------------------------------------- */

static const struct {
    uint8_t narrow;
    uint16_t wide;
} codes[EZSP_STATUSES] = {
    [EZSP_OK] = { 0x00, 0x0000 },
    [EZSP_NETWORK_UP] = { 0x90, 0x0015 },
    [EZSP_NETWORK_DOWN] = { 0x91, 0x0016 },
    [EZSP_NOT_JOINED] = { 0x93, 0x0017 },
    [EZSP_DELIVERY_FAILED] = { 0x66, 0x0C02 },
    [EZSP_TOO_MANY_MESSAGES] = { 0x72, 0x0C03 },
    [EZSP_NO_BUFFERS] = { 0x18, 0x0019 },
    [EZSP_NETWORK_BUSY] = { 0xA1, 0x0004 }, /* the wide one is not verified on hardware */
    [EZSP_TOO_LONG] = { 0x74, 0x0038 },
    [EZSP_JOINING_OPENED] = { 0x9C, 0x0C18 },
    [EZSP_JOINING_CLOSED] = { 0x9D, 0x0C19 },
    [EZSP_FAILED] = { 0x01, 0x0001 },
};

enum ezsp_status ezsp_read_status(struct reader *r, uint8_t version, uint32_t *code)
{
    bool wide = version >= VERSION_STATUS_WIDE;
    uint32_t came = wide ? read_le32(r) : read_u8(r);
    if (code)
        *code = came;
    for (int s = 0; s < EZSP_FAILED; s++)
        if (came == (wide ? codes[s].wide : codes[s].narrow) && !r->failed)
            return (enum ezsp_status)s;
    return EZSP_FAILED;
}

void ezsp_write_status(struct writer *w, uint8_t version, enum ezsp_status s)
{
    if (version >= VERSION_STATUS_WIDE)
        write_le32(w, codes[s].wide);
    else
        write_u8(w, codes[s].narrow);
}
