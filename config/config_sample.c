/* config_sample.c -- the sample settings file and the SETTINGS section of the manual page.
 *
 * Both are the option table in other clothes. In the sample every value is commented out by one '#' before its key:
 * taking the '#' away is all it takes to set it, and a file that was never touched means the defaults of the version
 * that runs, not those of the version that wrote it. config/gateway.yaml is this output; a test holds them together. */
#include "config/config_internal.h"

#include <stdlib.h>

enum { HELP_COLUMN = 42, SAMPLE_WIDTH = 120 };

static bool is_bare(enum option_type type)
{
    return type == OPTION_COUNT || type == OPTION_HEX || type == OPTION_FLAG ||
           type == OPTION_CHOICE || type == OPTION_FILTERS || type == OPTION_LIST;
}

/* What stands behind the key: the default, or an example where the default is nothing. */
static const char *sample_value(const struct option *o)
{
    bool shows_preset = !o->example || (o->preset && o->preset[0] != '\0');
    return shows_preset ? o->preset : o->example;
}

static void describe(const struct option *o, FILE *out)
{
    char range[120];
    config_value_range(o, range, sizeof range);
    fputs(o->help, out);
    if (range[0] != '\0' && o->type != OPTION_FLAG)
        fprintf(out, "; %s", range);
    if (o->absent && (o->type == OPTION_COUNT || o->type == OPTION_HEX || o->type == OPTION_CHOICE))
        fprintf(out, "; absent = %s", o->absent);
}

/* A line of the sample: the text up to the help, which begins at its column or a blank later and wraps. */
static void print_with_help(const char *start, const struct option *o, FILE *out)
{
    char *help = NULL;
    size_t len = 0;
    FILE *text = open_memstream(&help, &len);
    if (!text)
        return;
    describe(o, text);
    fclose(text);
    int column = fprintf(out, "%-*s # ", HELP_COLUMN - 1, start);
    for (char *word = strtok(help, " "), *first = word; word; word = strtok(NULL, " ")) {
        if (word != first && column + (int)strlen(word) > SAMPLE_WIDTH)
            column = fprintf(out, "\n%*s # ", HELP_COLUMN - 1, "") - 1;
        else if (word != first)
            fputc(' ', out);
        column += fprintf(out, "%s", word) + 1;
    }
    fputc('\n', out);
    free(help);
}

/* `lead` is what stands before the key. */
static void print_sample_line(const char *lead, const struct option *o, const char *value,
                              bool help, FILE *out)
{
    char *start = NULL;
    size_t len = 0;
    FILE *text = open_memstream(&start, &len);
    if (!text)
        return;
    fprintf(text, "%s%s: ", lead, strrchr(o->path, '.') ? strrchr(o->path, '.') + 1 : o->path);
    if (is_bare(o->type))
        fputs(value, text);
    else
        config_value_quote(value, text);
    fclose(text);
    if (help)
        print_with_help(start, o, out);
    else
        fprintf(out, "%s\n", start);
    free(start);
}

static void print_sample_option(const struct option *o, const char *before, FILE *out)
{
    char lead[32];
    int indent;
    config_print_sections(before, o->path, &indent, out);
    bool item = strstr(o->path, "[].");
    bool first = item && (!before || strncmp(before, o->path, strcspn(o->path, ".")) != 0);
    if (first)
        fprintf(out, "\n%.*s:\n", (int)strcspn(o->path, "["), o->path);
    snprintf(lead, sizeof lead, "%*s#%s", indent, "", !item ? "" : first ? "- " : "  ");
    print_sample_line(lead, o, sample_value(o), true, out);
}

/* Radios are of different kinds. One of each shows what the ones before it did not; help stands where a key is shown
 * first. */
static const struct kind {
    enum config_driver driver;
    const char *about, *name, *word, *port;
} kinds[] = {
    { DRIVER_UDP, "UDP: the network that is there", "lan", "udp", NULL },
    { DRIVER_XBEE, "a ZigBee coordinator; znp, ezsp and deconz have the same settings", "field",
      "xbee", "/dev/serial/by-id/usb-FTDI_FT231X_USB_UART_D30A4K2Q-if00-port0" },
    { DRIVER_SERIAL, "MQTT-SN straight over a serial line, without ZigBee", "bridge", "serial",
      "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A50285BI-if00-port0" },
};

static bool shown_before(const struct option *o, const struct kind *now)
{
    bool shown = false;
    for (const struct kind *k = kinds; k < now; k++)
        shown |= config_option_applies(o, k->driver);
    return shown;
}

