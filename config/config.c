/* config.c -- the settings: read, checked, complete, or not at all.
 *
 * A run goes through four steps: defaults from the option table, the settings file over them (config_yaml and
 * config_read), the table of topic ids (config_topics), and what must fit together (config_check). Each step reports
 * what is wrong and carries on, so one run shows every mistake; settings come out only when there was none. The struct
 * given away is the first member of a larger one that also knows where every value came from, for --print-config. */
#include "config/config_internal.h"

#include <assert.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <unistd.h>

struct origin *config_origin(const struct object *o, const char *path)
{
    struct option_range options = config_options(o->scope);
    const struct option *option = config_option_find(path);
    assert(option >= options.first && option < options.first + options.count);
    return &o->origins[option - options.first];
}

struct place config_place(const struct settings *s, const struct object *o, const char *path)
{
    const struct origin *origin = config_origin(o, path);
    return (struct place){ s->name, origin->line, origin->column };
}

bool config_given(const struct object *o, const char *path)
{
    return config_origin(o, path)->line > 0;
}

bool config_refused(const struct object *o, const char *path)
{
    return config_origin(o, path)->bad;
}

void config_complain(struct settings *s, const struct object *o, const char *path, const char *problem)
{
    config_mistake(&s->mistakes, config_place(s, o, path), "%s %s", path, problem);
    config_origin(o, path)->bad = true;
}

struct place config_place_or_item(const struct settings *s, const struct object *item,
                                  const char *path)
{
    return config_given(item, path) ? config_place(s, item, path) : item->place;
}

void config_object_init(struct settings *s, struct object *o, enum option_scope scope, void *fields)
{
    struct option_range options = config_options(scope);
    struct origin *origins = config_arena_take(&s->memory, options.count * sizeof *origins);
    *o = (struct object){ .scope = scope, .fields = fields, .origins = origins };
    if (scope == SCOPE_RADIO)
        *(struct config_radio *)fields = s->radio_preset;
    else if (scope == SCOPE_CLIENT)
        *(struct config_client *)fields = s->config.default_client;
}

/* The table's own texts go the way of those in a file; one that is refused is a mistake in the table. */
static void fill_in_presets(struct settings *s, enum option_scope scope, void *fields)
{
    char why[WHY_MAX];
    struct option_range options = config_options(scope);
    for (const struct option *o = options.first; o < options.first + options.count; o++) {
        if (!o->preset || (scope == SCOPE_ROOT && strstr(o->path, "[].")))
            continue;
        bool good = config_value_read(&s->memory, o, o->preset, fields, why);
        assert(good);
        (void)good;
    }
}

static struct settings *settings_new(void)
{
    struct settings *s = config_memory_grow(NULL, sizeof *s);
    *s = (struct settings){ .name = "built-in defaults", .folder = "" };
    fill_in_presets(s, SCOPE_ROOT, s);
    fill_in_presets(s, SCOPE_RADIO, &s->radio_preset);
    fill_in_presets(s, SCOPE_CLIENT, &s->config.default_client);
    config_object_init(s, &s->root, SCOPE_ROOT, s);
    return s;
}

static void add_default_radio(struct settings *s)
{
    if (s->config.radio_count > 0)
        return;
    s->config.radios = config_arena_take(&s->memory, sizeof *s->config.radios);
    s->config.radio_count = 1;
    s->radios = config_arena_take(&s->memory, sizeof *s->radios);
    config_object_init(s, s->radios, SCOPE_RADIO, s->config.radios);
    s->radios->place.file = s->name;
}

static struct config *settings_finish(struct settings *s, FILE *mistakes)
{
    add_default_radio(s);
    config_topics_finish(s);
    config_check(s);
    bool good = s->mistakes.count == 0;
    config_mistakes_print(&s->mistakes, s->name, mistakes);
    if (good)
        return &s->config;
    config_free(&s->config);
    return NULL;
}

/* The folder of `path`, absolute, so that it means the same wherever the program goes later. */
static const char *folder_of(struct settings *s, const char *path)
{
    char here[4096] = ".";
    const char *slash = strrchr(path, '/');
    struct span folder = span_of(path, slash ? (size_t)(slash - path) + 1 : 0);
    if (path[0] == '/' || !getcwd(here, sizeof here))
        here[0] = '\0';
    size_t room = strlen(here) + folder.len + 2;
    char *absolute = config_arena_take(&s->memory, room);
    snprintf(absolute, room, "%s%s%.*s", here, here[0] != '\0' ? "/" : "", (int)folder.len, path);
    return absolute;
}

struct config *config_load(const char *path, FILE *mistakes)
{
    struct settings *s = settings_new();
    uint8_t *yaml;
    size_t len;
    const char *why;
    if (path) {
        s->name = s->config.path = config_arena_text(&s->memory, span_text(path));
        s->folder = folder_of(s, path);
        if (config_file_read(&s->memory, path, &yaml, &len, &why))
            config_yaml_read(s, span_of(yaml, len));
        else
            config_mistake(&s->mistakes, (struct place){ s->name, 0, 0 },
                           "cannot read the settings: %s", why);
    }
    return settings_finish(s, mistakes);
}

struct config *config_parse(const char *name, struct span yaml, FILE *mistakes)
{
    struct settings *s = settings_new();
    const char *slash = strrchr(name, '/');
    s->name = s->config.path = config_arena_text(&s->memory, span_text(name));
    s->folder = config_arena_text(&s->memory, span_of(name, slash ? (size_t)(slash - name) + 1 : 0));
    s->confined = true;
    config_yaml_read(s, yaml);
    return settings_finish(s, mistakes);
}

void config_free(struct config *c)
{
    struct settings *s = (struct settings *)c;
    if (!s)
        return;
    config_mistakes_clear(&s->mistakes);
    free(s->topics.at);
    config_arena_clear(&s->memory);
    free(s);
}

const struct config_client *config_client(const struct config *c, const char *client_id)
{
    for (size_t i = 0; i < c->client_count; i++)
        if (fnmatch(c->clients[i].match, client_id, 0) == 0)
            return &c->clients[i];
    return &c->default_client;
}
