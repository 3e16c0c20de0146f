/* ezsp_frame.h -- frames of EZSP, the EmberZNet Serial Protocol, which ASH carries: three headers, one for each age of
 * the firmware, and the fields of every command and callback that the gateway or the simulator uses.
 *
 * `version` is always that of the protocol as negotiated, 4..14; it decides header, statuses and layouts. Every reader
 * takes what follows the header, and says false when it is too short; octets behind the last field are not looked at,
 * since newer firmware appends some. */
#pragma once

#include "mqtt/bytes.h"

enum { EZSP_VERSION_MIN = 4, EZSP_VERSION_MAX = 14 };
enum { EZSP_HEADER_MAX = 5, EZSP_KEY = 16 };
/* Octets of data that fit into one ASH frame with the longest header and fields. */
enum { EZSP_UNICAST_MAX = 198, EZSP_BROADCAST_MAX = 195 };

enum ezsp_id {
    EZSP_VERSION = 0x0000,
    EZSP_ADD_ENDPOINT = 0x0002,
    EZSP_NOP = 0x0005,
    EZSP_SET_CONCENTRATOR = 0x0010,
    EZSP_NETWORK_INIT = 0x0017,
    EZSP_STACK_STATUS = 0x0019, /* callback */
    EZSP_FORM_NETWORK = 0x001E,
    EZSP_LEAVE_NETWORK = 0x0020,
    EZSP_PERMIT_JOINING = 0x0022,
    EZSP_CHILD_JOIN = 0x0023,        /* callback */
    EZSP_TRUST_CENTRE_JOIN = 0x0024, /* callback */
    EZSP_GET_EUI64 = 0x0026,
    EZSP_GET_NETWORK_PARAMETERS = 0x0028,
    EZSP_MAXIMUM_PAYLOAD = 0x0033,
    EZSP_SEND_UNICAST = 0x0034,
    EZSP_SEND_BROADCAST = 0x0036,
    EZSP_MESSAGE_SENT = 0x003F,     /* callback */
    EZSP_INCOMING_MESSAGE = 0x0045, /* callback */
    EZSP_SET_CONFIGURATION = 0x0053,
    EZSP_SET_POLICY = 0x0055,
    EZSP_INVALID_COMMAND = 0x0058, /* instead of an answer */
    EZSP_LOOKUP_NODE_ID = 0x0060,
    EZSP_LOOKUP_EUI64 = 0x0061,
    EZSP_SENDER_EUI64 = 0x0062, /* callback, before the message that it belongs to */
    EZSP_SET_SECURITY = 0x0068,
    EZSP_GET_KEY = 0x006A,               /* up to version 12 */
    EZSP_NETWORK_INIT_EXTENDED = 0x0070, /* version 5 */
    EZSP_ADD_TRANSIENT_KEY = 0x00AF,     /* up to version 12 */
    EZSP_IMPORT_TRANSIENT_KEY = 0x0111,  /* from version 13 on */
    EZSP_EXPORT_KEY = 0x0114             /* likewise */
};

enum ezsp_control { EZSP_COMMAND = 0x00, EZSP_RESPONSE = 0x80, EZSP_CALLBACK = 0x90 };

struct ezsp_frame {
    uint8_t sequence;
    uint8_t control; /* the low octet */
    uint16_t id;
    struct span params;
};

MUST_CHECK bool ezsp_frame_read(struct span bytes, uint8_t version, struct ezsp_frame *f);
void ezsp_frame_write(const struct ezsp_frame *f, uint8_t version, struct writer *w);
bool ezsp_frame_is_callback(const struct ezsp_frame *f);
const char *ezsp_frame_name(uint16_t id); /* the vendor's name; "unknown" */

/* ---- statuses: one octet up to version 13, four from 14 on, with other numbers ---- */
enum ezsp_status {
    EZSP_OK,
    EZSP_NETWORK_UP,
    EZSP_NETWORK_DOWN,
    EZSP_NOT_JOINED,
    EZSP_DELIVERY_FAILED,
    EZSP_TOO_MANY_MESSAGES,
    EZSP_NO_BUFFERS,
    EZSP_NETWORK_BUSY,
    EZSP_TOO_LONG,
    EZSP_JOINING_OPENED,
    EZSP_JOINING_CLOSED,
    EZSP_FAILED, /* any other */
    EZSP_STATUSES
};

/* *code is the number as it came, for people; may be NULL. */
enum ezsp_status ezsp_read_status(struct reader *r, uint8_t version, uint32_t *code);
void ezsp_write_status(struct writer *w, uint8_t version, enum ezsp_status s);
