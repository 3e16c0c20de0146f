/* tls.c -- TLS towards the broker.
 *
 * The certificate is always verified, by name; there is no setting that turns this off. A name is sent as SNI, because
 * brokers in the cloud choose their certificate by it; a literal address is checked as such and not sent. The last
 * session is kept, so that a reconnect costs no full handshake. */
#include "gateway/tls.h"

#include "config/log.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

struct tls {
    SSL_CTX *context;
    SSL_SESSION *session; /* of the last handshake */
    const struct config_broker *settings;
};

/* OpenSSL hands over the session once it is complete (with TLS 1.3 some time after the handshake). */
static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    SSL_SESSION_free(t->session);
    t->session = session;
    return 1;
}

static bool failed(const char *what, const char *file, const char *remedy)
{
    const char *cause = ERR_reason_error_string(ERR_get_error());
    log_error("broker: %s %s cannot be used: %s; %s", what, file, cause ? cause : "unknown reason",
              remedy);
    ERR_clear_error();
    return false;
}

static bool load_ca(struct tls *t)
{
    const char *file = t->settings->ca_file;
    if (file[0] == '\0')
        return SSL_CTX_set_default_verify_paths(t->context) == 1 ||
               failed("the system's certificates", "",
                      "install ca-certificates or set broker.ca_file");
    return SSL_CTX_load_verify_file(t->context, file) == 1 ||
           failed("broker.ca_file", file, "it must hold CA certificates in PEM form");
}

static bool load_identity(struct tls *t)
{
    const struct config_broker *b = t->settings;
    if (b->cert_file[0] == '\0')
        return true;
    if (SSL_CTX_use_certificate_chain_file(t->context, b->cert_file) != 1)
        return failed("broker.cert_file", b->cert_file,
                      "it must hold the client certificate and its chain in PEM form");
    if (SSL_CTX_use_PrivateKey_file(t->context, b->key_file, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(t->context) != 1)
        return failed("broker.key_file", b->key_file,
                      "it must hold the unencrypted key of broker.cert_file in PEM form");
    return true;
}

/* ALPN has its own length-prefixed list; we offer one protocol. */
static bool offer_alpn(struct tls *t)
{
    uint8_t list[256];
    struct writer w = writer_of(list, sizeof list);
    struct span name = span_text(t->settings->alpn);
    if (name.len == 0)
        return true;
    write_u8(&w, (uint8_t)name.len);
    write_span(&w, name);
    return !w.failed &&
           SSL_CTX_set_alpn_protos(t->context, list, (unsigned)(sizeof list - w.left)) == 0;
}

struct tls *tls_new(const struct config_broker *settings)
{
    struct tls *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->settings = settings;
    t->context = SSL_CTX_new(TLS_client_method());
    if (!t->context || !load_ca(t) || !load_identity(t) || !offer_alpn(t)) {
        tls_free(t);
        return NULL;
    }
    SSL_CTX_set_app_data(t->context, t);
    SSL_CTX_set_min_proto_version(t->context, TLS1_2_VERSION);
    SSL_CTX_set_verify(t->context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(t->context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(t->context,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(t->context, keep_session);
    return t;
}

void tls_free(struct tls *t)
{
    if (!t)
        return;
    SSL_SESSION_free(t->session);
    SSL_CTX_free(t->context);
    free(t);
}

static bool is_literal(const char *host)
{
    struct in6_addr a;
    return inet_pton(AF_INET, host, &a) == 1 || inet_pton(AF_INET6, host, &a) == 1;
}

SSL *tls_open(struct tls *t)
{
    const char *name = t->settings->server_name;
    SSL *ssl = SSL_new(t->context);
    if (!ssl)
        return NULL;
    bool named = is_literal(name)
                     ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1
                     : SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
    if (!named) {
        SSL_free(ssl);
        return NULL;
    }
    if (t->session)
        (void)SSL_set_session(ssl, t->session);
    return ssl;
}

const char *tls_reason(const SSL *ssl, unsigned long error)
{
    long verdict = SSL_get_verify_result(ssl);
    if (verdict != X509_V_OK)
        return X509_verify_cert_error_string(verdict);
    return error != 0 ? ERR_reason_error_string(error) : NULL;
}
