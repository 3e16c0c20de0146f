/* options.h -- command line options of the tools as one table that is read, checked and printed by --help. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OPTIONS_MAX = 48, OPTION_LIST_MAX = 64 };

/* Exit codes of all tools, as their manual pages list them. */
enum exit_code {
    EXIT_DONE = 0,
    EXIT_LOCAL = 1,      /* unknown host, unreadable file, no permission, no memory */
    EXIT_USAGE = 2,      /* wrong options */
    EXIT_UNANSWERED = 3, /* the gateway did not answer */
    EXIT_REFUSED = 4,    /* the gateway answered with a return code that is not "accepted" */
    EXIT_ENDED = 5,      /* the gateway ended the connection */
    EXIT_TOO_LATE = 6    /* the time given was over before everything had arrived */
};

enum option_kind {
    OPTION_FLAG,   /* bool */
    OPTION_TEXT,   /* const char * */
    OPTION_NUMBER, /* uint32_t, min..max */
    OPTION_QOS,    /* uint8_t, 0..2, and -1 when min is -1 */
    OPTION_LIST    /* struct option_list; may be given again and again */
};

struct option_list {
    const char *at[OPTION_LIST_MAX];
    size_t count;
};

struct option_row {
    const char *name; /* of the long option */
    char letter;      /* 0: none */
    enum option_kind kind;
    void *to;
    int64_t min, max;
    const char *value; /* its name in the help */
    const char *help;
};

/* A program's options. `rows` is filled by options_add. */
struct options {
    const char *program, *about, *examples;
    struct option_row rows[OPTIONS_MAX];
    size_t count;
};

void options_add(struct options *o, const struct option_row *rows, size_t count);

/* Reads the command line into what the rows point to. True: go on. False: leave with *exit_code; --help, --version or
 * the mistake has been printed. */
bool options_parse(const struct options *o, int argc, char **argv, enum exit_code *exit_code);

/* A whole number of `text`, min..max; false when it is anything else. */
bool option_number(const char *text, int64_t min, int64_t max, int64_t *number);

/* Prints "program: ..." to standard error, with what to do instead. */
void tool_complain(const char *program, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
