/* xbee_scene.h -- an XBee made of registers, on the stage of the coordinators: it answers AT commands from a table,
 * notes what it was told, and keeps the transmit requests for the test to look at. What it does wrong is set by the
 * test. */
#pragma once

#include "radio/xbee.h"
#include "radio/xbee_frame.h"
#include "tests/radio/coordinator_scene.h"

enum { MODULE_TRANSMITS = 64, MODULE_NOTES = 1024 };

#define NODE_A 0x0013A20040401122u

struct module {
    struct stage stage;
    enum xbee_mode mode;
    struct xbee_reader reader; /* of what the host writes */
    struct module_register {
        char command[3];
        uint8_t len; /* octets of its value */
        uint8_t status;
        bool mute;
        uint64_t value;
    } registers[20];
    const char *starts_after; /* its network starts by itself when it has answered this command */
    char notes[MODULE_NOTES]; /* "VR AP NJ=00 +CE=01": commands in order; + is queued */
    struct {
        struct xbee_frame frame;
        uint8_t data[XBEE_LENGTH_MAX];
    } transmits[MODULE_TRANSMITS];
    size_t transmit_count;
};

static const struct module_register module_registers[] = {
    { "VR", 2, .value = 0x405F },
    { "AP", 1, .value = 1 },
    { "HV", 2, .value = 0x1E46 },
    { "NP", 2, .value = 0xFF },
    { "AO", 1, .value = 0 },
    { "SH", 4, .value = 0x0013A200 },
    { "SL", 4, .value = 0x40C0FFEE },
    { "MY", 2, .value = 0 },
    { "CE", 1, .value = 1 },
    { "AI", 1, .value = 0 },
    { "OI", 2, .value = 0x1A62 },
    { "OP", 8, .value = 0x00112233445566AA },
    { "ID", 8, .value = 0x00112233445566AA },
    { "CH", 1, .value = 15 },
    { "EE", 1, .value = 1 },
    { "NH", 1, .value = 0x1E },
    { "SP", 2, .value = 0x0020 },
};

/* A coordinator with its network up. */
static inline void module_open(struct module *m)
{
    memset(m, 0, sizeof *m);
    stage_open(&m->stage, &xbee_family);
    memcpy(m->registers, module_registers, sizeof module_registers);
    m->mode = XBEE_PLAIN;
}

static inline struct module_register *module_register(struct module *m, uint16_t command)
{
    for (struct module_register *r = m->registers; r->command[0] != '\0'; r++)
        if (command == XBEE_COMMAND(r->command[0], r->command[1]))
            return r;
    return NULL;
}

static inline struct module_register *module_at(struct module *m, const char *command)
{
    struct module_register *r = module_register(m, XBEE_COMMAND(command[0], command[1]));
    assert_non_null(r);
    return r;
}

static inline void module_set(struct module *m, const char *command, uint64_t value)
{
    module_at(m, command)->value = value;
    if (command[0] == 'A' && command[1] == 'P')
        m->mode = (enum xbee_mode)value;
}

/* ---- what it says ---- */

static inline void module_says(struct module *m, const struct xbee_frame *f)
{
    uint8_t room[XBEE_WIRE_MAX];
    struct writer w = writer_of(room, sizeof room);
    xbee_frame_write(&w, m->mode, f);
    assert_false(w.failed);
    stage_hears_bytes(&m->stage, span_of(room, sizeof room - w.left));
}

static inline void module_says_modem(struct module *m, uint8_t status)
{
    module_says(m, &(struct xbee_frame){ .type = XBEE_MODEM_STATUS, .status = status });
}

/* What became of transmit request `which`. */
static inline void module_says_status(struct module *m, size_t which, uint8_t status)
{
    assert_true(which < m->transmit_count);
    const struct xbee_frame *f = &m->transmits[which].frame;
    module_says(m, &(struct xbee_frame){
                       .type = XBEE_TRANSMIT_STATUS, .id = f->id, .nwk = f->nwk, .status = status });
}

static inline void module_says_heard(struct module *m, uint16_t nwk, uint8_t options, const char *text)
{
    module_says(m, &(struct xbee_frame){ .type = XBEE_RECEIVE,
                                         .eui64 = NODE_A,
                                         .nwk = nwk,
                                         .options = options,
                                         .data = span_text(text) });
}

/* As the settings of module_is_blank want it. */
static inline void module_gets_network(struct module *m)
{
    module_set(m, "CE", 1);
    module_set(m, "AI", 0);
    module_set(m, "CH", 20);
    module_set(m, "OP", 0x0102030405060708);
}

/* ---- what it hears ---- */

