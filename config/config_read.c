/* config_read.c -- the settings file, from libyaml's document tree into the structs.
 *
 * The walk goes down the tree and the option table side by side: a key is a section, a list or an option of the table,
 * or it is a mistake. Every node has marks, so a mistake knows its line and column, and the walk goes on behind it.
 * YAML's cleverness is kept out: merge keys, tags, and aliases of whole sections are refused, because a table that a
 * person must read at night should say what it means where it stands. */
#include "config/config_internal.h"

#include <stdlib.h>
#include <yaml.h>

enum { KEYS_MAX = 64 };

struct reading {
    struct settings *s;
    yaml_document_t *document;
    bool *entered; /* sections and lists already read: an alias leads to one of them again */
};

static void read_mapping(struct reading *r, struct object *o, const char *prefix,
                         const yaml_node_t *node);

static struct place place_of(const struct reading *r, const yaml_node_t *n)
{
    return (struct place){ r->s->name, (uint32_t)n->start_mark.line + 1,
                           (uint32_t)n->start_mark.column + 1 };
}

static const char *text_of(const yaml_node_t *n)
{
    return (const char *)n->data.scalar.value;
}

static struct span span_of_node(const yaml_node_t *n)
{
    return span_of(n->data.scalar.value, n->data.scalar.length);
}

/* Nothing behind the colon: for a section it means "all defaults". */
static bool is_null(const yaml_node_t *n)
{
    return n->type == YAML_SCALAR_NODE && n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (n->data.scalar.length == 0 || strcmp(text_of(n), "~") == 0 ||
            strcmp(text_of(n), "null") == 0);
}

static const yaml_node_t *node_at(const struct reading *r, int index)
{
    return yaml_document_get_node(r->document, index);
}

static size_t pair_count(const yaml_node_t *mapping)
{
    return (size_t)(mapping->data.mapping.pairs.top - mapping->data.mapping.pairs.start);
}

/* Text that a value or key can be: UTF-8 without NUL and without a tag of its own. */
static bool usable_text(struct reading *r, const yaml_node_t *n)
{
    static const char ordinary[] = "tag:yaml.org,2002:";
    const char *tag = (const char *)n->tag;
    if (tag && strncmp(tag, ordinary, strlen(ordinary)) != 0)
        config_mistake(&r->s->mistakes, place_of(r, n),
                       "tags (%.40s) are not supported, write the value itself", tag);
    else if (!utf8_valid(span_of_node(n)))
        config_mistake(&r->s->mistakes, place_of(r, n),
                       "the text holds a NUL character or is not UTF-8");
    else
        return true;
    return false;
}

static bool usable_key(struct reading *r, const yaml_node_t *key)
{
    if (key->type != YAML_SCALAR_NODE)
        config_mistake(&r->s->mistakes, place_of(r, key), "a key must be a single word");
    else if (strcmp(text_of(key), "<<") == 0)
        config_mistake(&r->s->mistakes, place_of(r, key),
                       "merge keys (<<) are not supported, write the keys out");
    else
        return usable_text(r, key);
    return false;
}

static bool enter(struct reading *r, const yaml_node_t *n)
{
    size_t index = (size_t)(n - r->document->nodes.start);
    if (r->entered[index])
        config_mistake(
            &r->s->mistakes, place_of(r, n),
            "this section is used again by an alias (*), which is not supported, write it out");
    bool first = !r->entered[index];
    r->entered[index] = true;
    return first;
}

static void report_keys_given_twice(struct reading *r, const yaml_node_t *mapping)
{
    size_t count = 0;
    struct named *names = config_memory_grow(NULL, (pair_count(mapping) + 1) * sizeof *names);
    for (const yaml_node_pair_t *p = mapping->data.mapping.pairs.start;
         p < mapping->data.mapping.pairs.top; p++) {
        const yaml_node_t *key = node_at(r, p->key);
        if (key->type == YAML_SCALAR_NODE)
            names[count++] = (struct named){ text_of(key), place_of(r, key) };
    }
    config_mistakes_twice(&r->s->mistakes, "key", names, count);
    free(names);
}

