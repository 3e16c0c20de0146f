/* ash_frame.c -- frames of ASH, from any split of the byte stream and back.
 *
 * A flag ends every frame and escaped octets never look like one, so a reader is in step again after each flag,
 * whatever came before it. Octets are unescaped as they come; at the flag the frame is complete, and only then its
 * CRC, its control octet and its length are looked at. A frame that outgrows the buffer is spoilt like one with a
 * substitute octet in it.
 *
 * The data of DATA frames are mixed with a fixed sequence, so that long runs of one octet do not need escapes; the CRC
 * is over the mixed octets. An escape before a flag, cancel or substitute octet has no effect; one before XON or XOFF
 * waits for the octet behind it, since a line driver may put these two anywhere. */
#include "radio/ash_frame.h"

enum { CRC_START = 0xFFFF, CRC_POLYNOMIAL = 0x1021, CRC_OCTETS = 2 };
enum { MIX_START = 0x42, MIX_FEEDBACK = 0xB8, ESCAPE_FLIP = 0x20 };
enum {
    CONTROL_NOT_DATA = 0x80,
    CONTROL_RETRANSMITTED = 0x08,
    CONTROL_NOT_READY = 0x08,
    CONTROL_NUMBER = 0x07,
    CONTROL_NUMBER_SHIFT = 4,
    CONTROL_SHORT_KIND = 0xE0 /* of ACK and NAK; the others have no fields in it */
};

static const struct {
    const char *name;
    uint8_t control;
    uint8_t octets; /* of data, where it is always the same */
} kinds[ASH_KINDS] = {
    [ASH_DATA] = { "DATA", 0x00, 0 },     [ASH_ACK] = { "ACK", 0x80, 0 },
    [ASH_NAK] = { "NAK", 0xA0, 0 },       [ASH_RST] = { "RST", 0xC0, 0 },
    [ASH_RSTACK] = { "RSTACK", 0xC1, 2 }, [ASH_ERROR] = { "ERROR", 0xC2, 2 },
};

static uint16_t crc_add(uint16_t crc, uint8_t octet)
{
    crc ^= (uint16_t)(octet << 8);
    for (int bit = 0; bit < 8; bit++)
        crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ CRC_POLYNOMIAL : crc << 1);
    return crc;
}

