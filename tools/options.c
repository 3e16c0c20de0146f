/* options.c -- command line options of the tools.
 *
 * A program lists its options once: name, letter, kind, range, where the value goes, help. getopt_long's tables, the
 * checks and --help are all made from that list, so that they cannot disagree. --help and --version belong to every
 * program. A wrong value names the option, the value and what would be right. */
#include "tools/options.h"

#include "mqttsn/message.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOOL_VERSION "0.1.0"

enum {
    FIRST = 256,
    HELP = FIRST + OPTIONS_MAX,
    VERSION
}; /* what getopt_long returns: FIRST + row */

void tool_complain(const char *program, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fflush(stdout);
    fprintf(stderr, "%s: ", program);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

void options_add(struct options *o, const struct option_row *rows, size_t count)
{
    assert(o->count + count <= OPTIONS_MAX);
    memcpy(o->rows + o->count, rows, count * sizeof *rows);
    o->count += count;
}

bool option_number(const char *text, int64_t min, int64_t max, int64_t *number)
{
    char *end = NULL;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || n < min || n > max)
        return false;
    *number = n;
    return true;
}

static void print_row(const struct option_row *row)
{
    char left[48];
    const char *value = row->value ? row->value : "";
    snprintf(left, sizeof left, "%c%c%s --%s%s%s", row->letter ? '-' : ' ',
             row->letter ? row->letter : ' ', row->letter ? "," : " ", row->name,
             row->value ? " " : "", value);
    printf("  %-28s %s\n", left, row->help);
}

static void print_help(const struct options *o)
{
    printf("Usage: %s [OPTION]...\n%s\n\nOptions:\n", o->program, o->about);
    for (size_t i = 0; i < o->count; i++)
        print_row(&o->rows[i]);
    print_row(&(struct option_row){ .name = "help", .help = "show this help and leave" });
    print_row(&(struct option_row){ .name = "version", .help = "show the version and leave" });
    printf("\nExamples:\n%s", o->examples);
}

static bool take_number(const struct options *o, const struct option_row *row, const char *value,
                        int64_t *number)
{
    if (option_number(value, row->min, row->max, number))
        return true;
    tool_complain(o->program, "--%s %s: must be a whole number from %lld to %lld", row->name, value,
                  (long long)row->min, (long long)row->max);
    return false;
}

static bool take_list(const struct options *o, const struct option_row *row, const char *value)
{
    struct option_list *list = row->to;
    if (list->count == OPTION_LIST_MAX) {
        tool_complain(o->program, "--%s may be given %d times at most", row->name, OPTION_LIST_MAX);
        return false;
    }
    list->at[list->count++] = value;
    return true;
}

static bool take(const struct options *o, const struct option_row *row, const char *value)
{
    int64_t number = 0;
    switch (row->kind) {
    case OPTION_FLAG:
        *(bool *)row->to = true;
        return true;
    case OPTION_TEXT:
        *(const char **)row->to = value;
        return true;
    case OPTION_LIST:
        return take_list(o, row, value);
    case OPTION_NUMBER:
        if (!take_number(o, row, value, &number))
            return false;
        *(uint32_t *)row->to = (uint32_t)number;
        return true;
    case OPTION_QOS:
        if (!take_number(o, row, value, &number))
            return false;
        *(uint8_t *)row->to = number < 0 ? MQTTSN_QOS_MINUS_ONE : (uint8_t)number;
        return true;
    }
    return false;
}

/* The tables that getopt_long wants. */
struct getopt_tables {
    struct option longs[OPTIONS_MAX + 3];
    char letters[2 * OPTIONS_MAX + 2];
};

static void make_tables(const struct options *o, struct getopt_tables *t)
{
    size_t n = 0;
    *t = (struct getopt_tables){ .letters = "" };
    for (size_t i = 0; i < o->count; i++) {
        const struct option_row *row = &o->rows[i];
        bool valued = row->kind != OPTION_FLAG;
        int argument = valued ? required_argument : no_argument;
        t->longs[i] = (struct option){ row->name, argument, NULL, FIRST + (int)i };
        if (row->letter)
            t->letters[n++] = row->letter;
        if (row->letter && valued)
            t->letters[n++] = ':';
    }
    t->longs[o->count] = (struct option){ "help", no_argument, NULL, HELP };
    t->longs[o->count + 1] = (struct option){ "version", no_argument, NULL, VERSION };
}

static const struct option_row *row_of(const struct options *o, int chosen)
{
    for (size_t i = 0; i < o->count; i++)
        if (chosen == FIRST + (int)i || chosen == o->rows[i].letter)
            return &o->rows[i];
    return NULL;
}

bool options_parse(const struct options *o, int argc, char **argv, enum exit_code *exit_code)
{
    struct getopt_tables tables;
    make_tables(o, &tables);
    int chosen;
    *exit_code = EXIT_DONE;
    while ((chosen = getopt_long(argc, argv, tables.letters, tables.longs, NULL)) != -1) {
        const struct option_row *row = row_of(o, chosen);
        if (chosen == HELP || chosen == VERSION) {
            if (chosen == HELP)
                print_help(o);
            else
                printf("%s %s\n", o->program, TOOL_VERSION);
            return false;
        }
        if (!row || !take(o, row, optarg)) {
            *exit_code = EXIT_USAGE; /* getopt_long or take has said what is wrong */
            fprintf(stderr, "Try '%s --help'.\n", o->program);
            return false;
        }
    }
    if (optind == argc)
        return true;
    tool_complain(o->program, "%s: options begin with '-'; try '%s --help'", argv[optind],
                  o->program);
    *exit_code = EXIT_USAGE;
    return false;
}
