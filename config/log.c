/* log.c -- one line to standard error for each event.
 *
 * A line leaves in a single write(2), so that lines of two processes on one terminal never mix and nothing is lost in
 * a buffer when the process dies. Three layouts: for people (time, level, text), for the journal ("<N>text", since it
 * keeps the time itself), and JSON objects for collectors.
 *
 * Whatever the caller put into a line, it stays one line of well-formed UTF-8: control characters and broken bytes
 * are written as \xNN here, for all layouts alike. log_text is stricter: it also doubles the backslash, so that the
 * original bytes can be read back, and it cuts. */
#include "config/log.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    LINE_MAX_OCTETS = 2048,
    TEXT_MAX_OCTETS = 200,
    TEXT_RING = 8,
    ESCAPE_OCTETS = 4, /* of \xNN */
    LINES_PER_SECOND = 10,
    TIME_OCTETS = 64,
};

enum layout { LAYOUT_TEXT, LAYOUT_JOURNAL, LAYOUT_JSON };

static const struct level {
    const char *name;
    char syslog;
} levels[] = {
    [LEVEL_ERROR] = { "error", '3' }, [LEVEL_WARN] = { "warn", '4' },
    [LEVEL_INFO] = { "info", '6' },   [LEVEL_DEBUG] = { "debug", '7' },
    [LEVEL_TRACE] = { "trace", '7' },
};

static struct {
    enum config_level level;
    enum layout layout;
} now_in_use = { LEVEL_INFO, LAYOUT_TEXT };

void log_setup(enum config_level level, bool json)
{
    const bool journal = !isatty(STDERR_FILENO) && getenv("JOURNAL_STREAM");
    now_in_use.level = level;
    now_in_use.layout = json ? LAYOUT_JSON : journal ? LAYOUT_JOURNAL : LAYOUT_TEXT;
}

bool log_wants(enum config_level level)
{
    return level <= now_in_use.level;
}

/* ---- bytes to printable text ---- */

/* Characters that move the cursor, turn the writing direction or show nothing: they let a peer forge what a person
 * reads. Below U+0080 only the control characters. */
static const struct range {
    uint32_t first, last;
} unprintable[] = {
    { 0x00, 0x1f },     { 0x7f, 0x9f },     { 0xad, 0xad },
    { 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f },
    { 0xfeff, 0xfeff }, { 0xfff0, 0xfffc }, { 0xe0000, 0x10ffff },
};

static size_t length_by_lead(uint8_t lead)
{
    return lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
}

static uint32_t code_point(struct span character)
{
    static const uint8_t lead_bits[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
    uint32_t c = character.at[0] & lead_bits[character.len];
    for (size_t i = 1; i < character.len; i++)
        c = c << 6 | (character.at[i] & 0x3fu);
    return c;
}

static bool printable(struct span character)
{
    const uint32_t c = code_point(character);
    for (size_t i = 0; i < sizeof unprintable / sizeof unprintable[0]; i++)
        if (c >= unprintable[i].first && c <= unprintable[i].last)
            return false;
    return true;
}

/* Takes one printable character off `in`, or fails and takes nothing. */
static struct span take_character(struct reader *in)
{
    struct reader ahead = *in;
    const struct span c = read_span(&ahead, length_by_lead(in->at[0]));
    /* utf8_valid refuses U+0000, which is well-formed but not printable either way. */
    if (ahead.failed || !utf8_valid(c) || !printable(c))
        return span_of(NULL, 0);
    *in = ahead;
    return c;
}

static void write_escaped(struct writer *w, uint8_t octet)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t text[ESCAPE_OCTETS] = { '\\', 'x', (uint8_t)digits[octet >> 4],
                                          (uint8_t)digits[octet & 15] };
    write_span(w, span_of(text, sizeof text));
}

/* Writes as much of `bytes` as fits, never half a character, and says whether that was all. */
static bool write_printable(struct writer *w, struct span bytes, bool double_backslash)
{
    struct reader in = reader_of(bytes);
    while (in.left > 0 && !w->failed) {
        const struct span c = take_character(&in);
        if (c.len == 0)
            write_escaped(w, read_u8(&in));
        else if (c.at[0] == '\\' && double_backslash)
            write_span(w, span_text("\\\\"));
        else
            write_span(w, c);
    }
    return !w->failed;
}

