/* config_mistakes.c -- what is wrong with the settings, and which word was meant.
 *
 * All mistakes of one run are collected and written at the end in the order of the file, so that somebody who mends a
 * settings file reads down one list beside it. A mistake is one line whatever bytes it quotes: what could move the
 * cursor of a terminal or break the line is shown as '?'. */
#include "config/config_internal.h"

#include <stdarg.h>
#include <stdlib.h>

enum { WORD_MAX = 48 };

/* The length of the UTF-8 character at the start of `text`, 0 when there is none. */
static size_t character(const char *text)
{
    for (size_t n = 1; n <= 4 && text[n - 1] != '\0'; n++)
        if (utf8_valid(span_of(text, n)))
            return n;
    return 0;
}

static bool moves_the_cursor(const char *text)
{
    uint8_t first = (uint8_t)text[0];
    return first < 0x20 || first == 0x7f || (first == 0xc2 && (uint8_t)text[1] < 0xa0);
}

static void make_printable(char *line)
{
    char *to = line;
    for (const char *from = line; *from != '\0';) {
        size_t n = character(from);
        if (n == 0 || moves_the_cursor(from)) {
            *to++ = '?';
            from += n ? n : 1;
            continue;
        }
        memmove(to, from, n);
        to += n;
        from += n;
    }
    *to = '\0';
}

void config_mistake(struct mistakes *m, struct place where, const char *format, ...)
{
    char line[2 * WHY_MAX];
    va_list list;
    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    make_printable(line);
    if (m->count == m->room) {
        m->room = m->room ? 2 * m->room : 16;
        m->at = config_memory_grow(m->at, m->room * sizeof *m->at);
    }
    const char *text = config_arena_text(&m->memory, span_text(line));
    m->at[m->count] = (struct mistake){ where, m->count, text };
    m->count++;
}

static int by_number(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int by_place(const struct place *a, const struct place *b)
{
    int order = by_number(a->line, b->line);
    return order ? order : by_number(a->column, b->column);
}

static int by_mistake(const void *left, const void *right, void *context)
{
    const struct mistake *a = left, *b = right;
    const char *const *first_file = context;
    bool a_other = strcmp(a->place.file, *first_file) != 0;
    bool b_other = strcmp(b->place.file, *first_file) != 0;
    int order = by_number(a_other, b_other);
    if (order == 0)
        order = by_place(&a->place, &b->place);
    return order ? order : by_number(a->order, b->order);
}

void config_mistakes_print(struct mistakes *m, const char *first_file, FILE *out)
{
    if (m->count > 0)
        qsort_r(m->at, m->count, sizeof *m->at, by_mistake, &first_file);
    for (size_t i = 0; i < m->count; i++) {
        const struct place *p = &m->at[i].place;
        if (p->line == 0)
            fprintf(out, "%s: %s\n", p->file, m->at[i].text);
        else
            fprintf(out, "%s:%u:%u: %s\n", p->file, p->line, p->column, m->at[i].text);
    }
    config_mistakes_clear(m);
}

void config_mistakes_clear(struct mistakes *m)
{
    free(m->at);
    config_arena_clear(&m->memory);
    *m = (struct mistakes){ 0 };
}

static int by_name(const void *left, const void *right)
{
    const struct named *a = left, *b = right;
    int order = strcmp(a->text, b->text);
    return order ? order : by_place(&a->place, &b->place);
}

void config_mistakes_twice(struct mistakes *m, const char *what, struct named *names, size_t count)
{
    if (count < 2)
        return;
    qsort(names, count, sizeof *names, by_name);
    const struct named *first = names;
    for (const struct named *n = names + 1; n < names + count; n++)
        if (strcmp(n->text, first->text) != 0)
            first = n;
        else
            config_mistake(m, n->place, "%s \"%.80s\" is given twice, first in line %u", what,
                           n->text, first->place.line);
}

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Optimal string alignment: insertions, deletions, replacements and swaps of neighbours, three rows at a time. */
static size_t edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t rows[3][WORD_MAX + 1] = { { 0 } };
    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *over = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            row[j] = least(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && over[j - 2] + 1 < row[j])
                row[j] = over[j - 2] + 1;
        }
    }
    return rows[a_len % 3][b_len];
}

const char *config_nearest(const char *text, const char *const *words, size_t count)
{
    size_t len = strnlen(text, WORD_MAX + 1);
    size_t best = (len + 2) / 3 + 1;
    const char *nearest = NULL;
    for (size_t i = 0; i < count && len <= WORD_MAX; i++) {
        size_t word_len = strlen(words[i]);
        size_t distance = word_len <= WORD_MAX ? edit_distance(text, len, words[i], word_len) : best;
        if (distance < best) {
            best = distance;
            nearest = words[i];
        }
    }
    return nearest;
}