static uint8_t mix_next(uint8_t mix)
{
    return (uint8_t)(mix & 1 ? mix >> 1 ^ MIX_FEEDBACK : mix >> 1);
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

static bool kind_of(uint8_t control, enum ash_kind *kind)
{
    if (!(control & CONTROL_NOT_DATA)) {
        *kind = ASH_DATA;
        return true;
    }
    for (enum ash_kind k = ASH_ACK; k < ASH_KINDS; k++) {
        bool numbered = k == ASH_ACK || k == ASH_NAK;
        if (kinds[k].control == (numbered ? control & CONTROL_SHORT_KIND : control)) {
            *kind = k;
            return true;
        }
    }
    return false;
}

static bool crc_holds(const uint8_t *held, size_t len)
{
    uint16_t crc = CRC_START;
    for (size_t i = 0; i < len; i++)
        crc = crc_add(crc, held[i]);
    return crc == 0; /* the CRC of a whole and its CRC */
}

static void read_control(uint8_t control, struct ash_frame *f)
{
    bool numbered = f->kind == ASH_DATA || f->kind == ASH_ACK || f->kind == ASH_NAK;
    if (numbered)
        f->ack = control & CONTROL_NUMBER;
    if (f->kind == ASH_DATA) {
        f->number = control >> CONTROL_NUMBER_SHIFT & CONTROL_NUMBER;
        f->retransmitted = control & CONTROL_RETRANSMITTED;
    } else if (numbered)
        f->not_ready = control & CONTROL_NOT_READY;
}

/* `held` up to the flag; its data are unmixed in place. */
static bool read_whole(uint8_t *held, size_t len, struct ash_frame *f)
{
    if (len < 1 + CRC_OCTETS || !crc_holds(held, len))
        return false;
    *f = (struct ash_frame){ .kind = ASH_DATA };
    struct span data = { held + 1, len - 1 - CRC_OCTETS };
    if (!kind_of(held[0], &f->kind))
        return false;
    read_control(held[0], f);
    if (f->kind != ASH_DATA) {
        struct reader r = reader_of(data);
        if (data.len != kinds[f->kind].octets)
            return false;
        f->version = data.len > 0 ? read_u8(&r) : 0;
        f->code = data.len > 0 ? read_u8(&r) : 0;
        return true;
    }
    uint8_t mix = MIX_START;
    for (size_t i = 0; i < data.len; i++, mix = mix_next(mix))
        held[1 + i] ^= mix;
    f->data = data;
    return data.len >= ASH_DATA_MIN;
}

static enum ash_read end_frame(struct ash_reader *r, struct ash_frame *f)
{
    size_t len = r->len;
    bool spoilt = r->spoilt;
    r->len = 0;
    r->spoilt = r->escaped = false;
    if (len == 0 && !spoilt)
        return ASH_READ_MORE; /* flags between frames */
    if (!spoilt && read_whole(r->held, len, f)) {
        r->good++;
        return ASH_READ_FRAME;
    }
    r->damaged++;
    return ASH_READ_DAMAGED;
}

static void take_octet(struct ash_reader *r, uint8_t octet)
{
    if (r->len == sizeof r->held) {
        r->spoilt = true;
        return;
    }
    r->held[r->len++] = r->escaped ? octet ^ ESCAPE_FLIP : octet;
    r->escaped = false;
}

static void take_reserved(struct ash_reader *r, uint8_t octet)
{
    if (octet == ASH_ESCAPE)
        r->escaped = true;
    if (octet != ASH_CANCEL && octet != ASH_SUBSTITUTE)
        return;
    r->escaped = false;
    r->spoilt = octet == ASH_SUBSTITUTE;
    r->len = 0;
}

static bool is_reserved(uint8_t octet)
{
    return octet == ASH_FLAG || octet == ASH_ESCAPE || octet == ASH_XON || octet == ASH_XOFF ||
           octet == ASH_SUBSTITUTE || octet == ASH_CANCEL;
}

enum ash_read ash_frame_read(struct ash_reader *r, struct reader *bytes, struct ash_frame *f)
{
    while (bytes->left > 0) {
        uint8_t octet = read_u8(bytes);
        enum ash_read came = octet == ASH_FLAG ? end_frame(r, f) : ASH_READ_MORE;
        if (came != ASH_READ_MORE)
            return came;
        if (is_reserved(octet))
            take_reserved(r, octet);
        else
            take_octet(r, octet);
    }
    return ASH_READ_MORE;
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

static void write_escaped(struct writer *w, uint8_t octet)
{
    if (is_reserved(octet)) {
        write_u8(w, ASH_ESCAPE);
        octet ^= ESCAPE_FLIP;
    }
    write_u8(w, octet);
}

static void write_counted(struct writer *w, uint16_t *crc, uint8_t octet)
{
    *crc = crc_add(*crc, octet);
    write_escaped(w, octet);
}

static uint8_t control_of(const struct ash_frame *f)
{
    uint8_t control = kinds[f->kind].control;
    if (f->kind == ASH_DATA)
        control |= (uint8_t)(f->number << CONTROL_NUMBER_SHIFT | f->ack |
                             (f->retransmitted ? CONTROL_RETRANSMITTED : 0));
    if (f->kind == ASH_ACK || f->kind == ASH_NAK)
        control |= (uint8_t)(f->ack | (f->not_ready ? CONTROL_NOT_READY : 0));
    return control;
}

void ash_frame_write(const struct ash_frame *f, struct writer *w)
{
    uint16_t crc = CRC_START;
    if (f->kind == ASH_RST)
        write_u8(w, ASH_CANCEL);
    write_counted(w, &crc, control_of(f));
    if (f->kind == ASH_DATA) {
        uint8_t mix = MIX_START;
        for (size_t i = 0; i < f->data.len; i++, mix = mix_next(mix))
            write_counted(w, &crc, f->data.at[i] ^ mix);
    }
    if (kinds[f->kind].octets > 0) {
        write_counted(w, &crc, f->version);
        write_counted(w, &crc, f->code);
    }
    write_escaped(w, (uint8_t)(crc >> 8));
    write_escaped(w, (uint8_t)crc);
    write_u8(w, ASH_FLAG);
}

/* ---- names ----------------------------------------------------------------------------------------------------- */

const char *ash_frame_name(enum ash_kind kind)
{
    return kinds[kind].name;
}

const char *ash_frame_code(uint8_t code)
{
    switch (code) {
    case ASH_RESET_EXTERNAL:
        return "reset line";
    case ASH_RESET_POWER:
        return "power on";
    case ASH_RESET_WATCHDOG:
        return "watchdog";
    case ASH_RESET_ASSERT:
        return "assertion failed";
    case ASH_RESET_BOOTLOADER:
        return "boot loader";
    case ASH_RESET_SOFTWARE:
        return "reset on request";
    case ASH_ERROR_TIMEOUTS:
        return "too many acknowledgements missed";
    default:
        return "unknown cause";
    }
}