/* What a kind has of its own; NULL: nothing. */
static const char *own_value(const struct kind *k, const struct option *o)
{
    if (strcmp(o->path, "radios[].name") == 0)
        return k->name;
    if (strcmp(o->path, "radios[].driver") == 0)
        return k->word;
    return strcmp(o->path, "radios[].port") == 0 ? k->port : NULL;
}

static void print_sample_kind(const struct kind *k, FILE *out)
{
    struct option_range options = config_options(SCOPE_RADIO);
    const char *lead = "  #- ";
    fprintf(out, "  # %s\n", k->about);
    for (const struct option *o = options.first; o < options.first + options.count; o++) {
        const char *own = own_value(k, o);
        bool first = !shown_before(o, k);
        if (!config_option_applies(o, k->driver) || (!own && !first))
            continue;
        print_sample_line(lead, o, own ? own : sample_value(o), first, out);
        lead = "  #  ";
    }
}

static void print_sample_radios(FILE *out)
{
    fputs("\nradios:\n", out);
    for (const struct kind *k = kinds; k < kinds + sizeof kinds / sizeof *kinds; k++)
        print_sample_kind(k, out);
}

static void print_sample_topics(const struct option *o, FILE *out)
{
    fputc('\n', out);
    print_with_help("topics:", o, out);
    fputs("  #\"*\":\n"
          "  #  1: \"greenhouse/all/alarm\"\n",
          out);
    fprintf(out, "%-*s # {client} is replaced by the client id\n", HELP_COLUMN - 1,
            "  #  2: \"greenhouse/{client}/temperature\"");
    fputs("  #sensor-7:\n"
          "  #  1: \"greenhouse/7/alarm\"\n",
          out);
}

void config_print_sample(FILE *out)
{
    struct option_range options = config_options(SCOPE_ROOT);
    const char *before = NULL;
    fputs("# Settings of mqttsn-gateway. Every setting has a default, shown here, or an example where\n"
          "# the default is nothing; to set one, take away the '#' before its key.\n"
          "# Durations: \"500ms\" \"30s\" \"5m\" \"1h\" \"7d\"; sizes: \"512B\" \"64KiB\" \"16MiB\" \"1GiB\".\n"
          "# After a change: `mqttsn-gateway --check`, then reload the service.\n"
          "\n",
          out);
    for (const struct option *o = options.first; o < options.first + options.count; o++) {
        if (o->type == OPTION_TOPICS)
            print_sample_topics(o, out);
        else if (strcmp(o->path, "radios[].name") == 0)
            print_sample_radios(out);
        else if (strncmp(o->path, "radios[].", 9) != 0)
            print_sample_option(o, before, out);
        before = o->path;
    }
}

/* Text of the table as troff takes it: a backslash would begin a command. */
static void print_troff(const char *text, FILE *out)
{
    for (const char *c = text; *c != '\0'; c++)
        if (*c == '\\' || *c == '-')
            fprintf(out, *c == '-' ? "\\-" : "\\e");
        else
            fputc(*c, out);
}

static void print_manual_option(const struct option *o, FILE *out)
{
    char range[120], drivers[80];
    config_value_range(o, range, sizeof range);
    config_option_drivers(o, drivers, sizeof drivers);
    fprintf(out, ".TP\n.B %s\n", o->path);
    print_troff(o->help, out);
    fputs(".\n", out);
    if (range[0] != '\0')
        fprintf(out, "Allowed: %s.\n", range);
    if (o->words_unbuilt)
        fprintf(out, "Not built yet in this version: %s.\n", o->words_unbuilt);
    if (o->preset)
        fprintf(out, "Default: %s%s.\n", o->preset, o->preset[0] == '\0' ? "empty" : "");
    else if (o->absent)
        fprintf(out, "Default: %s.\n", o->absent);
    if (drivers[0] != '\0')
        fprintf(out, "For driver: %s.\n", drivers);
}

void config_print_manual(FILE *out)
{
    struct option_range options = config_options(SCOPE_ROOT);
    fputs(".SH SETTINGS\n"
          "Settings are YAML; every key has a default and an empty file works.\n"
          "Durations are written like \"500ms\", \"30s\", \"5m\", \"1h\" or \"7d\", sizes like \"512B\", \"64KiB\",\n"
          "\"16MiB\" or \"1GiB\".\n"
          "A dot stands for a deeper level, [] for each item of a list.\n"
          "File names that do not begin with / are beside the settings file.\n",
          out);
    for (const struct option *o = options.first; o < options.first + options.count; o++)
        print_manual_option(o, out);
}
