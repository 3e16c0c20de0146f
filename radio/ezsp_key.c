/* ezsp_key.c -- reading the key of the network back from an NCP.
 *
 * Up to version 12, getKey wants the kind of the key and answers with it and all that belongs to it: counters, sequence
 * number, the partner's address. Later firmware keeps keys in a store of its own; exportKey wants a context, of which
 * only the kind matters for the key that there is one of, and says with a status of four octets whether it lets the key
 * out: behind the key in version 13, before it from 14 on. Some firmware never does.
 *
 * An answer that is too short tells no key, since firmware is known that leaves the key itself out of it; neither does
 * a key of zeros. The layouts are those that other hosts use; none is verified on hardware. */
#include "radio/ezsp_key.h"

#include "radio/little.h"

enum { VERSION_EXPORT = 13, VERSION_STATUS_FIRST = 14 };
enum { GET_CURRENT_NETWORK_KEY = 3, EXPORT_NETWORK_KEY = 1 };
enum { BEHIND_KEY = 17 }; /* two counters, sequence, the partner's address */

static bool is_exported(uint8_t version)
{
    return version >= VERSION_EXPORT;
}

uint16_t ezsp_key_id(uint8_t version)
{
    return is_exported(version) ? EZSP_EXPORT_KEY : EZSP_GET_KEY;
}

void ezsp_write_key_question(uint8_t version, struct writer *w)
{
    if (!is_exported(version)) {
        write_u8(w, GET_CURRENT_NETWORK_KEY);
        return;
    }
    write_u8(w, EXPORT_NETWORK_KEY);
    write_u8(w, 0);   /* which of them */
    write_le16(w, 0); /* as it is, nothing derived from it */
    write_le64(w, 0); /* no node's */
    write_u8(w, 0);   /* which network */
    write_u8(w, 0);   /* flags */
    write_le32(w, 0); /* for which algorithm */
}

static bool is_key(const uint8_t *at)
{
    static const uint8_t none[EZSP_KEY];
    return at && memcmp(at, none, EZSP_KEY) != 0;
}

bool ezsp_read_key(struct span params, uint8_t version, uint8_t key[EZSP_KEY])
{
    struct reader r = reader_of(params);
    uint32_t status = 0;
    if (version >= VERSION_STATUS_FIRST)
        status = read_le32(&r);
    if (!is_exported(version)) {
        status = read_u8(&r);
        reader_take(&r, 3); /* which fields count, and the kind */
    }
    const uint8_t *at = reader_take(&r, EZSP_KEY);
    if (version == VERSION_EXPORT)
        status = read_le32(&r);
    if (!is_exported(version))
        reader_take(&r, BEHIND_KEY);
    if (r.failed || status != 0 || !is_key(at))
        return false;
    memcpy(key, at, EZSP_KEY);
    return true;
}

/* getKey: a bit for each field that counts: here only that there is a sequence number, which is 0. */
static void write_key_struct(const uint8_t *key, struct writer *w)
{
    static const uint8_t behind[BEHIND_KEY];
    write_le16(w, 1);
    write_u8(w, GET_CURRENT_NETWORK_KEY);
    write_span(w, span_of(key, EZSP_KEY));
    write_span(w, span_of(behind, sizeof behind));
}

void ezsp_write_key(const uint8_t *key, uint8_t version, struct writer *w)
{
    static const uint8_t none[EZSP_KEY];
    const uint8_t *told = key ? key : none;
    uint32_t status = key ? 0 : 1;
    if (!is_exported(version)) {
        write_u8(w, (uint8_t)status);
        write_key_struct(told, w);
        return;
    }
    if (version >= VERSION_STATUS_FIRST)
        write_le32(w, status);
    write_span(w, span_of(told, EZSP_KEY));
    if (version < VERSION_STATUS_FIRST)
        write_le32(w, status);
}
