/* broker.h -- a real Mosquitto on free loopback ports, for one scene.
 *
 * It listens twice: once for the gateway, as the options say, and once plainly for the test's own peers. */
#pragma once

#include "tests/system/scene.h"

struct broker_options {
    bool password;      /* only user "gateway" with password "let-me-in" may come in */
    bool tls;           /* with the scene's certificates: certificates_make must have been called */
    bool client_certs;  /* and only with a certificate of that CA */
    bool persistence;   /* sessions and retained messages survive broker_stops */
    const char *server; /* name of the server certificate, NULL: "server" */
    const char *more;   /* further lines of its configuration, NULL: none */
};

struct broker {
    struct process process;
    struct scene *scene;
    struct broker_options options;
    uint16_t port;      /* for the gateway */
    uint16_t peer_port; /* for peers */
};

/* Starts it; it is s->broker from now on. */
struct broker *broker_start(struct scene *s, struct broker_options options);

void broker_stops(struct broker *b);    /* SIGTERM, and waits */
void broker_restarts(struct broker *b); /* on the same ports, after broker_stops */
void broker_freezes(struct broker *b);  /* SIGSTOP */
void broker_thaws(struct broker *b);    /* SIGCONT */
