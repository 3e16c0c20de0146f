/* lossy_air.c -- the network of lossy_air.h.
 *
 * Each path keeps the order of what it carries but for the late ones, which wait once more and so are overtaken: that
 * is how radio with retries at the link, and routes that change, behave. A frame is on its way for at most twice the
 * delay, so an old one can still come when the exchange it belongs to is long over. */
#include "tests/gateway/core/lossy_air.h"

#include "tests/xorshift.h"

#include <stdlib.h>

void air_init(struct air *a, struct air_weather weather, size_t paths, uint64_t seed)
{
    *a = (struct air){ .weather = weather, .chance = seed, .last = calloc(paths, sizeof *a->last) };
    if (!a->last)
        abort();
    TAILQ_INIT(&a->frames);
}

void air_clear(struct air *a)
{
    for (struct air_frame *f; (f = air_arrives(a, MSEC_NEVER));)
        free(f);
    free(a->last);
}

static bool happens(struct air *a, unsigned percent)
{
    return chance_below(&a->chance, 100) < percent;
}

static msec some_delay(struct air *a)
{
    return chance_below(&a->chance, a->weather.delay + 1);
}

static msec arrival(struct air *a, size_t path, msec now)
{
    msec due = now + some_delay(a);
    if (happens(a, a->weather.late)) {
        a->overtaken++;
        return due + some_delay(a);
    }
    if (due < a->last[path])
        due = a->last[path];
    a->last[path] = due;
    return due;
}

static void carry(struct air *a, size_t path, struct span bytes, msec now)
{
    struct air_frame *f = malloc(sizeof *f + bytes.len), *before;
    if (!f)
        abort();
    f->due = arrival(a, path, now);
    f->path = path;
    f->len = bytes.len;
    memcpy(f->bytes, bytes.at, bytes.len);
    TAILQ_FOREACH_REVERSE(before, &a->frames, air_frames, next)
    if (before->due <= f->due)
        break;
    if (before)
        TAILQ_INSERT_AFTER(&a->frames, before, f, next);
    else
        TAILQ_INSERT_HEAD(&a->frames, f, next);
}

void air_send(struct air *a, size_t path, struct span frame, msec now)
{
    a->sent++;
    if (happens(a, a->weather.loss)) {
        a->lost++;
        return;
    }
    carry(a, path, frame, now);
    if (happens(a, a->weather.twice)) {
        a->doubled++;
        carry(a, path, frame, now);
    }
}

msec air_deadline(const struct air *a)
{
    const struct air_frame *first = TAILQ_FIRST(&a->frames);
    return first ? first->due : MSEC_NEVER;
}

struct air_frame *air_arrives(struct air *a, msec now)
{
    struct air_frame *first = TAILQ_FIRST(&a->frames);
    if (!first || first->due > now) /* NOLINT(clang-analyzer-unix.Malloc): it is alive */
        return NULL;
    TAILQ_REMOVE(&a->frames, first, next);
    return first;
}
