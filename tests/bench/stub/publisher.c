/* publisher.c -- the downlink side of the broker stub.
 *
 * It routes nothing: each filter without wildcards that somebody subscribed to is a place to publish to, and they
 * get their messages in turn, at a rate kept by the schedule. Neighbouring filters usually belong to the same
 * connection (an aggregating gateway), so that a batch of them goes out in one send. */
#include "tests/bench/stub/publisher.h"

#include "mqtt/packet.h"

#include <stdlib.h>

enum { FILTER_MAX = 128 };

struct publisher_filter {
    int fd;
    uint32_t sequence;
    uint16_t len;
    uint8_t name[FILTER_MAX];
};

bool publisher_remember(struct publisher *p, int fd, struct span filter)
{
    if (filter.len == 0 || filter.len > FILTER_MAX || memchr(filter.at, '#', filter.len) ||
        memchr(filter.at, '+', filter.len))
        return true;
    if (p->count == p->room) {
        struct publisher_filter *grown = realloc(p->filters, (p->room * 2 + 64) * sizeof *grown);
        if (!grown)
            return false;
        p->filters = grown;
        p->room = p->room * 2 + 64;
    }
    struct publisher_filter *f = &p->filters[p->count++];
    *f = (struct publisher_filter){ .fd = fd, .len = (uint16_t)filter.len };
    memcpy(f->name, filter.at, filter.len);
    return true;
}

void publisher_forget(struct publisher *p, int fd)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->count; i++)
        if (p->filters[i].fd != fd)
            p->filters[kept++] = p->filters[i];
    p->count = kept;
}

uint64_t publisher_due(struct publisher *p, uint64_t now_ns)
{
    if (p->rate <= 0 || p->count == 0 || p->count < p->after)
        return 0;
    if (p->begin_ns == 0)
        p->begin_ns = now_ns;
    const uint64_t most = p->each > 0 ? p->each * p->count : UINT64_MAX;
    uint64_t due = (uint64_t)((double)(now_ns - p->begin_ns) * p->rate / 1e9);
    due = due < most ? due : most;
    return due > p->published ? due - p->published : 0;
}

int publisher_write_next(struct publisher *p, struct writer *w, uint64_t now_ns)
{
    static uint8_t payload[PUBLISHER_PAYLOAD_MAX];
    const size_t at = p->next++ % p->count;
    struct publisher_filter *f = &p->filters[at];
    struct writer stamp = writer_of(payload, sizeof payload);
    bench_stamp_write(&stamp, &(struct bench_stamp){ (uint32_t)at, f->sequence++, now_ns });
    const struct mqtt_packet m = { .type = MQTT_PUBLISH,
                                   .qos = (uint8_t)p->qos,
                                   .packet_id =
                                       (uint16_t)(p->qos > 0 ? p->published % UINT16_MAX + 1 : 0),
                                   .topic = span_of(f->name, f->len),
                                   .payload = span_of(payload, p->payload) };
    if (mqtt_encode(&m, w) != MQTT_OK)
        abort();
    p->published++;
    return f->fd;
}

int publisher_next_fd(const struct publisher *p)
{
    return p->filters[p->next % p->count].fd;
}
