/* config_check.c -- what no option can see alone.
 *
 * Each option is in range by now; here they are held against each other: names that must differ, files that only make
 * sense together, settings that would do nothing. A setting without effect is a mistake, because its author expects
 * one. Where a value was already refused, what depends on it is not checked, so that one slip is one line. What is
 * derived is filled in here as well: the parts of the url, passwords, defaults that are another option's value.
 * Radios have a file of their own, config_check_radio.c. */
#include "config/config_internal.h"

#include <stdlib.h>

enum { PASSWORD_MAX = UINT16_MAX };

/* ---- broker ---------------------------------------------------------------------------------------------------- */

/* The url's "host:port", with the port of its kind when it names none; NULL when there is no host to see. */
static const char *host_and_port(struct settings *s, const char *rest, bool tls)
{
    size_t len = strcspn(rest, "/");
    if (rest[len] != '\0' && rest[len + 1] != '\0')
        return NULL; /* one slash at the end does no harm, a path does */
    char *text = config_arena_take(&s->memory, len + sizeof ":8883");
    bool bare = rest[0] == '[' ? rest[len - 1] == ']' : !memchr(rest, ':', len);
    snprintf(text, len + sizeof ":8883", "%.*s%s", (int)len, rest,
             !bare ? ""
             : tls ? ":8883"
                   : ":1883");
    return text;
}

static bool take_url_apart(struct settings *s, const char *url)
{
    struct config_broker *broker = &s->config.broker;
    bool tls = strncmp(url, "mqtts://", 8) == 0;
    if (!tls && strncmp(url, "mqtt://", 7) != 0)
        return false;
    const char *address = host_and_port(s, url + (tls ? 8 : 7), tls);
    struct config_endpoint e;
    if (!address || !config_value_endpoint(&s->memory, address, &e) || e.port == 0 ||
        !config_value_host(e.host))
        return false;
    broker->tls = tls;
    broker->address = e;
    return (strchr(e.host, ':') != NULL) == (address[0] == '[');
}

static void check_url(struct settings *s)
{
    struct config_broker *broker = &s->config.broker;
    if (config_refused(&s->root, "broker.url"))
        return;
    if (strchr(broker->url, '@'))
        config_complain(s, &s->root, "broker.url",
                        "holds a login, write it as broker.username and broker.password_file");
    else if (!take_url_apart(s, broker->url))
        config_complain(
            s, &s->root, "broker.url",
            "is not an address, write it like \"mqtt://host:1883\" or \"mqtts://host:8883\"");
}

static void check_tls(struct settings *s)
{
    static const char *const paths[] = { "broker.ca_file", "broker.cert_file", "broker.key_file",
                                         "broker.server_name", "broker.alpn" };
    struct config_broker *broker = &s->config.broker;
    const char *values[] = { broker->ca_file, broker->cert_file, broker->key_file,
                             broker->server_name, broker->alpn };
    for (size_t i = 0;
         i < sizeof paths / sizeof *paths && !broker->tls && !config_refused(&s->root, "broker.url");
         i++)
        if (values[i][0] != '\0')
            config_complain(s, &s->root, paths[i],
                            "is for TLS, but broker.url does not begin with mqtts://");
    bool cert = broker->cert_file[0] != '\0', key = broker->key_file[0] != '\0';
    if (cert && !key && !config_refused(&s->root, "broker.cert_file") &&
        !config_refused(&s->root, "broker.key_file"))
        config_complain(s, &s->root, "broker.cert_file", "needs broker.key_file beside it");
    if (key && !cert && !config_refused(&s->root, "broker.cert_file") &&
        !config_refused(&s->root, "broker.key_file"))
        config_complain(s, &s->root, "broker.key_file", "needs broker.cert_file beside it");
    if (strlen(broker->alpn) > UINT8_MAX)
        config_complain(s, &s->root, "broker.alpn", "is longer than 255 octets");
    if (broker->tls && broker->server_name[0] == '\0')
        broker->server_name = broker->address.host;
}

