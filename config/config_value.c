/* config_value.c -- one value: the text that a person writes, and the field of a struct that the program reads.
 *
 * Both directions stand side by side, so that what --print-config writes is what the reader takes. Quantities carry
 * their unit ("30s", "64KiB"): a bare number is refused rather than guessed. A refusal says what would be right, with
 * the range from the option table. Defaults are read by the same code from the table's own text. */
#include "config/config_internal.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum { CHOICES_MAX = 16, HOST_MAX = 253 };

struct unit {
    const char *name;
    uint64_t factor;
};
static const struct unit durations[] = { { "ms", 1 },      { "s", 1000 },     { "m", 60000 },
                                         { "h", 3600000 }, { "d", 86400000 }, { NULL, 0 } };
static const struct unit sizes[] = {
    { "B", 1 }, { "KiB", 1 << 10 }, { "MiB", 1 << 20 }, { "GiB", 1 << 30 }, { NULL, 0 }
};

static bool refuse(char why[WHY_MAX], const char *text, const char *problem)
{
    snprintf(why, WHY_MAX, "\"%.80s\" %s", text, problem);
    return false;
}

static void store(const struct option *o, void *fields, uint64_t value)
{
    uint8_t *at = (uint8_t *)fields + o->at;
    if (o->width == 1)
        *at = (uint8_t)value;
    else if (o->width == 2)
        *(uint16_t *)(void *)at = (uint16_t)value;
    else if (o->width == 4)
        *(uint32_t *)(void *)at = (uint32_t)value;
    else if (o->width == 8)
        *(uint64_t *)(void *)at = value;
}

/* Digits at the start of *text, which moves behind them; false without any, or with more than fit. */
static bool take_number(const char **text, uint64_t *value)
{
    const char *start = *text;
    uint64_t n = 0;
    for (; isdigit((unsigned char)**text); ++*text)
        if (__builtin_mul_overflow(n, (uint64_t)10, &n) ||
            __builtin_add_overflow(n, (uint64_t)(**text - '0'), &n))
            return false;
    *value = n;
    return *text > start;
}

static bool take_quantity(const char *text, const struct unit *units, uint64_t *value)
{
    uint64_t number;
    if (!take_number(&text, &number))
        return false;
    for (const struct unit *u = units; u->name; u++)
        if (strcmp(text, u->name) == 0)
            return !__builtin_mul_overflow(number, u->factor, value);
    return false;
}

static void quantity_text(uint64_t value, const struct unit *units, char *text, size_t room)
{
    const struct unit *best = &units[units == durations && value == 0 ? 1 : 0];
    for (const struct unit *u = units; u->name && value > 0; u++)
        if (value % u->factor == 0)
            best = u;
    snprintf(text, room, "%" PRIu64 "%s", value / best->factor, best->name);
}

void config_value_number(const struct option *o, uint64_t value, char *text, size_t room)
{
    if (o->type == OPTION_DURATION || o->type == OPTION_SECONDS)
        quantity_text(value, durations, text, room);
    else if (o->type == OPTION_SIZE)
        quantity_text(value, sizes, text, room);
    else if (o->type == OPTION_HEX)
        snprintf(text, room, "0x%0*" PRIX64, (int)o->width * 2, value);
    else
        snprintf(text, room, "%" PRIu64, value);
}

/* The words that may be chosen now. */
static void choices_text(const struct option *o, char *text, size_t room)
{
    size_t n = 0, len;
    for (const char *word = o->words; word && n < room; word = word[len] ? word + len + 1 : NULL) {
        len = strcspn(word, "|");
        if (!config_word_listed(o->words_unbuilt, word, len))
            n += (size_t)snprintf(text + n, room - n, "%s%.*s", n > 0 ? " | " : "", (int)len, word);
    }
}

void config_value_range(const struct option *o, char *text, size_t room)
{
    char least[32], most[32];
    text[0] = '\0';
    if (o->type == OPTION_CHOICE) {
        choices_text(o, text, room);
    } else if (o->type == OPTION_FLAG) {
        snprintf(text, room, "true | false");
    } else if (o->max > 0) {
        config_value_number(o, o->min, least, sizeof least);
        config_value_number(o, o->max, most, sizeof most);
        snprintf(text, room, "%s..%s", least, most);
    }
}

static bool in_range(const struct option *o, const char *text, uint64_t value, char why[WHY_MAX])
{
    char range[80], problem[120];
    if (value >= o->min && value <= o->max)
        return true;
    config_value_range(o, range, sizeof range);
    snprintf(problem, sizeof problem, "is out of range, allowed is %s", range);
    return refuse(why, text, problem);
}

