/* config_print.c -- --print-config: every setting that counts, and where it came from.
 *
 * The output is YAML that loads again and means the same, so it is also the answer to "what is in effect, one file,
 * nothing left out". Values are written from the structs, not from the settings file's text: what is printed is what
 * the program has. Of secrets there are only file names. */
#include "config/config_internal.h"

#include <inttypes.h>
#include <stdlib.h>

enum { COMMENT_COLUMN = 44 };

const char *config_print_sections(const char *before, const char *path, int *indent, FILE *out)
{
    bool same = before != NULL;
    size_t at = 0;
    *indent = 0;
    for (size_t len; path[at + (len = strcspn(path + at, "."))] == '.'; at += len + 1) {
        same = same && strncmp(before, path, at + len + 1) == 0;
        if (!same && path[at + len - 1] != ']')
            fprintf(out, "%s%*s%.*s:\n", at == 0 && before ? "\n" : "", *indent, "", (int)len,
                    path + at);
        *indent += 2;
    }
    if (at == 0 && before)
        fputc('\n', out);
    return path + at;
}

static uint32_t character_at(const uint8_t *c, size_t *len)
{
    *len = c[0] < 0x80 ? 1 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : 4;
    uint32_t code = *len == 1 ? c[0] : c[0] & (0x7fu >> *len);
    for (size_t i = 1; i < *len; i++)
        code = code << 6 | (c[i] & 0x3fu);
    return code;
}

/* Would a YAML reader refuse the character, fold it, or show it as nothing? */
static bool needs_escape(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code <= 0xa0) || (code >= 0x2028 && code <= 0x2029) ||
           code == 0xfeff || (code & 0xfffe) == 0xfffe;
}

void config_value_quote(const char *text, FILE *out)
{
    size_t len;
    fputc('"', out);
    for (const char *c = text; *c != '\0'; c += len) {
        uint32_t code = character_at((const uint8_t *)c, &len);
        if (code == '"' || code == '\\')
            fprintf(out, "\\%c", *c);
        else if (needs_escape(code))
            fprintf(out, "\\U%08" PRIX32, code);
        else
            fwrite(c, 1, len, out);
    }
    fputc('"', out);
}

static uint64_t fetch(const struct option *o, const uint8_t *at)
{
    switch (o->width) {
    case 1:
        return *at;
    case 2:
        return *(const uint16_t *)(const void *)at;
    case 4:
        return *(const uint32_t *)(const void *)at;
    default:
        return *(const uint64_t *)(const void *)at;
    }
}

static void write_number(const struct option *o, uint64_t value, FILE *out)
{
    char text[40];
    config_value_number(o, o->type == OPTION_SECONDS ? value * 1000 : value, text, sizeof text);
    fprintf(out, o->type == OPTION_COUNT || o->type == OPTION_HEX ? "%s" : "\"%s\"", text);
}

static void write_word(const struct option *o, uint64_t index, FILE *out)
{
    const char *word = o->words;
    for (; index > 0; index--)
        word = strchr(word, '|') + 1;
    fprintf(out, "%.*s", (int)strcspn(word, "|"), word);
}

/* A group without a port of its own takes that of listen, which may be the system's choice: it is left out again. */
static void write_endpoint(const struct config_endpoint *e, bool with_port, FILE *out)
{
    bool six = e->host && strchr(e->host, ':');
    fprintf(out, six ? "\"[%s]" : "\"%s", e->host ? e->host : "");
    if (with_port)
        fprintf(out, ":%u", e->port);
    fputc('"', out);
}

static void write_filters(const struct option *o, const uint8_t *fields, FILE *out)
{
    const char *const *filters = *(const char *const *const *)(const void *)(fields + o->at);
    size_t count = *(const size_t *)(const void *)(fields + o->count_at);
    fputc('[', out);
    for (size_t i = 0; i < count; i++) {
        fputs(i > 0 ? ", " : "", out);
        config_value_quote(filters[i], out);
    }
    fputc(']', out);
}

static void write_value(const struct option *o, const uint8_t *fields, FILE *out)
{
    const uint8_t *field = fields + o->at;
    const struct config_endpoint *endpoint;
    switch (o->type) {
    case OPTION_COUNT:
    case OPTION_HEX:
    case OPTION_DURATION:
    case OPTION_SECONDS:
    case OPTION_SIZE:
        write_number(o, fetch(o, field), out);
        break;
    case OPTION_FLAG:
        fputs(*(const bool *)field ? "true" : "false", out);
        break;
    case OPTION_CHOICE:
        write_word(o, fetch(o, field), out);
        break;
    case OPTION_LISTEN:
    case OPTION_GROUP:
        endpoint = (const struct config_endpoint *)(const void *)field;
        write_endpoint(endpoint, o->type == OPTION_LISTEN || endpoint->port > 0, out);
        break;
    case OPTION_FILTERS:
    case OPTION_LIST:
        write_filters(o, fields, out);
        break;
    default:
        config_value_quote(*(const char *const *)(const void *)field, out);
    }
}

