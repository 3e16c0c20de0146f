/* xbee_script.c -- the AT commands by which an XBee is read, formed and set, as tables.
 *
 * One command is under way at a time, and a script goes on when its answer is there; what the answers mean for the
 * network is decided in xbee_start.c. Commands that describe a new network are queued in the module and take effect
 * at once with AC, so that a failure in the middle changes nothing. Optional ones are for what some firmware lacks:
 * the old S2 has a firmware for each role and knows no CE. */
#include "radio/little.h"
#include "radio/xbee_inside.h"

enum {
    ASK_MS = 1000,         /* for the first answer at all */
    SAVE_MS = 3000,        /* for WR: flash is slow */
    NETWORK_FACTOR = 2,    /* over TCP */
    STATUS_NO_COMMAND = 2, /* of an AT response: this firmware does not have it */
    AO_EXPLICIT = 0x01,
    AO_ZDO = 0x02, /* the host would have to answer the network's own requests */
    CHANNEL_FIRST = 11,
    HOLD_10MS = 0x0300,  /* SP: parents keep frames for 7.68 s and a fifth */
    CHILD_HOLDS = 0x00A0 /* SN: after 3 x 160 x 7.68 s, an hour, a silent child has left */
};

/* What a step writes, or that it reads. */
enum what {
    READ,         /* into facts[number]; an error means that this is no XBee for us */
    READ_IF,      /* likewise; 0 where the firmware does not have it */
    NUMBER,       /* as one octet */
    NUMBER_IF,    /* likewise; the firmware may not have it */
    WIDE,         /* as two octets */
    EXTENDED_PAN, /* 0: it chooses */
    CHANNEL,      /* only the one of the settings; left alone when they name none */
    SECURITY,
    TRUST_CENTRE, /* the options of, with security */
    KEY,          /* with security, and a file to keep it in */
    NETWORK_KEY,  /* likewise; an XBee 3 should make its own */
    RECEIVE,      /* explicit receive frames, where plain ones would not do */
    JOIN,         /* seconds */
    NOTHING
};

struct xbee_step {
    char command[3]; /* "": the script ends */
    uint8_t type;    /* XBEE_AT when 0 */
    enum what what;
    uint16_t number;
};

static const struct xbee_step reading[] = {
    { "VR", .what = READ, .number = FACT_VR },
    { "AP", .what = READ, .number = FACT_AP }, /* early: from here on the dialect is known */
    { "HV", .what = READ_IF, .number = FACT_HV },
    { "NP", .what = READ, .number = FACT_NP },
    { "AO", .what = READ, .number = FACT_AO },
    { "SH", .what = READ, .number = FACT_SH },
    { "SL", .what = READ, .number = FACT_SL },
    { "MY", .what = READ, .number = FACT_MY },
    { "CE", .what = READ_IF, .number = FACT_CE }, /* the old S2 has a firmware for each role instead */
    { "AI", .what = READ, .number = FACT_AI },
    { "OI", .what = READ, .number = FACT_OI },
    { "OP", .what = READ, .number = FACT_OP },
    { "ID", .what = READ, .number = FACT_ID },
    { "CH", .what = READ, .number = FACT_CH },
    { "EE", .what = READ, .number = FACT_EE },
    { "NH", .what = READ_IF, .number = FACT_NH },
    { "SP", .what = READ_IF, .number = FACT_SP },
    { "" },
};

static const struct xbee_step forming[] = {
    { "CE", XBEE_AT_QUEUE, NUMBER_IF, 1 },
    { "ID", XBEE_AT_QUEUE, EXTENDED_PAN },
    { "SC", XBEE_AT_QUEUE, CHANNEL },
    { "ZS", XBEE_AT_QUEUE, NUMBER, 2 }, /* ZigBee PRO */
    { "EE", XBEE_AT_QUEUE, SECURITY },
    { "EO", XBEE_AT_QUEUE, TRUST_CENTRE, 2 },
    { "NK", XBEE_AT_QUEUE, NETWORK_KEY },
    { "KY", XBEE_AT_QUEUE, KEY },
    { "NJ", XBEE_AT_QUEUE, NUMBER, 0 },
    { "SP", XBEE_AT_QUEUE, WIDE, HOLD_10MS },
    { "SN", XBEE_AT_QUEUE, WIDE, CHILD_HOLDS },
    { "AC", XBEE_AT, NOTHING },
    { "WR", XBEE_AT, NOTHING },
    { "" },
};

/* What is not kept in the module's flash; writing it makes no module leave its network. */
static const struct xbee_step settling[] = {
    { "AO", XBEE_AT, RECEIVE },
    { "NJ", XBEE_AT, NUMBER, 0 }, /* closed; whoever wants it open says so, later */
    { "" },
};

static const struct xbee_step association[] = { { "AI", .what = READ, .number = FACT_AI }, { "" } };
static const struct xbee_step pan_id[] = { { "OI", .what = READ, .number = FACT_OI }, { "" } };
static const struct xbee_step join[] = { { "NJ", XBEE_AT, JOIN }, { "" } };

static const struct xbee_step *const scripts[] = {
    [XBEE_SCRIPT_READING] = reading,   [XBEE_SCRIPT_FORMING] = forming,
    [XBEE_SCRIPT_SETTLING] = settling, [XBEE_SCRIPT_ASSOCIATION] = association,
    [XBEE_SCRIPT_PAN_ID] = pan_id,     [XBEE_SCRIPT_JOIN] = join,
};

