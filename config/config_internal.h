/* config_internal.h -- what the files of the settings module share; nobody else includes it (tests and fuzzers may).
 *
 * A run of the loader fills one `struct settings`: the public struct first, and behind it where every value came from,
 * the mistakes found so far and the memory that all texts live in. */
#pragma once

#include "config/config.h"

enum { CONFIG_FILE_MAX = 16 << 20, WHY_MAX = 512, PATH_TEXT_MAX = 96 };

/* ---- config_arena.c: memory that goes away all at once --------------------------------------------------------- */

struct arena_block;
struct arena {
    struct arena_block *newest;
    size_t used;
};

/* Zeroed memory that lives until config_arena_clear; never NULL. The settings are bounded by CONFIG_FILE_MAX, so a
 * machine without room for them cannot run a gateway: says so and ends the process. */
void *config_arena_take(struct arena *a, size_t size);
const char *config_arena_text(struct arena *a, struct span text);
void config_arena_clear(struct arena *a);
/* `at` (NULL or of malloc) with room for `size` octets. Ends the process as config_arena_take. */
void *config_memory_grow(void *at, size_t size);

/* ---- config_mistakes.c ----------------------------------------------------------------------------------------- */

/* Where something stands. No file: nowhere, a default; line 0: the file as a whole. */
struct place {
    const char *file;
    uint32_t line, column;
};

struct mistake {
    struct place place;
    size_t order;
    const char *text;
};
struct mistakes {
    struct arena memory;
    struct mistake *at;
    size_t count, room;
};

