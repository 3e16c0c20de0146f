/* config_topics.c -- the table of predefined topic ids, inline and from topics_file.
 *
 * The file is the table of other MQTT-SN gateways: `client,topic,id`, one row a line, '*' for every client, '#' begins
 * a comment. A fleet has tens of thousands of rows, so a row costs no allocation (its texts stay in the file's buffer)
 * and nothing compares all with all: rows are sorted once, and whatever is given twice then stands side by side. */
#include "config/config_internal.h"

#include <stdlib.h>
#include <strings.h>

enum { FIELDS = 3 };

bool config_topics_id(struct settings *s, struct place where, struct span text, uint16_t *id)
{
    uint32_t value = 0;
    for (size_t i = 0; i < text.len && value <= UINT16_MAX; i++)
        value = text.at[i] >= '0' && text.at[i] <= '9' ? 10 * value + text.at[i] - '0' : UINT32_MAX;
    *id = (uint16_t)value;
    if (text.len > 0 && value >= 1 && value < UINT16_MAX)
        return true;
    config_mistake(&s->mistakes, where,
                   "\"%.*s\" is not a topic id, allowed is 1..65534 (0 and 65535 are reserved)",
                   text.len < 40 ? (int)text.len : 40, (const char *)text.at);
    return false;
}

bool config_topics_name(struct settings *s, struct place where, struct span topic)
{
    int shown = topic.len < 80 ? (int)topic.len : 80;
    if (topic_name_valid(topic))
        return true;
    if (topic.len == 0)
        config_mistake(&s->mistakes, where, "the topic is empty");
    else if (utf8_valid(topic) && topic_has_wildcard(topic))
        config_mistake(&s->mistakes, where,
                       "\"%.*s\" holds a wildcard, a topic id stands for one topic", shown,
                       (const char *)topic.at);
    else
        config_mistake(&s->mistakes, where,
                       "\"%.*s\" is not a topic: it must be UTF-8 of at most 65535 octets", shown,
                       (const char *)topic.at);
    return false;
}

bool config_topics_client(struct settings *s, struct place where, struct span client)
{
    if (client.len == 0)
        config_mistake(&s->mistakes, where, "the client id is empty, \"*\" stands for every client");
    else if (!utf8_valid(client))
        config_mistake(&s->mistakes, where, "the client id is not UTF-8 text");
    else
        return true;
    return false;
}

void config_topics_add(struct settings *s, struct topic_row row)
{
    struct topic_rows *rows = &s->topics;
    if (rows->count == rows->room) {
        rows->room = rows->room ? 2 * rows->room : 64;
        rows->at = config_memory_grow(rows->at, rows->room * sizeof *rows->at);
    }
    row.order = (uint32_t)rows->count;
    rows->at[rows->count++] = row;
}

/* ---- topics_file ----------------------------------------------------------------------------------------------- */

struct line {
    const char *file;
    uint32_t number;
    uint8_t *start;
    uint8_t *end; /* behind its last octet; may be written to */
};

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct place place_in(const struct line *l, const uint8_t *at)
{
    struct place p = { l->file, l->number, 1 };
    for (const uint8_t *i = l->start; i < at; i++)
        p.column += (*i & 0xc0) != 0x80;
    return p;
}

/* Where a comment begins: a '#' at the start or behind a blank. One inside a word is part of a client id. */
static uint8_t *comment_in(const struct line *l)
{
    for (uint8_t *i = l->start; i < l->end; i++)
        if (*i == '#' && (i == l->start || is_blank(i[-1])))
            return i;
    return l->end;
}

static struct span trimmed(uint8_t *from, uint8_t *to)
{
    while (from < to && is_blank(*from))
        from++;
    while (from < to && is_blank(to[-1]))
        to--;
    return span_of(from, (size_t)(to - from));
}

/* Cuts the line at its commas; returns how many fields there are, of which the first three are kept. */
static size_t cut_fields(uint8_t *from, uint8_t *end, struct span fields[FIELDS])
{
    size_t count = 0;
    while (true) {
        uint8_t *comma = memchr(from, ',', (size_t)(end - from));
        if (count < FIELDS)
            fields[count] = trimmed(from, comma ? comma : end);
        count++;
        if (!comma)
            return count;
        from = comma + 1;
    }
}

