/* gateway.h -- the real gateway program, for one scene.
 *
 * The environment variable GATEWAY names the program (default: build/mqttsn-gateway), GATEWAY_WRAPPER a command to put
 * before it, e.g. "valgrind -q --error-exitcode=99". */
#pragma once

#include "tests/system/scene.h"

enum { SETTINGS_MAX = 8192, LINE = 512 };

/* The parts of a settings file that differ from what every test wants. NULL: the usual. All are YAML. */
struct settings {
    const char *advertise; /* gateway.advertise instead of "0s" */
    const char *radios;    /* the list of radios instead of the usual one, named "lan" */
    const char *url;       /* of the broker instead of that of the scene's broker */
    const char *broker;    /* more inside `broker: {...}`, beginning with a comma */
    const char *limits;    /* the inside of `limits: {...}` */
    const char *level;     /* of the log */
    const char *gateway;   /* more inside `gateway: {...}` instead of ", status: false" */
    const char *more;      /* whole further lines: topics, clients, ... */
    const char *state; /* path of the state file, NULL: none. With one the port stays over gateway_starts_again */
};

struct gateway {
    struct process process;
    struct scene *scene;
    char settings[SCENE_PATH]; /* the path of its settings file */
    uint16_t port;             /* where radio "lan" listens; 0 when there is none */
    bool stopped;
};

/* Writes the settings file of the scene, "gateway.yaml". */
void settings_write(struct scene *s, struct settings settings, char path[static SCENE_PATH]);

/* Starts it and waits until radio "lan" listens. It is s->gateway from now on, and must stop well at the end. */
struct gateway *gateway_start(struct scene *s, struct settings settings);

/* The same, and in aggregate mode waits until its connection to the broker is up. */
struct gateway *gateway_start_connected(struct scene *s, struct settings settings);

/* The same with a broker of its own that accepts everybody. */
struct gateway *gateway_start_with_broker(struct scene *s, struct settings settings);

/* Starts it with a given file and waits for nothing. */
struct gateway *gateway_start_file(struct scene *s, const char *path);

/* Waits until it logs a line with `text`; fails the test when it does not. Returns that line, valid until the next
 * call. */
const char *gateway_logs(struct gateway *g, const char *text);

/* The port that radio `name` listens on, once it does. */
uint16_t gateway_radio_port(struct gateway *g, const char *name);

void gateway_reloads(struct gateway *g);   /* SIGHUP */
int gateway_stops(struct gateway *g);      /* SIGTERM; its exit status */
void gateway_is_killed(struct gateway *g); /* SIGKILL, as when the power fails */
bool gateway_runs(const struct gateway *g);

/* With the same settings, after gateway_stops or gateway_is_killed; the log begins anew. gateway_is_run_again waits for
 * nothing, gateway_starts_again until radio "lan" listens. */
void gateway_is_run_again(struct gateway *g);
void gateway_starts_again(struct gateway *g);

/* Runs the program to its end with these arguments (the last NULL). What it printed is in *out and *log, which the
 * caller frees. Returns its exit status. */
int gateway_command(struct scene *s, const char *const arguments[], char **out, char **log);
