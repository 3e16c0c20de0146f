/* security_test.c -- TLS and passwords towards the broker: what works, and what one reads when it does not.
 *
 * A refusal is one line with the thing, the cause and the remedy; the gateway goes on and tries again. */
#include "tests/system/broker.h"
#include "tests/system/certificates.h"
#include "tests/system/node.h"
#include "tests/system/peer.h"

#include <signal.h>
#include <stdio.h>

/* Data arrives over the connection that the settings make. */
static void it_works(struct scene *s, const char *broker_settings)
{
    struct node *n =
        node_open(gateway_start_connected(s, (struct settings){ .broker = broker_settings }));
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "a/b/c", 1);
    node_connects(n, "m1");
    node_publishes(n, node_registers(n, "a/b/c"), 1, "x");
    peer_hears(world, "a/b/c", "x");
}

/* CONNECT is answered with `code`, and one line that holds `cause` and `remedy` says why. */
static void it_fails(struct scene *s, const char *broker_settings, uint8_t code, const char *cause,
                     const char *remedy)
{
    struct gateway *g = gateway_start(s, (struct settings){ .broker = broker_settings });
    struct node *n = node_open(g);
    node_connect_is_answered(n, "m1", code);
    const char *line = gateway_logs(g, "trying again");
    if (!strstr(line, "broker: ") || !strstr(line, cause) || !strstr(line, remedy))
        fail_msg("\"%s\" and \"%s\" expected in: %s", cause, remedy, line);
    assert_true(gateway_runs(g));
}

static void tls_with_a_named_authority_works(struct scene *s)
{
    certificates_make(s);
    broker_start(s, (struct broker_options){ .tls = true });
    it_works(s, certificates_settings(s, "ca", false));
}

static void tls_with_a_client_certificate_works(struct scene *s)
{
    certificates_make(s);
    broker_start(s, (struct broker_options){ .tls = true, .client_certs = true });
    it_works(s, certificates_settings(s, "ca", true));
}

static void tls_and_a_password_together_work(struct scene *s)
{
    char path[SCENE_PATH], settings[4 * SCENE_PATH];
    certificates_make(s);
    scene_writes(s, "password", "let-me-in\n", path);
    broker_start(s, (struct broker_options){ .tls = true, .password = true });
    snprintf(settings, sizeof settings, "%s, username: gateway, password_file: \"%s\"",
             certificates_settings(s, "ca", false), path);
    it_works(s, settings);
}

static void a_server_name_is_what_is_checked(struct scene *s)
{
    char settings[4 * SCENE_PATH];
    certificates_make(s);
    broker_start(s, (struct broker_options){ .tls = true, .server = "elsewhere" });
    snprintf(settings, sizeof settings, "%s, server_name: elsewhere.example",
             certificates_settings(s, "ca", false));
    it_works(s, settings);
}

static void a_server_under_another_name_is_refused(struct scene *s)
{
    certificates_make(s);
    broker_start(s, (struct broker_options){ .tls = true, .server = "elsewhere" });
    it_fails(s, certificates_settings(s, "ca", false), MQTTSN_CONGESTION, "127.0.0.1", "server_name");
}

static void a_server_of_another_authority_is_refused(struct scene *s)
{
    certificates_make(s);
    broker_start(s, (struct broker_options){ .tls = true });
    it_fails(s, certificates_settings(s, "other", false), MQTTSN_CONGESTION, "certificate",
             "ca_file");
}

static void an_expired_server_certificate_is_refused(struct scene *s)
{
    certificates_make(s);
    broker_start(s, (struct broker_options){ .tls = true, .server = "expired" });
    it_fails(s, certificates_settings(s, "ca", false), MQTTSN_CONGESTION, "expired", "certificate");
}

static void a_missing_client_certificate_is_said(struct scene *s)
{
    certificates_make(s);
    broker_start(s, (struct broker_options){ .tls = true, .client_certs = true });
    it_fails(s, certificates_settings(s, "ca", false), MQTTSN_CONGESTION, "certificate", "cert_file");
}