static bool is_mapping(struct reading *r, const char *what, const yaml_node_t *node)
{
    if (node->type != YAML_MAPPING_NODE)
        config_mistake(&r->s->mistakes, place_of(r, node),
                       "%s needs keys and values below it, as in `key: value`", what);
    return node->type == YAML_MAPPING_NODE && enter(r, node);
}

/* ---- the table of predefined topic ids ------------------------------------------------------------------------- */

static void read_topic(struct reading *r, const char *client, const yaml_node_t *key,
                       const yaml_node_t *value)
{
    struct settings *s = r->s;
    struct topic_row row = { .topic.client = client, .place = place_of(r, key) };
    if (!usable_key(r, key) ||
        !config_topics_id(s, place_of(r, key), span_of_node(key), &row.topic.id))
        return;
    if (value->type != YAML_SCALAR_NODE) {
        config_mistake(&s->mistakes, place_of(r, value), "a topic id needs one topic name behind it");
        return;
    }
    if (!usable_text(r, value) || !config_topics_name(s, place_of(r, value), span_of_node(value)))
        return;
    row.topic.topic = config_arena_text(&s->memory, span_of_node(value));
    config_topics_add(s, row);
}

static void read_topics_of_client(struct reading *r, const yaml_node_t *key, const yaml_node_t *value)
{
    if (!usable_key(r, key) || !config_topics_client(r->s, place_of(r, key), span_of_node(key)))
        return;
    if (is_null(value) || !is_mapping(r, "a client in topics", value))
        return;
    const char *client = config_arena_text(&r->s->memory, span_of_node(key));
    for (const yaml_node_pair_t *p = value->data.mapping.pairs.start;
         p < value->data.mapping.pairs.top; p++)
        read_topic(r, client, node_at(r, p->key), node_at(r, p->value));
}

static void read_topics(struct reading *r, const yaml_node_t *node)
{
    if (is_null(node) || !is_mapping(r, "topics", node))
        return;
    report_keys_given_twice(r, node);
    for (const yaml_node_pair_t *p = node->data.mapping.pairs.start;
         p < node->data.mapping.pairs.top; p++)
        read_topics_of_client(r, node_at(r, p->key), node_at(r, p->value));
}

/* ---- options --------------------------------------------------------------------------------------------------- */

static bool read_listed(struct reading *r, const struct option *option, const yaml_node_t *n,
                        const char **text)
{
    bool filter = option->type == OPTION_FILTERS;
    if (n->type != YAML_SCALAR_NODE) {
        config_mistake(&r->s->mistakes, place_of(r, n), "%s: a %s is needed here", option->path,
                       filter ? "topic filter" : "text");
        return false;
    }
    if (!usable_text(r, n))
        return false;
    *text = config_arena_text(&r->s->memory, span_of_node(n));
    if (filter && !topic_filter_valid(span_of_node(n))) {
        config_mistake(
            &r->s->mistakes, place_of(r, n),
            "%s: \"%.80s\" is not a topic filter: '+' must fill a whole level, '#' the last one",
            option->path, *text);
        return false;
    }
    return true;
}

static bool read_texts(struct reading *r, void *fields, const struct option *option,
                       const yaml_node_t *node)
{
    if (node->type != YAML_SEQUENCE_NODE) {
        bool filters = option->type == OPTION_FILTERS;
        config_mistake(&r->s->mistakes, place_of(r, node), "%s needs a list%s, as in [\"%s\"]",
                       option->path, filters ? " of topic filters" : "",
                       filters ? "greenhouse/#" : "192.0.2.7");
        return false;
    }
    if (!enter(r, node))
        return false;
    const yaml_node_item_t *first = node->data.sequence.items.start,
                           *end = node->data.sequence.items.top;
    const char **texts = config_arena_take(&r->s->memory, (size_t)(end - first) * sizeof *texts);
    bool good = true;
    for (const yaml_node_item_t *i = first; i < end; i++)
        good &= read_listed(r, option, node_at(r, *i), &texts[i - first]);
    *(const char *const **)(void *)((uint8_t *)fields + option->at) = texts;
    *(size_t *)(void *)((uint8_t *)fields + option->count_at) = (size_t)(end - first);
    return good;
}

