/* tls.h -- TLS towards the broker: one context for all connections (OpenSSL). */
#pragma once

#include "config/config.h"

#include <openssl/ssl.h>

struct tls;

/* From the broker's settings: CA (the system's or a file), client certificate, ALPN, TLS 1.2 and later. NULL: what is
 * wrong has been logged with its remedy. */
MUST_CHECK struct tls *tls_new(const struct config_broker *settings);
void tls_free(struct tls *t);

/* A client's end of a new connection that sends SNI and checks the server's name. NULL: no memory. */
MUST_CHECK SSL *tls_open(struct tls *t);

/* Why the handshake failed, for people: what was wrong with the certificate, or what OpenSSL said. `error` is from
 * bufferevent_get_openssl_error, 0 when there is none. */
const char *tls_reason(const SSL *ssl, unsigned long error);