static bool read_count(const struct option *o, const char *text, void *fields, char why[WHY_MAX])
{
    uint64_t value;
    char range[80], problem[120];
    if (text[0] == '\0' || text[strspn(text, "0123456789")] != '\0') {
        config_value_range(o, range, sizeof range);
        snprintf(problem, sizeof problem, "is not a whole number, allowed is %s", range);
        return refuse(why, text, problem);
    }
    const char *end = text;
    if (!take_number(&end, &value))
        value = UINT64_MAX; /* more digits than a number has room for */
    if (!in_range(o, text, value, why))
        return false;
    store(o, fields, value);
    return true;
}

/* 0xC105, or the same in decimal where nobody would write sixteen digits without saying which. */
static bool read_hex(const struct option *o, const char *text, void *fields, char why[WHY_MAX])
{
    char range[80], problem[160];
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    const char *digits = hex ? text + 2 : text;
    size_t len = strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789");
    bool doubtful = !hex && (o->width > 2 || (digits[0] == '0' && len > 1));
    if (len == 0 || digits[len] != '\0' || doubtful) {
        config_value_range(o, range, sizeof range);
        snprintf(problem, sizeof problem, "is not a number such as %s, allowed is %s",
                 o->example ? o->example : o->preset, range);
        return refuse(why, text, problem);
    }
    errno = 0;
    uint64_t value = strtoull(digits, NULL, hex ? 16 : 10);
    if (!in_range(o, text, errno ? UINT64_MAX : value, why))
        return false;
    store(o, fields, value);
    return true;
}

static bool read_duration(const struct option *o, const char *text, void *fields, char why[WHY_MAX])
{
    uint64_t ms;
    if (!take_quantity(text, durations, &ms))
        return refuse(
            why, text,
            "is not a duration, write a number and its unit: \"500ms\", \"30s\", \"5m\", \"1h\", \"7d\"");
    if (!in_range(o, text, ms, why))
        return false;
    if (o->type == OPTION_SECONDS && ms % 1000 != 0)
        return refuse(why, text, "is not a whole number of seconds");
    store(o, fields, o->type == OPTION_SECONDS ? ms / 1000 : ms);
    return true;
}

static bool read_size(const struct option *o, const char *text, void *fields, char why[WHY_MAX])
{
    uint64_t octets;
    if (!take_quantity(text, sizes, &octets))
        return refuse(
            why, text,
            "is not a size, write a number and its unit: \"512B\", \"64KiB\", \"16MiB\", \"1GiB\"");
    if (!in_range(o, text, octets, why))
        return false;
    store(o, fields, octets);
    return true;
}

static bool read_flag(const struct option *o, const char *text, void *fields, char why[WHY_MAX])
{
    bool yes = strcmp(text, "true") == 0;
    if (!yes && strcmp(text, "false") != 0)
        return refuse(why, text, "is neither true nor false");
    store(o, fields, yes);
    return true;
}

static bool refuse_choice(struct arena *memory, const struct option *o, const char *text,
                          char why[WHY_MAX])
{
    const char *words[CHOICES_MAX];
    char range[120], problem[240];
    size_t count = config_option_choices(o, words, CHOICES_MAX, memory);
    const char *meant = config_nearest(text, words, count);
    config_value_range(o, range, sizeof range);
    if (meant)
        snprintf(problem, sizeof problem, "is none of %s, did you mean \"%s\"?", range, meant);
    else
        snprintf(problem, sizeof problem, "is none of %s", range);
    return refuse(why, text, problem);
}

static bool read_choice(struct arena *memory, const struct option *o, const char *text,
                        void *fields, char why[WHY_MAX])
{
    uint64_t index = 0;
    size_t len = strlen(text);
    for (const char *word = o->words; word; index++) {
        size_t word_len = strcspn(word, "|");
        if (len == word_len && memcmp(word, text, len) == 0) {
            if (config_word_listed(o->words_unbuilt, word, len))
                return refuse(why, text, "is not built yet in this version");
            store(o, fields, index);
            return true;
        }
        word = word[word_len] == '|' ? word + word_len + 1 : NULL;
    }
    return refuse_choice(memory, o, text, why);
}

bool config_value_endpoint(struct arena *memory, const char *text, struct config_endpoint *out)
{
    const char *end = text[0] == '[' ? strchr(text, ']') : strrchr(text, ':');
    if (!end)
        return false;
    struct span host = text[0] == '[' ? span_of(text + 1, (size_t)(end - text) - 1)
                                      : span_of(text, (size_t)(end - text));
    const char *rest = text[0] == '[' ? end + 1 : end;
    uint64_t port;
    if (*rest++ != ':' || !take_number(&rest, &port) || *rest != '\0' || port > UINT16_MAX ||
        host.len == 0)
        return false;
    out->host = config_arena_text(memory, host);
    out->port = (uint16_t)port;
    return true;
}