/* A value, and at one column behind it where it came from. */
static void finish_line(const char *start, char *value, struct place from, FILE *out)
{
    fprintf(out, "%s%-*s  ", start,
            COMMENT_COLUMN > strlen(start) ? COMMENT_COLUMN - (int)strlen(start) : 0, value);
    if (from.line > 0)
        fprintf(out, "# from %s:%" PRIu32 "\n", from.file, from.line);
    else
        fputs("# default\n", out);
    free(value);
}

static void print_option(const struct settings *s, const struct object *o,
                         const struct option *option, const char *start, FILE *out)
{
    char *value = NULL;
    size_t len = 0;
    FILE *text = open_memstream(&value, &len);
    if (!text)
        return;
    write_value(option, o->fields, text);
    fclose(text);
    finish_line(start, value, config_place(s, o, option->path), out);
}

/* Of what was left out and has no default there is nothing to write: lists, and what the radio decides. */
static bool has_value(const struct object *o, const struct option *option)
{
    const uint8_t *field = (const uint8_t *)o->fields + option->at;
    if (option->type == OPTION_FILTERS || option->type == OPTION_LIST)
        return *(const void *const *)(const void *)field != NULL;
    if (option->type == OPTION_COUNT || option->type == OPTION_HEX)
        return fetch(option, field) >= option->min;
    return true;
}

/* Does the item's driver, if it has one, care? */
static bool concerns(const struct object *item, const struct option *option)
{
    const struct config_radio *radio = item->fields;
    return item->scope != SCOPE_RADIO || config_option_applies(option, radio->driver);
}

static void print_item(const struct settings *s, const struct object *item, FILE *out)
{
    char start[80];
    const char *dash = "  - ";
    struct option_range options = config_options(item->scope);
    for (const struct option *o = options.first; o < options.first + options.count; o++) {
        if (!concerns(item, o))
            continue;
        if (!has_value(item, o)) {
            fprintf(out, "    # %s: %s\n", strchr(o->path, '.') + 1, o->absent);
            continue;
        }
        snprintf(start, sizeof start, "%s%s: ", dash, strchr(o->path, '.') + 1);
        print_option(s, item, o, start, out);
        dash = "    ";
    }
}

static void print_items(const struct settings *s, const char *name, const struct object *items,
                        size_t count, FILE *out)
{
    fprintf(out, count > 0 ? "\n%s:\n" : "\n%s: []\n", name);
    for (size_t i = 0; i < count; i++)
        print_item(s, &items[i], out);
}

static void print_topics(const struct settings *s, FILE *out)
{
    const char *client = "";
    fprintf(out, s->topics.count > 0 ? "\ntopics:\n" : "\ntopics: {}\n");
    for (size_t i = 0; i < s->topics.count; i++) {
        const struct topic_row *row = &s->topics.at[i];
        if (strcmp(client, row->topic.client) != 0) {
            client = row->topic.client;
            fputs("  ", out);
            config_value_quote(client, out);
            fputs(":\n", out);
        }
        fprintf(out, "    %u: ", row->topic.id);
        config_value_quote(row->topic.topic, out);
        fprintf(out, "  # from %s:%" PRIu32 "\n", row->place.file, row->place.line);
    }
    if (s->topics_file[0] != '\0')
        fprintf(out, "# topics_file: the rows of %s stand above\n", s->topics_file);
}

static void print_root_option(const struct settings *s, const struct option *o, const char *before,
                              FILE *out)
{
    char start[80];
    int indent;
    const char *key = config_print_sections(before, o->path, &indent, out);
    snprintf(start, sizeof start, "%*s%s: ", indent, "", key);
    print_option(s, &s->root, o, start, out);
}

void config_print(const struct config *c, FILE *out)
{
    const struct settings *s = (const struct settings *)(const void *)c;
    struct option_range options = config_options(SCOPE_ROOT);
    const char *before = NULL;
    fputs("# The settings in effect, and where each came from.\n", out);
    for (const struct option *o = options.first; o < options.first + options.count; o++) {
        if (strcmp(o->path, "radios[].name") == 0)
            print_items(s, "radios", s->radios, c->radio_count, out);
        else if (strcmp(o->path, "clients[].match") == 0)
            print_items(s, "clients", s->clients, c->client_count, out);
        else if (o->type == OPTION_TOPICS)
            print_topics(s, out);
        else if (!strstr(o->path, "[].") && strcmp(o->path, "topics_file") != 0)
            print_root_option(s, o, before, out);
        before = o->path;
    }
}
