/* znp_message.c -- the table of MT commands.
 *
 * Each command is a row of fields in wire order; decoder and encoder walk the same row, so they cannot disagree. All
 * numbers are little-endian. Newer firmware appends fields: what stands behind the known ones is kept as `rest` and
 * written back, never refused. What is shorter than its row is refused, except where older firmware ends early.
 *
 * Only the commands that the driver and the simulated stick use are here; any other is ZNP_UNKNOWN, and ignored. */
#include "radio/znp_message.h"

#include "radio/little.h"

#include <assert.h>

enum field {
    END,
    MAY_END, /* brief ones stop here */
    ADDRESS_MODE,
    ASKED,
    BROADCAST,
    CAPABILITIES,
    CAPABILITY,
    CHANNEL,
    CHANNELS,
    CLUSTER,
    DATA,
    DELAY,
    DESTINATION,
    DESTINATION_NWK,
    DEVICE,
    DEVICE_TYPE,
    ENDPOINT,
    EUI64,
    EXTENDED_PAN_ID,
    GROUP,
    HARDWARE,
    INDEX,
    INDEX_SHORT,
    ITEM,
    ITEM_SHORT,
    ITEM_LEN,
    LATER_DATA,
    LATENCY,
    LIST,
    LONG_DATA,
    LQI,
    MAINTENANCE,
    MAJOR,
    MINOR,
    MODE,
    NWK,
    OFFSET,
    OPTIONS,
    OTHER_PAN,
    OUTPUTS,
    PAN_ID,
    PARENT,
    PARENT_EUI64,
    PRIMARY,
    PRODUCT,
    PROFILE,
    RADIUS,
    REASON,
    REJOIN,
    REMAINING,
    REMOVE,
    REQUEST,
    REVISION,
    SECONDS,
    SECURITY,
    SENDER,
    SEQUENCE,
    SIGNIFICANCE,
    SOURCE,
    SOURCE_ENDPOINT,
    STATE,
    STATE_NOT_BRIEF,
    STATUS,
    TIMESTAMP,
    TRANSACTION,
    TRANSPORT,
    VERSION,
    WANTED,
    FIELDS
};

enum shape {
    NUMBER,
    PAIR, /* two octets, not one number */
    OCTETS,
    WORDS,
    LONG_OCTETS,
    LATER_OCTETS /* only their count, when they are too many for this frame */
};

struct place {
    uint8_t width; /* of a number on the wire, in octets */
    uint8_t shape;
    uint8_t size; /* of the member */
    uint16_t at;
};

#define AT(w, s, member)                                                                           \
    {                                                                                              \
        w, s, sizeof((struct znp_message *)0)->member, offsetof(struct znp_message, member)        \
    }