/* What the file held without the newline that editors put at its end. */
static struct span read_password(struct settings *s, const struct object *o, const char *path,
                                 const char *file)
{
    uint8_t *bytes;
    size_t len;
    const char *why;
    if (file[0] == '\0' || config_refused(o, path))
        return span_of(NULL, 0);
    if (!config_file_read(&s->memory, file, &bytes, &len, &why)) {
        config_mistake(&s->mistakes, config_place(s, o, path), "%s: cannot read \"%.200s\": %s",
                       path, file, why);
        return span_of(NULL, 0);
    }
    if (len > 0 && bytes[len - 1] == '\n')
        len--;
    if (len > 0 && bytes[len - 1] == '\r')
        len--;
    if (len > PASSWORD_MAX)
        config_complain(s, o, path,
                        "names a file that holds more than the 65535 octets of a password");
    return span_of(bytes, len);
}

/* User name and password, of the broker section or of a client row. */
struct login {
    const char *user_path, *password_path; /* of the settings */
    const char *username, *password_file;
};

static void check_login(struct settings *s, const struct object *o, const struct login *l)
{
    if (strlen(l->username) > UINT16_MAX)
        config_complain(s, o, l->user_path, "is longer than 65535 octets");
    if (l->password_file[0] != '\0' && l->username[0] == '\0' && !config_refused(o, l->user_path))
        config_complain(s, o, l->password_path, "needs a username beside it");
}

static void check_broker(struct settings *s)
{
    struct config_broker *broker = &s->config.broker;
    check_url(s);
    check_tls(s);
    check_login(s, &s->root,
                &(struct login){ "broker.username", "broker.password_file", broker->username,
                                 broker->password_file });
    broker->password = read_password(s, &s->root, "broker.password_file", broker->password_file);
    if (broker->prefix[0] != '\0' && !topic_name_valid(span_text(broker->prefix)))
        config_complain(s, &s->root, "broker.prefix",
                        "must be the beginning of a topic, without '+' and '#'");
}

/* ---- clients --------------------------------------------------------------------------------------------------- */

static void check_client(struct settings *s, const struct object *o, struct config_client *client)
{
    if (!config_given(o, "clients[].mode"))
        client->mode = s->config.broker.mode;
    check_login(s, o,
                &(struct login){ "clients[].username", "clients[].password_file", client->username,
                                 client->password_file });
    client->password = read_password(s, o, "clients[].password_file", client->password_file);
    if (client->mode == MODE_AGGREGATE && client->username[0] != '\0' &&
        !config_refused(o, "clients[].mode") && !config_refused(&s->root, "broker.mode"))
        config_complain(s, o, "clients[].username",
                        "is for transparent clients, but these are aggregate");
}

static void check_clients(struct settings *s)
{
    size_t count = s->config.client_count;
    struct named *matches = config_arena_take(&s->memory, count * sizeof *matches);
    for (size_t i = 0; i < count; i++) {
        check_client(s, &s->clients[i], &s->config.clients[i]);
        matches[i] = (struct named){ s->config.clients[i].match,
                                     config_place_or_item(s, &s->clients[i], "clients[].match") };
    }
    config_mistakes_twice(&s->mistakes, "client match", matches, count);
    s->config.default_client.mode = s->config.broker.mode;
}

static void check_stand_by(struct settings *s)
{
    const struct config *c = &s->config;
    if (c->gateway.stand_by_for == 0 || config_refused(&s->root, "gateway.stand_by_for"))
        return;
    if (c->gateway.stand_by_for == c->gateway.id && !config_refused(&s->root, "gateway.id"))
        config_complain(s, &s->root, "gateway.stand_by_for",
                        "is gateway.id itself, it must be the id of another gateway");
    if (c->gateway.advertise_ms == 0 && !config_refused(&s->root, "gateway.advertise"))
        config_complain(s, &s->root, "gateway.stand_by_for",
                        "does nothing where gateway.advertise is \"0s\"");
}

void config_check(struct settings *s)
{
    if (!config_refused(&s->root, "gateway.name") &&
        !topic_name_valid(span_text(s->config.gateway.name)))
        config_complain(s, &s->root, "gateway.name",
                        "is part of topics, so it must not hold '+' or '#'");
    check_stand_by(s);
    config_check_radios(s);
    check_broker(s);
    check_clients(s);
}