int config_value_literal(const char *host, char canonical[64])
{
    uint8_t address[16];
    char bare[64];
    size_t len = strcspn(host, "%"); /* "fe80::1%eth0": the scope is the system's business */
    if (len >= sizeof bare || strlen(host) >= 64 - 18)
        return 0;
    memcpy(bare, host, len);
    bare[len] = '\0';
    int family = strchr(bare, ':') ? AF_INET6 : AF_INET;
    if (inet_pton(family, bare, address) != 1 || (host[len] != '\0' && family == AF_INET))
        return 0;
    inet_ntop(family, address, canonical, 64 - 18);
    strncat(canonical, host + len, 17);
    return family;
}

bool config_value_host(const char *host)
{
    char canonical[64];
    for (const char *c = host; *c != '\0'; c++)
        if (!isalnum((unsigned char)*c) && !strchr("-._", *c))
            return config_value_literal(host, canonical) && strchr(host, ':');
    return host[0] != '\0' && strlen(host) <= HOST_MAX;
}

static bool read_listen(struct arena *memory, const char *text, struct config_endpoint *out,
                        char why[WHY_MAX])
{
    char canonical[64];
    struct config_endpoint e;
    if (!config_value_endpoint(memory, text, &e) || !config_value_literal(e.host, canonical))
        return refuse(why, text,
                      "is not an address and port, write it like \"0.0.0.0:1883\" or \"[::]:1883\"");
    if ((strchr(e.host, ':') != NULL) != (text[0] == '['))
        return refuse(why, text, "needs brackets around IPv6, and only there: \"[::]:1883\"");
    out->host = config_arena_text(memory, span_text(canonical));
    out->port = e.port;
    return true;
}

static bool is_multicast(const char *host, int family)
{
    uint8_t address[16];
    char bare[64] = "";
    strncat(bare, host, strcspn(host, "%"));
    return inet_pton(family, bare, address) == 1 &&
           (family == AF_INET ? address[0] >> 4 == 14 : address[0] == 0xff);
}

/* "group", "group:port", "[group]", "[group]:port"; port 0 stands for "that of listen" until the checks fill it in. */
static bool read_group(struct arena *memory, const char *text, struct config_endpoint *out,
                       char why[WHY_MAX])
{
    char host[64] = "";
    struct config_endpoint e = { "", 0 };
    if (text[0] == '\0') {
        *out = (struct config_endpoint){ NULL, 0 };
        return true;
    }
    size_t len = strlen(text);
    int family = config_value_literal(text, host);
    if (!family && text[0] == '[' && text[len - 1] == ']')
        family = config_value_literal(config_arena_text(memory, span_of(text + 1, len - 2)), host);
    if (!family && config_value_endpoint(memory, text, &e) && e.port > 0)
        family = config_value_literal(e.host, host);
    if (!family || !is_multicast(host, family))
        return refuse(why, text,
                      "is not a multicast group, write it like \"239.192.0.50\", \"239.192.0.50:1883\" or "
                      "\"[ff05::50]:1883\"");
    *out = (struct config_endpoint){ config_arena_text(memory, span_text(host)), e.port };
    return true;
}

static bool read_text(struct arena *memory, const struct option *o, const char *text, void *fields,
                      char why[WHY_MAX])
{
    struct config_endpoint e;
    if (o->type == OPTION_NAME && text[0] == '\0')
        return refuse(why, text, "is empty");
    if (o->type == OPTION_BIND && text[0] != '\0' && !read_listen(memory, text, &e, why))
        return false;
    const char **field = (const char **)(void *)((uint8_t *)fields + o->at);
    if (o->width > 0)
        *field = config_arena_text(memory, span_text(text));
    return true;
}

bool config_value_read(struct arena *memory, const struct option *o, const char *text, void *fields,
                       char why[WHY_MAX])
{
    void *field = (uint8_t *)fields + o->at;
    switch (o->type) {
    case OPTION_COUNT:
        return read_count(o, text, fields, why);
    case OPTION_HEX:
        return read_hex(o, text, fields, why);
    case OPTION_DURATION:
    case OPTION_SECONDS:
        return read_duration(o, text, fields, why);
    case OPTION_SIZE:
        return read_size(o, text, fields, why);
    case OPTION_FLAG:
        return read_flag(o, text, fields, why);
    case OPTION_CHOICE:
        return read_choice(memory, o, text, fields, why);
    case OPTION_LISTEN:
        return read_listen(memory, text, field, why);
    case OPTION_GROUP:
        return read_group(memory, text, field, why);
    default:
        return read_text(memory, o, text, fields, why);
    }
}