static const struct place places[FIELDS] = {
    [ADDRESS_MODE] = AT(1, NUMBER, address_mode),
    [ASKED] = AT(1, NUMBER, asked),
    [BROADCAST] = AT(1, NUMBER, broadcast),
    [CAPABILITIES] = AT(2, NUMBER, capabilities),
    [CAPABILITY] = AT(1, NUMBER, capability),
    [CHANNEL] = AT(1, NUMBER, channel),
    [CHANNELS] = AT(4, NUMBER, channels),
    [CLUSTER] = AT(2, NUMBER, cluster),
    [DATA] = AT(1, OCTETS, data),
    [DELAY] = AT(2, NUMBER, delay),
    [DESTINATION] = AT(8, NUMBER, destination),
    [DESTINATION_NWK] = AT(2, NUMBER, destination),
    [DEVICE] = AT(2, NUMBER, device),
    [DEVICE_TYPE] = AT(1, NUMBER, device_type),
    [ENDPOINT] = AT(1, NUMBER, endpoint),
    [EUI64] = AT(8, NUMBER, eui64),
    [EXTENDED_PAN_ID] = AT(8, NUMBER, extended_pan_id),
    [GROUP] = AT(2, NUMBER, group),
    [HARDWARE] = AT(1, NUMBER, hardware),
    [INDEX] = AT(2, NUMBER, index),
    [INDEX_SHORT] = AT(1, NUMBER, index),
    [ITEM] = AT(2, NUMBER, item),
    [ITEM_SHORT] = AT(1, NUMBER, item),
    [ITEM_LEN] = AT(2, NUMBER, item_len),
    [LATER_DATA] = AT(2, LATER_OCTETS, data),
    [LATENCY] = AT(1, NUMBER, latency),
    [LIST] = AT(1, WORDS, list),
    [LONG_DATA] = AT(2, LONG_OCTETS, data),
    [LQI] = AT(1, NUMBER, lqi),
    [MAINTENANCE] = AT(1, NUMBER, maintenance),
    [MAJOR] = AT(1, NUMBER, major),
    [MINOR] = AT(1, NUMBER, minor),
    [MODE] = AT(1, NUMBER, mode),
    [NWK] = AT(2, NUMBER, nwk),
    [OFFSET] = AT(1, NUMBER, offset),
    [OPTIONS] = AT(1, NUMBER, options),
    [OTHER_PAN] = AT(2, NUMBER, other_pan),
    [OUTPUTS] = AT(1, WORDS, outputs),
    [PAN_ID] = AT(2, NUMBER, pan_id),
    [PARENT] = AT(2, NUMBER, parent),
    [PARENT_EUI64] = AT(8, NUMBER, parent_eui64),
    [PRIMARY] = AT(1, NUMBER, primary),
    [PRODUCT] = AT(1, NUMBER, product),
    [PROFILE] = AT(2, NUMBER, profile),
    [RADIUS] = AT(1, NUMBER, radius),
    [REASON] = AT(1, NUMBER, reason),
    [REJOIN] = AT(1, NUMBER, rejoin),
    [REMAINING] = AT(1, NUMBER, remaining),
    [REMOVE] = AT(1, NUMBER, remove),
    [REQUEST] = AT(2, PAIR, request),
    [REVISION] = AT(4, NUMBER, revision),
    [SECONDS] = AT(1, NUMBER, seconds),
    [SECURITY] = AT(1, NUMBER, security),
    [SENDER] = AT(8, NUMBER, sender),
    [SEQUENCE] = AT(1, NUMBER, sequence),
    [SIGNIFICANCE] = AT(1, NUMBER, significance),
    [SOURCE] = AT(2, NUMBER, source),
    [SOURCE_ENDPOINT] = AT(1, NUMBER, source_endpoint),
    [STATE] = AT(1, NUMBER, state),
    [STATE_NOT_BRIEF] = AT(1, NUMBER, state),
    [STATUS] = AT(1, NUMBER, status),
    [TIMESTAMP] = AT(4, NUMBER, timestamp),
    [TRANSACTION] = AT(1, NUMBER, transaction),
    [TRANSPORT] = AT(1, NUMBER, transport),
    [VERSION] = AT(1, NUMBER, version),
    [WANTED] = AT(1, NUMBER, wanted),
};

enum { ROW_MAX = 16, NETWORK_WITH_STATE = 24 };

struct layout {
    uint16_t command;
    const char *name;
    uint8_t fields[ROW_MAX]; /* enum field */
};

