/* config_yaml.c -- from octets to libyaml's document tree, and libyaml's complaints in our form.
 *
 * libyaml says where a mistake is in three different ways: by a mark, by the mark of what it was reading, or (for
 * octets that are no text) by an offset. Here they become one line of file, line and column. The commonest mistakes
 * of people get a sentence of their own: tabs, and a second document. */
#include "config/config_internal.h"

#include <yaml.h>

enum { DEPTH_MAX = 32 };

/* Line and column of an octet, where libyaml gives only its number. */
static struct place place_of_octet(const struct settings *s, struct span yaml, size_t offset)
{
    struct place p = { s->name, 1, 1 };
    for (size_t i = 0; i < offset && i < yaml.len; i++) {
        bool newline = yaml.at[i] == '\n';
        p.line += newline;
        p.column = newline ? 1 : p.column + ((yaml.at[i] & 0xc0) != 0x80);
    }
    return p;
}

/* The offset of the first octet that is not part of a UTF-8 character; yaml.len when all are. */
static size_t first_bad_octet(struct span yaml)
{
    for (size_t i = 0; i < yaml.len;) {
        size_t n = 1;
        while (n <= 4 && (i + n > yaml.len || !utf8_valid(span_of(yaml.at + i, n))))
            n++;
        if (n > 4)
            return i;
        i += n;
    }
    return yaml.len;
}

static struct place place_of_mark(const struct settings *s, yaml_mark_t mark)
{
    return (struct place){ s->name, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1 };
}

/* Is the first octet on line `line` (from 0) that is no space, a tab? libyaml's words for it help nobody. */
static bool indented_by_tab(struct span yaml, size_t line)
{
    size_t i = 0;
    for (; line > 0 && i < yaml.len; i++)
        line -= yaml.at[i] == '\n';
    while (i < yaml.len && yaml.at[i] == ' ')
        i++;
    return i < yaml.len && yaml.at[i] == '\t';
}

static void report_syntax(struct settings *s, struct span yaml, const yaml_parser_t *parser)
{
    const char *problem = parser->problem ? parser->problem : "cannot be read";
    struct mistakes *m = &s->mistakes;
    if (parser->error == YAML_READER_ERROR)
        config_mistake(m, place_of_octet(s, yaml, parser->problem_offset), "not YAML: %s", problem);
    else if (parser->error == YAML_MEMORY_ERROR)
        config_mistake(m, (struct place){ s->name, 0, 0 },
                       "too deeply nested or too large for the memory there is");
    else if (indented_by_tab(yaml, parser->problem_mark.line))
        config_mistake(m, place_of_mark(s, parser->problem_mark),
                       "a tab cannot indent in YAML, use spaces");
    else if (parser->context)
        config_mistake(m, place_of_mark(s, parser->problem_mark),
                       "not YAML: %s, %s (begun in line %zu)", problem, parser->context,
                       parser->context_mark.line + 1);
    else
        config_mistake(m, place_of_mark(s, parser->problem_mark), "not YAML: %s", problem);
}

static void start_parser(yaml_parser_t *parser, struct span yaml)
{
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(parser, yaml.len > 0 ? yaml.at : (const uint8_t *)"", yaml.len);
}

/* One step into or out of a section or list. */
static int step_of(yaml_event_type_t type)
{
    bool in = type == YAML_MAPPING_START_EVENT || type == YAML_SEQUENCE_START_EVENT;
    bool out = type == YAML_MAPPING_END_EVENT || type == YAML_SEQUENCE_END_EVENT;
    return in - out;
}

static bool walk_events(struct settings *s, struct span yaml, yaml_parser_t *parser)
{
    yaml_event_t event;
    int depth = 0;
    for (bool end = false; !end; yaml_event_delete(&event)) {
        if (!yaml_parser_parse(parser, &event)) {
            report_syntax(s, yaml, parser);
            return false;
        }
        depth += step_of(event.type);
        end = event.type == YAML_STREAM_END_EVENT || depth > DEPTH_MAX;
        if (depth > DEPTH_MAX)
            config_mistake(&s->mistakes, place_of_mark(s, event.start_mark),
                           "nested more than %d levels deep", DEPTH_MAX);
    }
    return depth <= DEPTH_MAX;
}

/* libyaml's time grows with the square of the depth of [ and {, and settings are never deep. So a file with enough of
 * them is read once without making the tree, just to see how deep it goes. */
static bool is_shallow(struct settings *s, struct span yaml)
{
    size_t brackets = 0;
    for (size_t i = 0; i < yaml.len; i++)
        brackets += yaml.at[i] == '[' || yaml.at[i] == '{';
    if (brackets <= DEPTH_MAX)
        return true;
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        config_mistake(&s->mistakes, (struct place){ s->name, 0, 0 }, "no memory left to read it");
        return false;
    }
    start_parser(&parser, yaml);
    bool shallow = walk_events(s, yaml, &parser);
    yaml_parser_delete(&parser);
    return shallow;
}

static void refuse_second_document(struct settings *s, struct span yaml, yaml_parser_t *parser)
{
    yaml_document_t document;
    if (!yaml_parser_load(parser, &document)) {
        report_syntax(s, yaml, parser);
        return;
    }
    if (yaml_document_get_root_node(&document))
        config_mistake(&s->mistakes, place_of_mark(s, document.start_mark),
                       "a second document (---) begins here, the settings must be one document");
    yaml_document_delete(&document);
}

static void read_documents(struct settings *s, struct span yaml, yaml_parser_t *parser)
{
    yaml_document_t document;
    if (!yaml_parser_load(parser, &document)) {
        report_syntax(s, yaml, parser);
        return;
    }
    config_read_document(s, &document);
    bool more = yaml_document_get_root_node(&document) != NULL;
    yaml_document_delete(&document);
    if (more)
        refuse_second_document(s, yaml, parser);
}

void config_yaml_read(struct settings *s, struct span yaml)
{
    yaml_parser_t parser;
    size_t bad = first_bad_octet(yaml);
    if (yaml.len > CONFIG_FILE_MAX) {
        config_mistake(&s->mistakes, (struct place){ s->name, 0, 0 }, "larger than 16 MiB");
        return;
    }
    if (bad < yaml.len) {
        config_mistake(&s->mistakes, place_of_octet(s, yaml, bad),
                       "this octet (0x%02x) is not UTF-8 text", yaml.at[bad]);
        return;
    }
    if (!is_shallow(s, yaml))
        return;
    if (!yaml_parser_initialize(&parser)) {
        config_mistake(&s->mistakes, (struct place){ s->name, 0, 0 }, "no memory left to read it");
        return;
    }
    start_parser(&parser, yaml);
    read_documents(s, yaml, &parser);
    yaml_parser_delete(&parser);
}
