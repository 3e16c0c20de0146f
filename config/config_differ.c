/* config_differ.c -- did a section of the settings change?
 *
 * A reload takes new topics and clients at once, but radios and the broker only with a restart, and says so when they
 * changed. The comparison walks the option table, so that a new key is never forgotten. Files that settings name are
 * compared by name: who needs their content compares that. */
#include "config/config_internal.h"

static bool texts_differ(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) != 0 : a != b;
}

static bool filters_differ(const struct option *o, const uint8_t *a, const uint8_t *b)
{
    const char *const *x = *(const char *const *const *)(const void *)(a + o->at);
    const char *const *y = *(const char *const *const *)(const void *)(b + o->at);
    size_t x_count = *(const size_t *)(const void *)(a + o->count_at);
    size_t y_count = *(const size_t *)(const void *)(b + o->count_at);
    bool differ = (x != NULL) != (y != NULL) || x_count != y_count;
    for (size_t i = 0; x && y && i < x_count && !differ; i++)
        differ = texts_differ(x[i], y[i]);
    return differ;
}

static bool values_differ(const struct option *o, const void *a, const void *b)
{
    const uint8_t *x = (const uint8_t *)a + o->at, *y = (const uint8_t *)b + o->at;
    const struct config_endpoint *e = (const void *)x, *f = (const void *)y;
    switch (o->type) {
    case OPTION_COUNT:
    case OPTION_HEX:
    case OPTION_DURATION:
    case OPTION_SECONDS:
    case OPTION_SIZE:
    case OPTION_FLAG:
    case OPTION_CHOICE:
        return memcmp(x, y, o->width) != 0;
    case OPTION_LISTEN:
    case OPTION_GROUP:
        return texts_differ(e->host, f->host) || e->port != f->port;
    case OPTION_FILTERS:
    case OPTION_LIST:
        return filters_differ(o, a, b);
    default:
        return texts_differ(*(const char *const *)(const void *)x,
                            *(const char *const *)(const void *)y);
    }
}

static bool topics_differ(const struct config *a, const struct config *b)
{
    bool differ = a->topic_count != b->topic_count;
    for (size_t i = 0; i < a->topic_count && !differ; i++)
        differ = a->topics[i].id != b->topics[i].id ||
                 texts_differ(a->topics[i].client, b->topics[i].client) ||
                 texts_differ(a->topics[i].topic, b->topics[i].topic);
    return differ;
}

static const void *item(const struct config *c, enum option_scope scope, size_t i)
{
    return scope == SCOPE_RADIO ? (const void *)&c->radios[i] : (const void *)&c->clients[i];
}

static bool lists_differ(const struct config *a, const struct config *b, enum option_scope scope)
{
    struct option_range options = config_options(scope);
    size_t count = scope == SCOPE_RADIO ? a->radio_count : a->client_count;
    bool differ = count != (scope == SCOPE_RADIO ? b->radio_count : b->client_count);
    for (size_t i = 0; i < count && !differ; i++)
        for (const struct option *o = options.first; o < options.first + options.count; o++)
            differ |= values_differ(o, item(a, scope, i), item(b, scope, i));
    return differ;
}

bool config_section_differs(const struct config *a, const struct config *b, const char *section)
{
    struct option_range options = config_options(SCOPE_ROOT);
    size_t len = strlen(section);
    bool differ = false;
    if (strcmp(section, "radios") == 0)
        return lists_differ(a, b, SCOPE_RADIO);
    if (strcmp(section, "clients") == 0)
        return lists_differ(a, b, SCOPE_CLIENT);
    if (strcmp(section, "topics") == 0)
        return topics_differ(a, b);
    for (const struct option *o = options.first; o < options.first + options.count; o++)
        if (strncmp(o->path, section, len) == 0 && (o->path[len] == '.' || o->path[len] == '\0'))
            differ |= values_differ(o, a, b);
    return differ;
}
