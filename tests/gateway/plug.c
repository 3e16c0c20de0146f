/* plug.c -- what a power cut leaves of a file. */
#include "tests/gateway/plug.h"

#include "tests/xorshift.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

enum { PATH_ROOM = 256, FILES = 4, SECTOR = 512 };

struct change {
    STAILQ_ENTRY(change) next;
    bool truncates; /* to offset */
    size_t offset, len;
    uint8_t bytes[];
};

STAILQ_HEAD(changes, change);

struct watched {
    char path[PATH_ROOM]; /* "": free */
    uint8_t *synced;
    size_t len;
    struct changes later;
};

static struct {
    pthread_mutex_t lock;
    bool on;
    struct watched files[FILES];
} plug = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct watched *find(const char *path)
{
    for (struct watched *w = plug.files; w < plug.files + FILES; w++)
        if (strcmp(w->path, path) == 0)
            return w;
    return NULL;
}

static void drop_changes(struct watched *w)
{
    for (struct change *c; (c = STAILQ_FIRST(&w->later));) {
        STAILQ_REMOVE_HEAD(&w->later, next);
        free(c);
    }
}

static void drop_file(struct watched *w)
{
    drop_changes(w);
    free(w->synced);
    *w = (struct watched){ .len = 0 };
}

static void read_synced(struct watched *w)
{
    FILE *f = fopen(w->path, "rb");
    free(w->synced);
    w->synced = NULL;
    w->len = 0;
    if (!f)
        return;
    fseek(f, 0, SEEK_END);
    w->len = (size_t)ftell(f);
    rewind(f);
    w->synced = malloc(w->len + 1);
    assert(w->synced && fread(w->synced, 1, w->len, f) == w->len);
    fclose(f);
}

static void add(const char *path, const struct change *what, const void *at)
{
    const size_t octets = at ? what->len : 0;
    pthread_mutex_lock(&plug.lock);
    struct watched *w = plug.on ? find(path) : NULL;
    struct change *c = w ? malloc(sizeof *c + octets) : NULL;
    if (c) {
        *c = *what;
        if (octets > 0)
            memcpy(c->bytes, at, octets);
        STAILQ_INSERT_TAIL(&w->later, c, next);
    }
    pthread_mutex_unlock(&plug.lock);
}

void plug_watch(void)
{
    plug_forget();
    plug.on = true;
}

void plug_forget(void)
{
    for (struct watched *w = plug.files; w < plug.files + FILES; w++)
        if (w->path[0])
            drop_file(w);
    plug.on = false;
}

void plug_opened(const char *path)
{
    pthread_mutex_lock(&plug.lock);
    struct watched *w = plug.on && !find(path) ? find("") : NULL;
    assert(!plug.on || w || find(path));
    if (w) {
        snprintf(w->path, sizeof w->path, "%s", path);
        STAILQ_INIT(&w->later);
        read_synced(w);
    }
    pthread_mutex_unlock(&plug.lock);
}

void plug_written(const char *path, const void *at, size_t len, size_t offset)
{
    add(path, &(struct change){ .offset = offset, .len = len }, at);
}

void plug_truncated(const char *path, size_t len)
{
    add(path, &(struct change){ .truncates = true, .offset = len }, NULL);
}

void plug_synced(const char *path)
{
    pthread_mutex_lock(&plug.lock);
    struct watched *w = plug.on ? find(path) : NULL;
    if (w) {
        drop_changes(w);
        read_synced(w);
    }
    pthread_mutex_unlock(&plug.lock);
}

void plug_removed(const char *path)
{
    pthread_mutex_lock(&plug.lock);
    struct watched *w = plug.on ? find(path) : NULL;
    if (w)
        drop_file(w);
    pthread_mutex_unlock(&plug.lock);
}

/* ---- the cut ---- */

static void make_change(FILE *f, const struct change *c, size_t len)
{
    if (c->truncates) {
        fflush(f);
        assert(ftruncate(fileno(f), (off_t)c->offset) == 0);
        return;
    }
    fseek(f, (long)c->offset, SEEK_SET);
    assert(fwrite(c->bytes, 1, len, f) == len);
}

static void cut(struct watched *w, uint64_t *seed)
{
    enum { NOT_AT_ALL, IN_PART, WHOLE, LOTS };
    struct change *c;
    FILE *f = fopen(w->path, "wb");
    assert(f && fwrite(w->synced, 1, w->len, f) == w->len);
    STAILQ_FOREACH(c, &w->later, next) {
        const uint64_t lot = chance_below(seed, LOTS);
        const size_t sectors = c->len / SECTOR;
        if (lot == WHOLE || (lot == IN_PART && c->truncates))
            make_change(f, c, c->len);
        else if (lot == IN_PART)
            make_change(f, c, SECTOR * chance_below(seed, (uint32_t)sectors + 1));
    }
    fclose(f);
}

void plug_pull(uint64_t seed)
{
    for (struct watched *w = plug.files; w < plug.files + FILES; w++)
        if (w->path[0])
            cut(w, &seed);
    plug_forget();
}
