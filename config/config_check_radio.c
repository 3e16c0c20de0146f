/* config_check_radio.c -- what no option of a radio can see alone.
 *
 * Radios are of different kinds, and the option table says which of their settings means something to which driver. One
 * that means nothing is a mistake rather than ignored: whoever sets a channel for UDP believes in a radio that is not
 * there. What remains is held together here: ports, groups, ids, and that no two radios want the same thing. Whether a
 * port exists is not asked: an adapter may be plugged in later, and the driver waits for it. */
#include "config/config_internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <unistd.h>

enum { RADIOS_MAX = 255, IP_MESSAGE_MAX = 1400, KEY_DIGITS = 32 };

/* What XBee nodes speak when nobody told them otherwise, and the cluster that they send back by themselves. */
enum { PROFILE_DIGI = 0xC105, CLUSTER_LOOPBACK = 0x0012 };

static bool speaks_ip(const struct config_radio *radio)
{
    return radio->driver == DRIVER_UDP || radio->driver == DRIVER_DTLS;
}

static bool is_network(const char *port)
{
    return strncmp(port, "tcp://", 6) == 0;
}

static const char *driver_word(struct settings *s, enum config_driver driver)
{
    const char *words[DRIVER_SERIAL + 1];
    size_t count = config_option_choices(config_option_find("radios[].driver"), words,
                                         sizeof words / sizeof *words, &s->memory);
    return (size_t)driver < count ? words[driver] : "";
}

/* ---- one radio ------------------------------------------------------------------------------------------------- */

static void check_kind(struct settings *s, const struct object *o, const struct config_radio *radio)
{
    char drivers[80], problem[160];
    struct option_range options = config_options(SCOPE_RADIO);
    for (const struct option *option = options.first; option < options.first + options.count;
         option++) {
        if (!config_given(o, option->path) || config_option_applies(option, radio->driver))
            continue;
        config_option_drivers(option, drivers, sizeof drivers);
        snprintf(problem, sizeof problem, "would do nothing with driver %s, it is for %s",
                 driver_word(s, radio->driver), drivers);
        if (!config_refused(o, option->path))
            config_complain(s, o, option->path, problem);
    }
}

static void check_group(struct settings *s, const struct object *o, struct config_radio *radio)
{
    if (config_refused(o, "radios[].multicast"))
        return;
    if (!radio->multicast.host) {
        if (radio->interface[0] != '\0')
            config_complain(s, o, "radios[].interface",
                            "is where to join the multicast group, but there is none");
        return;
    }
    if (config_refused(o, "radios[].listen"))
        return;
    if ((strchr(radio->multicast.host, ':') != NULL) != (strchr(radio->listen.host, ':') != NULL))
        config_complain(s, o, "radios[].multicast", "and listen must both be IPv4 or both be IPv6");
    if (radio->multicast.port == 0)
        radio->multicast.port = radio->listen.port;
}

/* A networked coordinator has its own serial line, whose speed and wires are set over there. */
static void check_network(struct settings *s, const struct object *o, const struct config_radio *radio)
{
    struct config_endpoint e;
    const char *address = radio->port + strlen("tcp://");
    if (!config_value_endpoint(&s->memory, address, &e) || e.port == 0 ||
        !config_value_host(e.host) || (strchr(e.host, ':') != NULL) != (address[0] == '['))
        config_complain(s, o, "radios[].port",
                        "is not an address, write it like \"tcp://coordinator.example:6638\"");
    if (config_given(o, "radios[].baud") && !config_refused(o, "radios[].baud"))
        config_complain(s, o, "radios[].baud",
                        "is for a serial port, but this one is reached over the network");
    if (radio->flow_control != FLOW_NONE)
        config_complain(s, o, "radios[].flow_control",
                        "is for a serial port, but this one is reached over the network");
}

static void check_port(struct settings *s, const struct object *o, const struct config_radio *radio)
{
    if (config_refused(o, "radios[].port"))
        return;
    if (!config_given(o, "radios[].port"))
        config_mistake(&s->mistakes, config_place_or_item(s, o, "radios[].driver"),
                       "driver %s needs a port, as `mqttsn-gateway --list-ports` shows them",
                       driver_word(s, radio->driver));
    else if (is_network(radio->port))
        check_network(s, o, radio);
    else if (strcmp(radio->port, "auto") == 0 && radio->driver == DRIVER_SERIAL)
        config_complain(s, o, "radios[].port",
                        "cannot be found by itself for driver serial, any adapter would fit: name it");
    else if (strcmp(radio->port, "auto") != 0 && radio->port[0] != '/')
        config_complain(
            s, o, "radios[].port",
            "is neither a path such as \"/dev/serial/by-id/...\", nor \"tcp://host:port\", nor auto");
}