/* "client,topic,id" over the columns, as spreadsheets write it. */
static bool is_heading(struct span id)
{
    static const char *const names[] = { "id", "topicid", "topic_id", "topic id" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (id.len == strlen(names[i]) && strncasecmp((const char *)id.at, names[i], id.len) == 0)
            return true;
    return false;
}

static bool is_quoted(struct span field)
{
    return field.len >= 2 && field.at[0] == '"' && field.at[field.len - 1] == '"';
}

/* Ends a field's text where it stands; what follows it is a blank, a comma, a comment or the line's end. */
static const char *ended(const struct line *l, struct span field)
{
    l->start[(size_t)(field.at - l->start) + field.len] = '\0';
    return (const char *)field.at;
}

static void add_row(struct settings *s, const struct line *l, const struct span fields[FIELDS])
{
    struct topic_row row = { .place = { l->file, l->number, 1 } };
    for (size_t i = 0; i < FIELDS; i++)
        if (is_quoted(fields[i])) {
            config_mistake(&s->mistakes, place_in(l, fields[i].at),
                           "write the field without the quotes around it");
            return;
        }
    bool good = config_topics_client(s, place_in(l, fields[0].at), fields[0]);
    good &= config_topics_name(s, place_in(l, fields[1].at), fields[1]);
    good &= config_topics_id(s, place_in(l, fields[2].at), fields[2], &row.topic.id);
    if (!good)
        return;
    row.topic.client = ended(l, fields[0]);
    row.topic.topic = ended(l, fields[1]);
    config_topics_add(s, row);
}

static void read_line(struct settings *s, const struct line *l, bool *first_row)
{
    struct span fields[FIELDS];
    struct span whole = trimmed(l->start, comment_in(l));
    if (whole.len == 0)
        return;
    uint8_t *start = l->start + (whole.at - l->start);
    size_t count = cut_fields(start, start + whole.len, fields);
    if (count != FIELDS)
        config_mistake(&s->mistakes, place_in(l, whole.at),
                       "a row is client,topic,id, this one has %zu field%s", count,
                       count == 1 ? "" : "s");
    else if (!*first_row || !is_heading(fields[2]))
        add_row(s, l, fields);
    *first_row = false;
}

void config_topics_read_csv(struct settings *s, const char *file, uint8_t *csv, size_t len)
{
    bool first_row = true;
    bool marked =
        len >= 3 && memcmp(csv, "\xef\xbb\xbf", 3) == 0; /* the byte order mark of some editors */
    struct line l = { file, 1, csv + (marked ? 3 : 0), NULL };
    for (uint8_t *end = csv + len; l.start < end; l.start = l.end + 1, l.number++) {
        uint8_t *newline = memchr(l.start, '\n', (size_t)(end - l.start));
        l.end = newline ? newline : end;
        read_line(s, &l, &first_row);
    }
}

/* How the file is called in mistakes: as people would find it from where they found the settings file. */
static const char *name_for_people(struct settings *s, const char *path)
{
    size_t folder = strlen(s->folder);
    const char *slash = strrchr(s->name, '/');
    size_t shown = slash ? (size_t)(slash - s->name) + 1 : 0;
    if (strncmp(path, s->folder, folder) != 0)
        return path;
    size_t room = shown + strlen(path + folder) + 1;
    char *name = config_arena_take(&s->memory, room);
    snprintf(name, room, "%.*s%s", (int)shown, s->name, path + folder);
    return name;
}

static void follow_topics_file(struct settings *s)
{
    uint8_t *csv;
    size_t len;
    const char *why;
    const struct origin *origin = config_origin(&s->root, "topics_file");
    if (origin->bad || s->topics_file[0] == '\0')
        return;
    if (config_file_read(&s->memory, s->topics_file, &csv, &len, &why))
        config_topics_read_csv(s, name_for_people(s, s->topics_file), csv, len);
    else
        config_mistake(&s->mistakes, config_place(s, &s->root, "topics_file"),
                       "topics_file: cannot read \"%.200s\": %s", s->topics_file, why);
}

/* ---- all rows -------------------------------------------------------------------------------------------------- */

static int by_client_and_id(const void *left, const void *right)
{
    const struct topic_row *a = left, *b = right;
    bool a_all = strcmp(a->topic.client, "*") == 0, b_all = strcmp(b->topic.client, "*") == 0;
    int order = b_all - a_all;
    if (order == 0 && !a_all)
        order = strcmp(a->topic.client, b->topic.client);
    if (order == 0)
        order = (a->topic.id > b->topic.id) - (a->topic.id < b->topic.id);
    return order ? order : (a->order > b->order) - (a->order < b->order);
}

static void report_ids_given_twice(struct settings *s)
{
    const struct topic_row *first = s->topics.at;
    for (const struct topic_row *row = first + 1; row < s->topics.at + s->topics.count; row++)
        if (row->topic.id != first->topic.id || strcmp(row->topic.client, first->topic.client) != 0)
            first = row;
        else
            config_mistake(&s->mistakes, row->place,
                           "id %u of client \"%.80s\" is given twice, first at %s:%u:%u",
                           row->topic.id, row->topic.client, first->place.file, first->place.line,
                           first->place.column);
}

void config_topics_finish(struct settings *s)
{
    follow_topics_file(s);
    size_t count = s->topics.count;
    if (count == 0)
        return;
    qsort(s->topics.at, count, sizeof *s->topics.at, by_client_and_id);
    report_ids_given_twice(s);
    s->config.topics = config_arena_take(&s->memory, count * sizeof *s->config.topics);
    s->config.topic_count = count;
    for (size_t i = 0; i < count; i++)
        s->config.topics[i] = s->topics.at[i].topic;
}