void config_mistake(struct mistakes *m, struct place where, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* All of them to `out`, a line each: those of `first_file` first, then by line and column. Forgets them. */
void config_mistakes_print(struct mistakes *m, const char *first_file, FILE *out);
void config_mistakes_clear(struct mistakes *m);

/* Something that must not be named twice. */
struct named {
    const char *text;
    struct place place;
};
/* Sorts `names` and reports every text that comes again, naming both lines. `what` is "key", "radio name", ... */
void config_mistakes_twice(struct mistakes *m, const char *what, struct named *names, size_t count);

/* The word of `words` nearest to `text` by edit distance, NULL when none is near. */
const char *config_nearest(const char *text, const char *const *words, size_t count);

/* ---- config_options.c: the table ------------------------------------------------------------------------------- */

enum option_type {
    OPTION_COUNT,    /* unsigned whole number */
    OPTION_HEX,      /* the same for what people know in hexadecimal: addresses, ids */
    OPTION_DURATION, /* uint64_t of milliseconds */
    OPTION_SECONDS,  /* a duration kept as whole seconds */
    OPTION_SIZE,     /* uint64_t of octets */
    OPTION_FLAG,     /* bool */
    OPTION_CHOICE,   /* one of `words`, kept as its index */
    OPTION_TEXT,     /* UTF-8, may be empty */
    OPTION_NAME,     /* UTF-8, not empty */
    OPTION_PATH,     /* a file name, made absolute; "" = none */
    OPTION_FILE,     /* the same, and the file must be readable */
    OPTION_LISTEN,   /* struct config_endpoint: literal address and port */
    OPTION_BIND,     /* the same kept as text, "" = off */
    OPTION_GROUP,    /* struct config_endpoint: group address with or without a port */
    OPTION_FILTERS,  /* list of topic filters: pointer, and the count at `count_at` */
    OPTION_LIST,     /* list of texts, likewise */
    OPTION_TOPICS,   /* the table of predefined topic ids */
};

enum option_scope { SCOPE_ROOT, SCOPE_RADIO, SCOPE_CLIENT, SCOPES };

struct option {
    const char *path; /* "limits.retry.count"; "radios[].name" in each item of a list */
    enum option_type type;
    size_t at, width; /* the field: offset and size in the struct of its scope */
    uint64_t min,
        max; /* COUNT, HEX; DURATION and SECONDS in ms; SIZE in octets. A field below min was left out */
    const char *words; /* CHOICE: "udp|dtls|xbee" */
    const char *words_unbuilt; /* CHOICE: those of them that this version cannot do yet, "dtls"; NULL = none */
    unsigned drivers; /* radios[]: bit n = it means something to enum config_driver n; 0 = to all */
    size_t count_at;
    const char *preset; /* as one would write it; NULL: nothing to set, `absent` says what that means */
    const char *absent;
    const char *example; /* for the sample, when better than the preset */
    const char *help;
};

struct option_range {
    const struct option *first;
    size_t count;
};
/* The options of a list's items; for SCOPE_ROOT the whole table. */
struct option_range config_options(enum option_scope scope);
const struct option *config_option_find(const char *path);
/* Is there an option below `path`, as "limits.retry" or "radios[]"? */
bool config_option_section(const char *path);
/* The words that may follow `prefix` ("" or "limits."), each once; returns how many of at most `room`. */
size_t config_option_words(const char *prefix, const char **words, size_t room, struct arena *memory);
/* The words of a choice, taken apart. */
size_t config_option_choices(const struct option *o, const char **words, size_t room,
                             struct arena *memory);
/* Does the option of a radio mean anything to this driver? */
bool config_option_applies(const struct option *o, enum config_driver driver);
/* "xbee | znp" for the drivers of an option; "" for all. */
void config_option_drivers(const struct option *o, char *text, size_t room);
/* Is `word`, of `len` octets, one of "a|b|c"? NULL holds none. */
bool config_word_listed(const char *words, const char *word, size_t len);

/* ---- config_value.c: one value, text to field and back ----------------------------------------------------------- */

/* Sets the field of `o` in `fields`; false: `why` says what is wrong and what would be right. */
bool config_value_read(struct arena *memory, const struct option *o, const char *text, void *fields,
                       char why[WHY_MAX]);
/* A number of the option's type as one would write it: "15m", "64KiB", "3". */
void config_value_number(const struct option *o, uint64_t value, char *text, size_t room);
/* In double quotes, as YAML reads it back. */
void config_value_quote(const char *text, FILE *out);
/* The values allowed, "1..255" or "udp | dtls"; "" when any text is. */
void config_value_range(const struct option *o, char *text, size_t room);
/* Takes "host:port" or "[host]:port" apart; false without a port when one is needed, or with a bad one. */
bool config_value_endpoint(struct arena *memory, const char *text, struct config_endpoint *out);
/* A host name or a literal address, IPv6 without brackets. */
bool config_value_host(const char *host);
/* The address family of a literal address, its own canonical spelling in `canonical`; 0 when it is none. */
int config_value_literal(const char *host, char canonical[64]);

/* ---- the run --------------------------------------------------------------------------------------------------- */

struct origin {
    uint32_t line, column; /* 0: a default */
    bool bad;              /* reported already; what depends on it is not worth checking */
};

/* One filled struct of a scope, and where each of its options came from. */
struct object {
    enum option_scope scope;
    void *fields;
    struct origin *origins; /* one for each option of the scope */
    struct place place;
};

struct topic_row {
    struct config_topic topic;
    struct place place;
    uint32_t order;
};
struct topic_rows {
    struct topic_row *at;
    size_t count, room;
};

struct settings {
    struct config config; /* first: a struct config that we gave away is a struct settings */
    struct arena memory;
    struct mistakes mistakes;
    struct object root, *radios, *clients;
    struct config_radio radio_preset;
    const char *topics_file;
    struct topic_rows topics;
    const char *name;   /* the settings file, in messages */
    const char *folder; /* where relative file names start: "" or with a '/' at its end */
    bool confined;      /* read from memory: opens no file outside `folder` */
};

/* config.c. Where `path` of an object came from; its place in the settings file. */
struct origin *config_origin(const struct object *o, const char *path);
struct place config_place(const struct settings *s, const struct object *o, const char *path);
/* Makes ready one struct of a scope, with no origins yet. */
void config_object_init(struct settings *s, struct object *o, enum option_scope scope, void *fields);

/* Was the option set in the file? Has its value been refused already? */
bool config_given(const struct object *o, const char *path);
bool config_refused(const struct object *o, const char *path);
/* "`path` `problem`" where the option was set; from here on it is refused. */
void config_complain(struct settings *s, const struct object *o, const char *path,
                     const char *problem);
/* Where the item says so, or else the item itself: two items may be alike in what they leave out. */
struct place config_place_or_item(const struct settings *s, const struct object *item,
                                  const char *path);

/* config_file.c. The path that `name` means, beside the settings file unless absolute. */
const char *config_file_resolve(struct settings *s, const char *name);
/* Settings read from memory open no file outside their folder. */
bool config_file_allowed(const struct settings *s, const char *name);
/* Reads the whole file, a NUL behind it; the bytes may be changed. False: *why is a text such as that of errno. */
bool config_file_read(struct arena *memory, const char *path, uint8_t **content, size_t *len,
                      const char **why);
bool config_file_readable(const char *path, const char **why);

/* config_yaml.c: the settings file itself, into `s`; config_read.c: its one document. */
void config_yaml_read(struct settings *s, struct span yaml);
struct yaml_document_s;
void config_read_document(struct settings *s, struct yaml_document_s *document);

/* config_topics.c: the table of predefined topic ids. */
void config_topics_add(struct settings *s, struct topic_row row);
/* Checks one row's parts; mistakes at `where`. */
bool config_topics_id(struct settings *s, struct place where, struct span text, uint16_t *id);
bool config_topics_name(struct settings *s, struct place where, struct span topic);
bool config_topics_client(struct settings *s, struct place where, struct span client);
/* The rows of a topics_file. `csv` must have a NUL behind it, is changed, and the rows point into it. */
void config_topics_read_csv(struct settings *s, const char *file, uint8_t *csv, size_t len);
/* Follows topics_file, sorts all rows, reports those given twice, hands them to s->config. */
void config_topics_finish(struct settings *s);

/* config_print.c. Closes the sections of `before` (NULL at first) and opens those of `path`, as far as they differ;
 * returns the last word of `path`. `*indent` becomes the column of its key. */
const char *config_print_sections(const char *before, const char *path, int *indent, FILE *out);

/* config_check.c, config_check_radio.c: what no option can see alone. Also fills in what depends on other options. */
void config_check(struct settings *s);
void config_check_radios(struct settings *s);