static inline void module_note(struct module *m, const struct xbee_frame *f)
{
    const size_t used = strlen(m->notes);
    char value[2 * 16 + 1] = "";
    for (size_t i = 0; i < f->data.len && i < 16; i++)
        snprintf(value + 2 * i, 3, "%02x", f->data.at[i]);
    snprintf(m->notes + used, sizeof m->notes - used, "%s%s%c%c%s%s", used > 0 ? " " : "",
             f->type == XBEE_AT_QUEUE ? "+" : "", f->command >> 8, f->command & 0xFF,
             f->data.len > 0 ? "=" : "", value);
}

static inline void module_answer(struct module *m, const struct xbee_frame *f)
{
    const struct module_register *r = module_register(m, f->command);
    uint8_t value[8];
    struct xbee_frame answer = { .type = XBEE_AT_RESPONSE, .id = f->id, .command = f->command };
    module_note(m, f);
    if (r && r->mute)
        return;
    answer.status = r ? r->status : 0;
    for (size_t i = 0; r && i < r->len; i++)
        value[i] = (uint8_t)(r->value >> 8 * (r->len - 1 - i));
    if (r && r->status == 0 && f->data.len == 0)
        answer.data = span_of(value, r->len);
    module_says(m, &answer);
    if (m->starts_after && f->command == XBEE_COMMAND(m->starts_after[0], m->starts_after[1])) {
        m->starts_after = NULL;
        module_gets_network(m);
        module_says_modem(m, 6);
    }
}

static inline void module_hears(struct module *m, const struct xbee_frame *f)
{
    if (f->type == XBEE_AT || f->type == XBEE_AT_QUEUE) {
        module_answer(m, f);
        return;
    }
    assert_true(m->transmit_count < MODULE_TRANSMITS);
    memcpy(m->transmits[m->transmit_count].data, f->data.at, f->data.len);
    m->transmits[m->transmit_count].frame = *f;
    m->transmits[m->transmit_count].frame.data.at = m->transmits[m->transmit_count].data;
    m->transmit_count++;
}

/* Hears all that was written, and answers it, until nothing more is. */
static inline void module_turns(struct module *m)
{
    struct xbee_frame f;
    for (;;) {
        const struct span write = stage_next_write(&m->stage);
        struct reader in = reader_of(write);
        if (!write.at)
            return;
        xbee_reader_init(&m->reader, m->mode);
        while (xbee_reader_next(&m->reader, &in, &f))
            module_hears(m, &f);
    }
}

/* Time passes, and it answers at once whatever it is asked meanwhile. */
static inline void module_passes(struct module *m, msec ms)
{
    const msec end = m->stage.now + ms;
    for (;;) {
        const msec next = m->stage.c->family->deadline(m->stage.c);
        const msec until = next < end ? next : end;
        stage_passes(&m->stage, until > m->stage.now ? until - m->stage.now : 0);
        module_turns(m);
        if (next >= end)
            return;
    }
}

static inline void module_start(struct module *m)
{
    stage_start(&m->stage);
    module_turns(m);
}

static inline void module_comes_up(struct module *m)
{
    module_start(m);
    assert_int_equal(m->stage.c->state, COORDINATOR_UP);
    m->notes[0] = '\0';
}

/* ---- what the machine told ---- */

static inline const char *last_why(const struct module *m)
{
    assert_true(m->stage.state_count > 0);
    return m->stage.states[m->stage.state_count - 1].why;
}

static inline bool logged(const struct module *m, const char *part)
{
    for (size_t i = 0; i < m->stage.log_count; i++)
        if (strstr(m->stage.logs[i], part))
            return true;
    return false;
}

/* ---- with the module up: what most scenes do ---- */

static inline struct neighbour *module_node(struct module *m, unsigned which)
{
    return stage_node(&m->stage, NODE_A + which, (uint16_t)(0x1234 + which));
}

static inline uint8_t module_sends(struct module *m, unsigned which, const char *text)
{
    const uint8_t token = stage_sends(&m->stage, module_node(m, which), span_text(text));
    module_turns(m);
    return token;
}

static inline void last_sent_is(const struct module *m, uint8_t token, enum radio_sent result)
{
    assert_true(m->stage.sent_count > 0);
    assert_int_equal(m->stage.sent[m->stage.sent_count - 1].token, token);
    assert_int_equal(m->stage.sent[m->stage.sent_count - 1].result, result);
}

/* Sends one frame, which ends like this when the module says so. */
static inline void ends_as(struct module *m, uint8_t status, enum radio_sent result)
{
    const uint8_t token = module_sends(m, 0, "hello");
    module_says_status(m, m->transmit_count - 1, status);
    last_sent_is(m, token, result);
}