const char *log_text(struct span bytes)
{
    static char ring[TEXT_RING][TEXT_MAX_OCTETS + sizeof "..."];
    static unsigned next;
    char *line = ring[next++ % TEXT_RING];
    struct writer w = writer_of(line, TEXT_MAX_OCTETS);
    const bool whole = write_printable(&w, bytes, true);
    memcpy(w.at, whole ? "" : "...", whole ? 1 : sizeof "...");
    return line;
}

/* ---- a line ---- */

/* Standard error may be a pipe whose reader sleeps, and nothing may block the loop: what has no room is lost, and the
 * next line that has says so. */
static bool has_room(void)
{
    struct pollfd out = { .fd = STDERR_FILENO, .events = POLLOUT };
    return poll(&out, 1, 0) > 0;
}

static void write_all(struct span line)
{
    while (line.len > 0) {
        const ssize_t n = write(STDERR_FILENO, line.at, line.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return; /* nowhere left to complain to */
        line = span_of(line.at + n, line.len - (size_t)n);
    }
}

static void put(struct span line)
{
    static unsigned long lost;
    char told[96];
    if (!has_room()) {
        lost++;
        return;
    }
    if (lost > 0) {
        snprintf(told, sizeof told, "(%lu log lines before this one found no reader)\n", lost);
        write_all(span_text(told));
        lost = 0;
    }
    write_all(line);
}

static const char *time_text(char *text)
{
    struct timespec t;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &t);
    gmtime_r(&t.tv_sec, &utc);
    char seconds[TIME_OCTETS / 2];
    strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text, TIME_OCTETS, "%s.%03ldZ", seconds, t.tv_nsec / 1000000);
    return text;
}

static void put_json(enum config_level level, const char *text)
{
    char time_now[TIME_OCTETS];
    json_t *object = json_pack("{s:s, s:s, s:s}", "time", time_text(time_now), "level",
                               levels[level].name, "text", text);
    char *body = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
    json_decref(object);
    char *line = NULL;
    const int len = body ? asprintf(&line, "%s\n", body) : -1;
    free(body);
    if (len < 0)
        return;
    put(span_of(line, (size_t)len));
    free(line);
}

static void put_text(enum config_level level, const char *text)
{
    char time_now[TIME_OCTETS], line[LINE_MAX_OCTETS + TIME_OCTETS + sizeof "error"];
    const int len = now_in_use.layout == LAYOUT_JOURNAL
                        ? snprintf(line, sizeof line, "<%c>%s\n", levels[level].syslog, text)
                        : snprintf(line, sizeof line, "%s %-5s %s\n", time_text(time_now),
                                   levels[level].name, text);
    put(span_of(line, (size_t)len));
}

static void log_line(enum config_level level, const char *format, va_list values)
    __attribute__((format(printf, 2, 0)));

static void log_line(enum config_level level, const char *format, va_list values)
{
    if (!log_wants(level))
        return;
    const int error = errno; /* a log line must not change what the caller asks next */
    char raw[LINE_MAX_OCTETS], text[LINE_MAX_OCTETS];
    vsnprintf(raw, sizeof raw, format, values);
    struct writer w = writer_of(text, sizeof text - 1);
    write_printable(&w, span_text(raw), false);
    *w.at = '\0';
    if (now_in_use.layout == LAYOUT_JSON)
        put_json(level, text);
    else
        put_text(level, text);
    errno = error;
}

void log_error(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    log_line(LEVEL_ERROR, format, values);
    va_end(values);
}

void log_warn(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    log_line(LEVEL_WARN, format, values);
    va_end(values);
}

void log_info(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    log_line(LEVEL_INFO, format, values);
    va_end(values);
}

void log_debug(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    log_line(LEVEL_DEBUG, format, values);
    va_end(values);
}

void log_trace(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    log_line(LEVEL_TRACE, format, values);
    va_end(values);
}

bool log_allows(struct log_limit *l, uint64_t now_ms, uint32_t *suppressed)
{
    if (now_ms - l->began_ms >= 1000) {
        l->began_ms = now_ms;
        l->lines = 0;
    }
    if (l->lines == LINES_PER_SECOND) {
        l->suppressed++;
        return false;
    }
    l->lines++;
    *suppressed = l->suppressed;
    l->suppressed = 0;
    return true;
}