static const struct layout layouts[] = {
    { ZNP_PING, "SYS_PING", { END } },
    { ZNP_PONG, "SYS_PING", { CAPABILITIES } },
    { ZNP_VERSION, "SYS_VERSION", { END } },
    { ZNP_VERSION_IS,
      "SYS_VERSION",
      { TRANSPORT, PRODUCT, MAJOR, MINOR, MAINTENANCE, MAY_END, REVISION } },
    { ZNP_NV_INIT, "SYS_OSAL_NV_ITEM_INIT", { ITEM, ITEM_LEN, DATA } },
    { ZNP_NV_INIT_DONE, "SYS_OSAL_NV_ITEM_INIT", { STATUS } },
    { ZNP_NV_READ, "SYS_OSAL_NV_READ", { ITEM, OFFSET } },
    { ZNP_NV_VALUE, "SYS_OSAL_NV_READ", { STATUS, MAY_END, DATA } },
    { ZNP_NV_WRITE, "SYS_OSAL_NV_WRITE", { ITEM, OFFSET, DATA } },
    { ZNP_NV_WRITTEN, "SYS_OSAL_NV_WRITE", { STATUS } },
    { ZNP_RESET, "SYS_RESET_REQ", { MODE } },
    { ZNP_WAS_RESET, "SYS_RESET_IND", { REASON, TRANSPORT, PRODUCT, MAJOR, MINOR, HARDWARE } },
    { ZNP_REGISTER, "AF_REGISTER", { ENDPOINT, PROFILE, DEVICE, VERSION, LATENCY, LIST, OUTPUTS } },
    { ZNP_REGISTERED, "AF_REGISTER", { STATUS } },
    { ZNP_SEND,
      "AF_DATA_REQUEST",
      { DESTINATION_NWK, ENDPOINT, SOURCE_ENDPOINT, CLUSTER, TRANSACTION, OPTIONS, RADIUS, DATA } },
    { ZNP_SEND_TAKEN, "AF_DATA_REQUEST", { STATUS } },
    { ZNP_SEND_EXT,
      "AF_DATA_REQUEST_EXT",
      { ADDRESS_MODE, DESTINATION, ENDPOINT, OTHER_PAN, SOURCE_ENDPOINT, CLUSTER, TRANSACTION,
        OPTIONS, RADIUS, LONG_DATA } },
    { ZNP_SEND_EXT_TAKEN, "AF_DATA_REQUEST_EXT", { STATUS } },
    { ZNP_UNREGISTER, "AF_DELETE", { ENDPOINT } },
    { ZNP_UNREGISTERED, "AF_DELETE", { STATUS } },
    { ZNP_RETRIEVE, "AF_DATA_RETRIEVE", { TIMESTAMP, INDEX, WANTED } },
    { ZNP_RETRIEVED, "AF_DATA_RETRIEVE", { STATUS, MAY_END, DATA } },
    { ZNP_CONFIRM, "AF_DATA_CONFIRM", { STATUS, ENDPOINT, TRANSACTION } },
    { ZNP_INCOMING,
      "AF_INCOMING_MSG",
      { GROUP, CLUSTER, SOURCE, SOURCE_ENDPOINT, ENDPOINT, BROADCAST, LQI, SECURITY, TIMESTAMP,
        SEQUENCE, DATA } },
    { ZNP_INCOMING_EXT,
      "AF_INCOMING_MSG_EXT",
      { GROUP, CLUSTER, ADDRESS_MODE, SENDER, SOURCE_ENDPOINT, OTHER_PAN, ENDPOINT, BROADCAST, LQI,
        SECURITY, TIMESTAMP, SEQUENCE, LATER_DATA } },
    { ZNP_FIND_NWK, "ZDO_NWK_ADDR_REQ", { EUI64, MODE, INDEX_SHORT } },
    { ZNP_FIND_NWK_TAKEN, "ZDO_NWK_ADDR_REQ", { STATUS } },
    { ZNP_FIND_EUI64, "ZDO_IEEE_ADDR_REQ", { NWK, MODE, INDEX_SHORT } },
    { ZNP_FIND_EUI64_TAKEN, "ZDO_IEEE_ADDR_REQ", { STATUS } },
    { ZNP_PERMIT_JOIN,
      "ZDO_MGMT_PERMIT_JOIN_REQ",
      { ADDRESS_MODE, DESTINATION_NWK, SECONDS, SIGNIFICANCE } },
    { ZNP_PERMIT_JOIN_TAKEN, "ZDO_MGMT_PERMIT_JOIN_REQ", { STATUS } },
    { ZNP_START, "ZDO_STARTUP_FROM_APP", { DELAY } },
    { ZNP_START_TAKEN, "ZDO_STARTUP_FROM_APP", { STATUS } },
    { ZNP_FIND_ROUTE, "ZDO_EXT_ROUTE_DISC", { DESTINATION_NWK, OPTIONS, RADIUS } },
    { ZNP_FIND_ROUTE_TAKEN, "ZDO_EXT_ROUTE_DISC", { STATUS } },
    { ZNP_NETWORK_INFO, "ZDO_EXT_NWK_INFO", { END } },
    { ZNP_NETWORK_IS,
      "ZDO_EXT_NWK_INFO",
      { NWK, STATE_NOT_BRIEF, PAN_ID, PARENT, EXTENDED_PAN_ID, PARENT_EUI64, CHANNEL } },
    { ZNP_NWK_FOUND, "ZDO_NWK_ADDR_RSP", { STATUS, EUI64, NWK } },
    { ZNP_EUI64_FOUND, "ZDO_IEEE_ADDR_RSP", { STATUS, EUI64, NWK } },
    { ZNP_STATE, "ZDO_STATE_CHANGE_IND", { STATE } },
    { ZNP_ANNOUNCED, "ZDO_END_DEVICE_ANNCE_IND", { SOURCE, NWK, EUI64, CAPABILITY } },
    { ZNP_LEFT, "ZDO_LEAVE_IND", { SOURCE, EUI64, ASKED, REMOVE, REJOIN } },
    { ZNP_JOINED, "ZDO_TC_DEV_IND", { NWK, EUI64, PARENT } },
    { ZNP_CONFIGURE, "ZB_WRITE_CONFIGURATION", { ITEM_SHORT, DATA } },
    { ZNP_CONFIGURED, "ZB_WRITE_CONFIGURATION", { STATUS } },
    { ZNP_DEVICE_INFO, "UTIL_GET_DEVICE_INFO", { END } },
    { ZNP_DEVICE_IS, "UTIL_GET_DEVICE_INFO", { STATUS, EUI64, NWK, DEVICE_TYPE, STATE, LIST } },
    { ZNP_COMMISSION, "APP_CNF_BDB_START_COMMISSIONING", { MODE } },
    { ZNP_COMMISSION_TAKEN, "APP_CNF_BDB_START_COMMISSIONING", { STATUS } },
    { ZNP_SET_CHANNELS, "APP_CNF_BDB_SET_CHANNEL", { PRIMARY, CHANNELS } },
    { ZNP_CHANNELS_SET, "APP_CNF_BDB_SET_CHANNEL", { STATUS } },
    { ZNP_COMMISSIONED, "APP_CNF_BDB_COMMISSIONING_NOTIFICATION", { STATUS, MODE, REMAINING } },
    { ZNP_ERROR, "RPC_ERROR", { STATUS, REQUEST } },
};