static void check_frames(struct settings *s, const struct object *o, const struct config_radio *radio)
{
    if (radio->cluster == CLUSTER_LOOPBACK && radio->profile == PROFILE_DIGI)
        config_complain(s, o, "radios[].cluster",
                        "0x0012 is the loopback of XBee: nodes send back what they get there");
    if (radio->queue_per_node > radio->queue && !config_refused(o, "radios[].queue") &&
        !config_refused(o, "radios[].queue_per_node"))
        config_complain(
            s, o,
            config_given(o, "radios[].queue_per_node") ? "radios[].queue_per_node" : "radios[].queue",
            "does not fit: the frames for one node are part of those for all, queue_per_node of queue");
}

/* What is left out and depends on the driver. */
static void fill_in(struct settings *s, const struct object *o, struct config_radio *radio)
{
    bool ip = speaks_ip(radio);
    if (!config_given(o, "radios[].name") && !ip)
        radio->name = driver_word(s, radio->driver);
    if (!config_given(o, "radios[].gwinfo"))
        radio->gwinfo = ip ? GWINFO_BROADCAST : GWINFO_BOTH;
    if (!config_given(o, "radios[].max_message"))
        radio->max_message = ip ? IP_MESSAGE_MAX : 0;
    if (!radio->port)
        radio->port = "";
}

/* Both are written with colons, so the driver decides: "192.0.2.7", or "00:13:a2:00:41:52:3c:9f". */
static bool read_host(const struct config_radio *radio, const char *text, char canonical[64])
{
    enum { EUI64_TEXT_LEN = 23 };
    size_t len = strlen(text);
    if (speaks_ip(radio))
        return config_value_literal(text, canonical) != 0;
    for (size_t i = 0; i < len && len == EUI64_TEXT_LEN; i++) {
        if (i % 3 == 2 ? text[i] != ':' : !isxdigit((unsigned char)text[i]))
            return false;
        canonical[i] = (char)tolower((unsigned char)text[i]);
    }
    canonical[EUI64_TEXT_LEN] = '\0';
    return len == EUI64_TEXT_LEN;
}

/* As the driver writes them, so that one who forwards is found among them by comparing texts. */
static void check_forwarders_from(struct settings *s, const struct object *o,
                                  struct config_radio *radio)
{
    const char **hosts = config_arena_take(&s->memory, radio->forwarders_from_count * sizeof *hosts);
    for (size_t i = 0; i < radio->forwarders_from_count; i++) {
        char canonical[64], problem[200];
        snprintf(problem, sizeof problem, "names \"%.80s\", which is no address such as \"%s\"",
                 radio->forwarders_from[i],
                 speaks_ip(radio) ? "192.0.2.7" : "00:13:a2:00:41:52:3c:9f");
        if (read_host(radio, radio->forwarders_from[i], canonical))
            hosts[i] = config_arena_text(&s->memory, span_text(canonical));
        else
            config_complain(s, o, "radios[].forwarders_from", problem);
    }
    radio->forwarders_from = hosts;
}

static void check_forwarders(struct settings *s, const struct object *o, struct config_radio *radio)
{
    static const char none[] = "is for forwarders, and this radio accepts none: set forwarders: true";
    bool given = radio->forwarders_from_count > 0 && !config_refused(o, "radios[].forwarders_from");
    bool accepts = radio->forwarders || config_refused(o, "radios[].forwarders");
    if (!accepts && radio->forwarder_depth > 1)
        config_complain(s, o, "radios[].forwarder_depth", none);
    if (!accepts && given)
        config_complain(s, o, "radios[].forwarders_from", none);
    else if (given &&
             config_option_applies(config_option_find("radios[].forwarders_from"), radio->driver))
        check_forwarders_from(s, o, radio);
}

static bool is_key(const char *text, size_t len)
{
    size_t digits = strspn(text, "0123456789abcdefABCDEF");
    return digits == KEY_DIGITS && digits + strspn(text + digits, " \r\n") == len;
}