/* ---- asking ------------------------------------------------------------------------------------------------- */

/* Frames of other endpoints, profiles and clusters are told apart only by the explicit form. */
static uint8_t receive_wanted(const struct xbee *x)
{
    const struct config_radio *s = x->common.settings;
    const bool usual = s->endpoint == XBEE_DATA_ENDPOINT && s->profile == XBEE_DATA_PROFILE &&
                       s->cluster == XBEE_DATA_CLUSTER && !s->any_endpoint;
    if (!usual)
        return AO_EXPLICIT;
    return x->facts[FACT_AO] & AO_ZDO ? 0 : (uint8_t)x->facts[FACT_AO];
}

bool xbee_script_keeps_key(const struct xbee *x)
{
    return x->common.settings->security && x->common.settings->network_key_file[0] != '\0';
}

/* Is this step to be done here at all? */
static bool is_wanted(const struct xbee *x, const struct xbee_step *s)
{
    switch (s->what) {
    case CHANNEL:
        return x->common.settings->channel != 0;
    case TRUST_CENTRE:
        return x->common.settings->security;
    case KEY:
        return xbee_script_keeps_key(x);
    case NETWORK_KEY:
        return xbee_script_keeps_key(x) && x->facts[FACT_VR] >> 12 != XBEE_VR_3;
    case RECEIVE:
        return receive_wanted(x) != x->facts[FACT_AO];
    default:
        return true;
    }
}

static void write_parameter(const struct xbee *x, const struct xbee_step *s, struct writer *w)
{
    const struct config_radio *settings = x->common.settings;
    switch (s->what) {
    case NUMBER:
    case NUMBER_IF:
    case TRUST_CENTRE:
        write_u8(w, (uint8_t)s->number);
        break;
    case WIDE:
        write_u16(w, s->number);
        break;
    case EXTENDED_PAN:
        write_u64(w, settings->extended_pan_id);
        break;
    case CHANNEL:
        write_u16(w, (uint16_t)(1u << (settings->channel - CHANNEL_FIRST)));
        break;
    case SECURITY:
        write_u8(w, settings->security);
        break;
    case KEY:
    case NETWORK_KEY:
        write_span(w, span_of(x->key, sizeof x->key));
        break;
    case RECEIVE:
        write_u8(w, receive_wanted(x));
        break;
    case JOIN:
        write_u8(w, x->join_seconds);
        break;
    default:
        break; /* READ, NOTHING: none */
    }
}

static uint16_t command_of(const struct xbee_step *s)
{
    return XBEE_COMMAND(s->command[0], s->command[1]);
}

/* Most answers take less than 100 ms. But they stand in line with all that is heard, which at 9600 baud may take
 * long. */
static msec patience(const struct xbee *x, const struct xbee_step *s)
{
    static const msec at_ms[] = { 500, 1500, 4000 }; /* by the number of tries */
    const size_t last = sizeof at_ms / sizeof *at_ms - 1;
    msec wait = at_ms[x->tries < last ? x->tries : last];
    if (x->phase == XBEE_ASKING)
        wait = ASK_MS;
    else if (command_of(s) == XBEE_COMMAND('W', 'R'))
        wait = SAVE_MS;
    return x->common.network ? wait * NETWORK_FACTOR : wait;
}

static void ask(struct xbee *x, const struct xbee_step *s, msec now)
{
    uint8_t room[sizeof x->key];
    struct writer w = writer_of(room, sizeof room);
    write_parameter(x, s, &w);
    struct xbee_frame f = { .type = s->type ? s->type : XBEE_AT,
                            .command = command_of(s),
                            .data = span_of(room, sizeof room - w.left) };
    x->step = s;
    x->asked_id = xbee_write(x, &f);
    x->asked_until = now + patience(x, s);
    x->tries++;
}

/* The first step from here on that is to be done; false: the script is at its end. */
static bool ask_from(struct xbee *x, const struct xbee_step *s, msec now)
{
    while (s->command[0] != '\0' && !is_wanted(x, s))
        s++;
    x->tries = 0;
    if (s->command[0] != '\0')
        ask(x, s, now);
    return s->command[0] != '\0';
}

void xbee_script_begin(struct xbee *x, enum xbee_script which, msec now)
{
    ask_from(x, scripts[which], now);
}

bool xbee_script_go_on(struct xbee *x, msec now)
{
    return ask_from(x, x->step + 1, now);
}

void xbee_script_again(struct xbee *x, msec now)
{
    ask(x, x->step, now);
}

/* ---- answers ------------------------------------------------------------------------------------------------ */

static bool is_optional(const struct xbee_step *s, uint8_t status)
{
    return s->what == READ_IF || (s->what == NUMBER_IF && status == STATUS_NO_COMMAND);
}

enum xbee_answer xbee_script_take(struct xbee *x, const struct xbee_frame *f)
{
    if (x->asked_id == 0 || f->id != x->asked_id || f->command != command_of(x->step))
        return XBEE_ANSWER_OTHER;
    const struct xbee_step *s = x->step;
    x->asked_id = 0;
    if (f->status != 0)
        return is_optional(s, f->status) ? XBEE_ANSWER_TAKEN : XBEE_ANSWER_REFUSED;
    if (s->what == READ || s->what == READ_IF)
        x->facts[s->number] = xbee_value(f->data);
    return XBEE_ANSWER_TAKEN;
}

const char *xbee_script_command(const struct xbee *x)
{
    return x->step->command;
}