/* The path behind a file option, once it is known that the file can be read. */
static bool find_file(struct settings *s, const struct option *option, struct place where,
                      const char **field)
{
    const char *why;
    const char *name = *field;
    if (name[0] == '\0')
        return true;
    if (option->type == OPTION_FILE && !config_file_allowed(s, name)) {
        config_mistake(&s->mistakes, where,
                       "%s: \"%.200s\" is outside the folder of the settings file", option->path,
                       name);
        return false;
    }
    *field = config_file_resolve(s, name);
    if (option->type == OPTION_FILE && !config_file_readable(*field, &why)) {
        config_mistake(&s->mistakes, where, "%s: cannot read \"%.200s\": %s", option->path, *field,
                       why);
        return false;
    }
    return true;
}

static bool is_value(struct reading *r, const struct option *option, const yaml_node_t *node)
{
    if (node->type != YAML_SCALAR_NODE)
        config_mistake(&r->s->mistakes, place_of(r, node), "%s needs a single value, not a %s",
                       option->path, node->type == YAML_MAPPING_NODE ? "section" : "list");
    else if (is_null(node))
        config_mistake(&r->s->mistakes, place_of(r, node),
                       "%s has no value, leave the key out for the default", option->path);
    else
        return usable_text(r, node);
    return false;
}

static bool read_scalar(struct reading *r, void *fields, const struct option *option,
                        const yaml_node_t *node)
{
    struct settings *s = r->s;
    struct place where = place_of(r, node);
    char why[WHY_MAX];
    if (!is_value(r, option, node))
        return false;
    if (!config_value_read(&s->memory, option, text_of(node), fields, why)) {
        config_mistake(&s->mistakes, where, "%s: %s", option->path, why);
        return false;
    }
    if (option->type != OPTION_FILE && option->type != OPTION_PATH)
        return true;
    return find_file(s, option, where, (const char **)(void *)((uint8_t *)fields + option->at));
}

static void read_option(struct reading *r, struct object *o, const struct option *option,
                        const yaml_node_t *node)
{
    struct place where = place_of(r, node);
    struct origin *origin = config_origin(o, option->path);
    bool good = true;
    if (option->type == OPTION_TOPICS)
        read_topics(r, node);
    else if (option->type == OPTION_FILTERS || option->type == OPTION_LIST)
        good = read_texts(r, o->fields, option, node);
    else
        good = read_scalar(r, o->fields, option, node);
    *origin = (struct origin){ where.line, where.column, !good };
}

/* ---- sections and lists ---------------------------------------------------------------------------------------- */

static void report_unknown(struct reading *r, const char *prefix, const yaml_node_t *key)
{
    const char *words[KEYS_MAX];
    char all[WHY_MAX] = "";
    struct mistakes *m = &r->s->mistakes;
    size_t count = config_option_words(prefix, words, KEYS_MAX, &r->s->memory);
    const char *meant = config_nearest(text_of(key), words, count);
    if (meant) {
        config_mistake(m, place_of(r, key), "unknown key \"%.80s\", did you mean \"%s\"?",
                       text_of(key), meant);
        return;
    }
    for (size_t i = 0, n = 0; i < count && n < sizeof all; i++)
        n += (size_t)snprintf(all + n, sizeof all - n, "%s%s", i > 0 ? ", " : "", words[i]);
    config_mistake(m, place_of(r, key), "unknown key \"%.80s\", known here are %s", text_of(key),
                   all);
}

static struct object *new_items(struct settings *s, enum option_scope scope, size_t count)
{
    struct object *items = config_arena_take(&s->memory, count * sizeof *items);
    if (scope == SCOPE_RADIO) {
        s->config.radios = config_arena_take(&s->memory, count * sizeof *s->config.radios);
        s->config.radio_count = count;
        s->radios = items;
    } else {
        s->config.clients = config_arena_take(&s->memory, count * sizeof *s->config.clients);
        s->config.client_count = count;
        s->clients = items;
    }
    return items;
}