/* A file that is not there yet is no mistake: the key that the network is made with is kept in it. */
static void check_key(struct settings *s, const struct object *o, const struct config_radio *radio)
{
    static const char path[] = "radios[].network_key_file";
    const char *file = radio->network_key_file, *why;
    uint8_t *bytes;
    size_t len;
    if (file[0] == '\0' || config_refused(o, path) || !config_file_allowed(s, file) ||
        access(file, F_OK) != 0)
        return;
    if (!config_file_read(&s->memory, file, &bytes, &len, &why))
        config_mistake(&s->mistakes, config_place(s, o, path), "%s: cannot read \"%.200s\": %s",
                       path, file, why);
    else if (!is_key((const char *)bytes, len))
        config_mistake(&s->mistakes, config_place(s, o, path),
                       "%s: \"%.200s\" must hold 32 hex digits and nothing else", path, file);
}

static void check_radio(struct settings *s, const struct object *o, struct config_radio *radio)
{
    fill_in(s, o, radio);
    if (config_refused(o, "radios[].driver"))
        return;
    check_forwarders(s, o, radio);
    check_kind(s, o, radio);
    if (speaks_ip(radio)) {
        check_group(s, o, radio);
    } else {
        check_port(s, o, radio);
        check_frames(s, o, radio);
        check_key(s, o, radio);
    }
}

/* ---- all of them ----------------------------------------------------------------------------------------------- */

/* Where this radio can be only once; NULL: nowhere, or it was refused already. */
static const char *socket_of(struct settings *s, const struct object *o,
                             const struct config_radio *radio)
{
    char address[80];
    if (!speaks_ip(radio) || radio->listen.port == 0 || config_refused(o, "radios[].listen"))
        return NULL; /* port 0: the system picks another for each */
    bool six = strchr(radio->listen.host, ':');
    snprintf(address, sizeof address, six ? "[%s]:%u" : "%s:%u", radio->listen.host,
             radio->listen.port);
    return config_arena_text(&s->memory, span_text(address));
}

static const char *port_of(struct settings *s, const struct object *o,
                           const struct config_radio *radio)
{
    char text[32];
    if (speaks_ip(radio) || !config_given(o, "radios[].port") || config_refused(o, "radios[].port"))
        return NULL;
    if (strcmp(radio->port, "auto") != 0)
        return radio->port;
    snprintf(text, sizeof text, "auto, for %s", driver_word(s, radio->driver));
    return config_arena_text(&s->memory, span_text(text));
}

/* Where the driver was refused only the name is known, if it was given: all else depends on the driver. */
static void radios_must_differ(struct settings *s)
{
    size_t count = s->config.radio_count, named = 0, sockets = 0, ports = 0;
    struct named *names = config_arena_take(&s->memory, 3 * count * sizeof *names);
    struct named *listens = names + count, *lines = listens + count;
    for (size_t i = 0; i < count; i++) {
        const struct object *o = &s->radios[i];
        const struct config_radio *radio = &s->config.radios[i];
        const bool known = !config_refused(o, "radios[].driver");
        const char *listen = known ? socket_of(s, o, radio) : NULL;
        const char *line = known ? port_of(s, o, radio) : NULL;
        if (known || config_given(o, "radios[].name"))
            names[named++] =
                (struct named){ radio->name, config_place_or_item(s, o, "radios[].name") };
        if (listen)
            listens[sockets++] =
                (struct named){ listen, config_place_or_item(s, o, "radios[].listen") };
        if (line)
            lines[ports++] = (struct named){ line, config_place(s, o, "radios[].port") };
    }
    config_mistakes_twice(&s->mistakes, "radio name", names, named);
    config_mistakes_twice(&s->mistakes, "listen address", listens, sockets);
    config_mistakes_twice(&s->mistakes, "port", lines, ports);
}

void config_check_radios(struct settings *s)
{
    if (s->config.radio_count > RADIOS_MAX)
        config_mistake(&s->mistakes, s->radios[RADIOS_MAX].place, "more than %d radios", RADIOS_MAX);
    for (size_t i = 0; i < s->config.radio_count; i++)
        check_radio(s, &s->radios[i], &s->config.radios[i]);
    radios_must_differ(s);
}