static const struct layout *layout_of(uint16_t command)
{
    for (const struct layout *l = layouts; l < layouts + sizeof layouts / sizeof *layouts; l++)
        if (l->command == command)
            return l;
    return NULL;
}

const char *znp_command_name(uint16_t command)
{
    const struct layout *l = layout_of(command);
    return l ? l->name : "?";
}

/* ---- one field --------------------------------------------------------------------------------------------------- */

static void put_number(struct znp_message *m, const struct place *p, uint64_t v)
{
    const uint8_t v8 = (uint8_t)v;
    const uint16_t v16 = (uint16_t)v;
    const uint32_t v32 = (uint32_t)v;
    const void *from = p->size == 1   ? (const void *)&v8
                       : p->size == 2 ? (const void *)&v16
                       : p->size == 4 ? (const void *)&v32
                                      : (const void *)&v;
    memcpy((uint8_t *)m + p->at, from, p->size);
}

static uint64_t get_number(const struct znp_message *m, const struct place *p)
{
    const void *from = (const uint8_t *)m + p->at;
    uint16_t v16;
    uint32_t v32;
    uint64_t v;
    switch (p->size) {
    case 1:
        return *(const uint8_t *)from;
    case 2:
        memcpy(&v16, from, 2);
        return v16;
    case 4:
        memcpy(&v32, from, 4);
        return v32;
    default:
        memcpy(&v, from, 8);
        return v;
    }
}