static void *fields_of_item(struct settings *s, enum option_scope scope, size_t i)
{
    return scope == SCOPE_RADIO ? (void *)&s->config.radios[i] : (void *)&s->config.clients[i];
}

/* NOLINTNEXTLINE(misc-no-recursion): the scan before refuses more than 32 levels. */
static void read_list(struct reading *r, enum option_scope scope, const yaml_node_t *node)
{
    const char *name = scope == SCOPE_RADIO ? "radios" : "clients";
    const char *prefix = scope == SCOPE_RADIO ? "radios[]." : "clients[].";
    if (is_null(node))
        return;
    if (node->type != YAML_SEQUENCE_NODE) {
        config_mistake(&r->s->mistakes, place_of(r, node),
                       "%s needs a list, each item begins with \"- \"", name);
        return;
    }
    if (!enter(r, node))
        return;
    const yaml_node_item_t *first = node->data.sequence.items.start,
                           *end = node->data.sequence.items.top;
    struct object *items = new_items(r->s, scope, (size_t)(end - first));
    for (const yaml_node_item_t *i = first; i < end; i++) {
        struct object *item = &items[i - first];
        config_object_init(r->s, item, scope, fields_of_item(r->s, scope, (size_t)(i - first)));
        item->place = place_of(r, node_at(r, *i));
        read_mapping(r, item, prefix, node_at(r, *i));
    }
    if (scope == SCOPE_RADIO && first == end)
        config_mistake(&r->s->mistakes, place_of(r, node),
                       "radios is an empty list, leave the key out for the default");
}

/* NOLINTNEXTLINE(misc-no-recursion): the scan before refuses more than 32 levels. */
static void read_pair(struct reading *r, struct object *o, const char *prefix,
                      const yaml_node_pair_t *pair)
{
    char path[PATH_TEXT_MAX], below[PATH_TEXT_MAX + 1];
    const yaml_node_t *key = node_at(r, pair->key), *value = node_at(r, pair->value);
    if (!usable_key(r, key))
        return;
    size_t len = (size_t)snprintf(path, sizeof path, "%s%s", prefix, text_of(key));
    bool word = len < sizeof path && strcspn(text_of(key), ".[]") == key->data.scalar.length;
    const struct option *option = word ? config_option_find(path) : NULL;
    snprintf(below, sizeof below, "%s.", path);
    if (option)
        read_option(r, o, option, value);
    else if (word && strcmp(path, "radios") == 0)
        read_list(r, SCOPE_RADIO, value);
    else if (word && strcmp(path, "clients") == 0)
        read_list(r, SCOPE_CLIENT, value);
    else if (word && len > 0 && config_option_section(path))
        read_mapping(r, o, below, value);
    else
        report_unknown(r, prefix, key);
}

/* NOLINTNEXTLINE(misc-no-recursion): the scan before refuses more than 32 levels. */
static void read_mapping(struct reading *r, struct object *o, const char *prefix,
                         const yaml_node_t *node)
{
    char what[PATH_TEXT_MAX];
    snprintf(what, sizeof what, "%.*s", (int)strlen(prefix) - 1, prefix);
    if (is_null(node) || !is_mapping(r, prefix[0] != '\0' ? what : "the settings file", node))
        return;
    report_keys_given_twice(r, node);
    for (const yaml_node_pair_t *p = node->data.mapping.pairs.start;
         p < node->data.mapping.pairs.top; p++)
        read_pair(r, o, prefix, p);
}

void config_read_document(struct settings *s, struct yaml_document_s *document)
{
    size_t nodes = (size_t)(document->nodes.top - document->nodes.start);
    struct reading r = { s, document, config_arena_take(&s->memory, nodes * sizeof(bool)) };
    const yaml_node_t *root = yaml_document_get_root_node(document);
    if (root)
        read_mapping(&r, &s->root, "", root);
}