static void a_password_works(struct scene *s) /* SN-CONN-15 */
{
    char path[SCENE_PATH], settings[2 * SCENE_PATH];
    scene_writes(s, "password", "let-me-in\n", path);
    broker_start(s, (struct broker_options){ .password = true });
    snprintf(settings, sizeof settings, ", username: gateway, password_file: \"%s\"", path);
    it_works(s, settings);
}

static void a_wrong_password_is_said(struct scene *s) /* 9.A16 */
{
    char path[SCENE_PATH], settings[2 * SCENE_PATH];
    scene_writes(s, "password", "let-me-out\n", path);
    broker_start(s, (struct broker_options){ .password = true });
    snprintf(settings, sizeof settings, ", username: gateway, password_file: \"%s\"", path);
    it_fails(s, settings, MQTTSN_NOT_SUPPORTED, "not authorized", "broker.password_file");
}

static void a_client_may_have_credentials_of_its_own(struct scene *s) /* clients[].username */
{
    char path[SCENE_PATH], more[2 * SCENE_PATH];
    scene_writes(s, "password", "let-me-in\n", path);
    broker_start(s, (struct broker_options){ .password = true });
    snprintf(more, sizeof more,
             "clients: [{match: \"m*\", username: gateway, password_file: \"%s\"}]", path);
    struct gateway *g = gateway_start(s, (struct settings){ .more = more });
    node_connects(node_open(g), "m1");
    node_connect_is_answered(node_open(g), "x1", MQTTSN_NOT_SUPPORTED);
}

/* Starts openssl's own server, which prints what a client's first message asks for. Returns its port as ":PORT". */
static const char *start_tls_server(struct scene *s, struct process *server)
{
    static char line[LINE];
    char certificate[SCENE_PATH], key[SCENE_PATH];
    snprintf(certificate, sizeof certificate, "%s/server.pem", s->folder);
    snprintf(key, sizeof key, "%s/server.key", s->folder);
    const char *const words[] = {
        "stdbuf",       "-oL",     "openssl",     "s_server",       "-rev",
        "-tlsextdebug", "-accept", "127.0.0.1:0", "-cert",          certificate,
        "-key",         key,       "-alpn",       "x-amzn-mqtt-ca", NULL
    };
    assert_true(process_start(server, words, NULL));
    bool listens = process_says(server, "ACCEPT", PATIENCE_MS, line, sizeof line);
    return listens ? strrchr(line, ':') : ":1";
}

static void the_server_hears_its_name_and_the_protocol(struct scene *s) /* SNI, ALPN */
{
    char line[LINE], url[LINE], settings[4 * SCENE_PATH];
    struct process server;
    certificates_make(s);
    snprintf(url, sizeof url, "mqtts://127.0.0.1%s", start_tls_server(s, &server));
    snprintf(settings, sizeof settings, "%s, server_name: gw.example, alpn: x-amzn-mqtt-ca",
             certificates_settings(s, "ca", false));
    struct gateway *g = gateway_start(s, (struct settings){ .url = url, .broker = settings });
    bool named = process_says(&server, "gw.example", PATIENCE_MS, line, sizeof line);
    bool spoken = process_says(&server, "ALPN protocols selected: x-amzn-mqtt-ca", PATIENCE_MS,
                               line, sizeof line);
    gateway_logs(g, "server_name"); /* the certificate has another name, which is said */
    process_end(&server, SIGTERM);
    process_forget(&server);
    assert_true(named);
    assert_true(spoken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_IN_BOTH(tls_with_a_named_authority_works),
        SCENE_IN_BOTH(tls_with_a_client_certificate_works),
        SCENE(tls_and_a_password_together_work),
        SCENE(a_server_name_is_what_is_checked),
        SCENE_IN_BOTH(a_server_under_another_name_is_refused),
        SCENE(a_server_of_another_authority_is_refused),
        SCENE(an_expired_server_certificate_is_refused),
        SCENE(a_missing_client_certificate_is_said),
        SCENE_IN_BOTH(a_password_works),
        SCENE(a_wrong_password_is_said),
        SCENE(a_client_may_have_credentials_of_its_own),
        SCENE_IN(the_server_hears_its_name_and_the_protocol, "aggregate"),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