/* The firmware keeps a message that is too long for one frame, and gives only its length. */
static struct span read_later(struct reader *r, struct znp_message *m)
{
    m->whole_len = read_le16(r);
    return read_span(r, r->left < m->whole_len ? 0 : m->whole_len);
}

static void read_field(struct reader *r, const struct place *p, struct znp_message *m)
{
    struct span s = { 0 };
    switch ((enum shape)p->shape) {
    case NUMBER:
        put_number(m, p, read_little(r, p->width));
        return;
    case PAIR:
        put_number(m, p, read_u16(r));
        return;
    case OCTETS:
        s = read_span(r, read_u8(r));
        break;
    case WORDS:
        s = read_span(r, 2u * read_u8(r));
        break;
    case LONG_OCTETS:
        s = read_span(r, read_le16(r));
        break;
    case LATER_OCTETS:
        s = read_later(r, m);
        break;
    }
    memcpy((uint8_t *)m + p->at, &s, sizeof s);
}

static void write_field(struct writer *w, const struct place *p, const struct znp_message *m)
{
    struct span s = { 0 };
    if (p->shape == NUMBER) {
        write_little(w, get_number(m, p), p->width);
        return;
    }
    if (p->shape == PAIR) {
        write_u16(w, (uint16_t)get_number(m, p));
        return;
    }
    memcpy(&s, (const uint8_t *)m + p->at, sizeof s);
    size_t count = p->shape == WORDS ? s.len / 2 : p->shape == LATER_OCTETS ? m->whole_len : s.len;
    w->failed = w->failed || count >> 8 * p->width;
    write_little(w, count, p->width);
    write_span(w, s);
}

/* ---- one message ------------------------------------------------------------------------------------------------- */

enum znp_error znp_decode(const struct znp_frame *f, struct znp_message *m)
{
    const struct layout *l = layout_of(f->command);
    if (!l)
        return ZNP_UNKNOWN;
    struct znp_message read = { .command = f->command };
    struct reader r = reader_of(f->data);
    read.brief = f->command == ZNP_NETWORK_IS && f->data.len < NETWORK_WITH_STATE;
    for (const uint8_t *field = l->fields; *field != END; field++) {
        if (*field == MAY_END)
            read.brief = r.left == 0;
        else if (!read.brief || *field != STATE_NOT_BRIEF)
            read_field(&r, &places[*field], &read);
        if (*field == MAY_END && read.brief)
            break;
    }
    read.rest = read_rest(&r);
    if (r.failed)
        return ZNP_TRUNCATED;
    *m = read;
    return ZNP_OK;
}

void znp_encode(const struct znp_message *m, struct writer *w)
{
    const struct layout *l = layout_of(m->command);
    uint8_t data[ZNP_DATA_MAX];
    struct writer d = writer_of(data, sizeof data);
    assert(l);
    for (const uint8_t *field = l->fields; *field != END; field++) {
        if (*field == MAY_END && m->brief)
            break;
        if (*field != MAY_END && (!m->brief || *field != STATE_NOT_BRIEF))
            write_field(&d, &places[*field], m);
    }
    write_span(&d, m->rest);
    struct znp_frame f = { m->command, span_of(data, sizeof data - d.left) };
    w->failed = w->failed || d.failed;
    znp_write_frame(&f, w);
}
