/* action.c -- the list of actions, and the names of the reasons to drop a message.
 *
 * The list never grows: its room follows from the limits, so a decision can neither fail half way nor allocate. */
#include "gateway/core/action.h"

#include <assert.h>

static const struct {
    const char *name, *text;
} drops[] = {
#define DROP(name, text) { #name, text },
#include "gateway/core/drops.def"
#undef DROP
};

const char *drop_name(enum drop d)
{
    return d < DROPS ? drops[d].name : "?";
}

const char *drop_text(enum drop d)
{
    return d < DROPS ? drops[d].text : "?";
}

/* A queue that is taken over and turns out to be in vain, all in one call: for each message its keeping, its
 * acknowledgement and its completion, and then a drop. One more message is open. Each subscription: one request. */
size_t actions_needed(size_t queue_messages, size_t subscriptions)
{
    enum { FEW = 128, PER_MESSAGE = 4 };
    return FEW + PER_MESSAGE * (queue_messages + 1) + subscriptions;
}

static struct action *actions_add(struct actions *out, enum action_kind kind)
{
    assert(out->count < out->room);
    struct action *a = &out->list[out->count++];
    a->kind = kind;
    return a;
}

void actions_send(struct actions *out, const struct mqttsn_message *m)
{
    actions_add(out, ACTION_SEND)->send = *m;
}

void actions_upstream(struct actions *out, const struct mqtt_packet *p)
{
    actions_add(out, ACTION_UPSTREAM)->upstream = *p;
}

void actions_drop_sized(struct actions *out, enum drop why, size_t octets)
{
    struct action *a = actions_add(out, ACTION_DROP);
    a->drop.why = why;
    a->drop.octets = (uint32_t)octets;
}

void actions_drop(struct actions *out, enum drop why)
{
    actions_drop_sized(out, why, 0);
}

void actions_keep(struct actions *out, struct queued *one)
{
    actions_add(out, ACTION_KEEP)->keep = one;
}

void actions_state(struct actions *out, unsigned from)
{
    actions_add(out, ACTION_STATE)->from = from;
}

void actions_forget(struct actions *out)
{
    actions_add(out, ACTION_FORGET);
}
