/* scene.h -- what one system test works with: a folder of its own, and things that must be closed in order.
 *
 * A test is `static void a_sentence(struct scene *s)`. It is put in the table with SCENE(a_sentence), or, when it must
 * hold in both modes of the gateway, with SCENE_IN(a_sentence, "transparent"), SCENE_IN(a_sentence, "aggregate"). When
 * it returns, all that it opened is closed, last opened first, and each must close well: a gateway that does not stop
 * with exit status 0 fails the test. */
#pragma once

#include "tests/system/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { SCENE_THINGS = 256, SCENE_PATH = 256 };

struct broker;
struct gateway;

struct scene {
    void (*test)(struct scene *s);
    const char *mode;   /* of the gateway: "transparent" or "aggregate" */
    const char *driver; /* of a radio, for tests that must hold with each */
    char folder[64];
    bool failed;             /* the test is over and did not pass: say what helps to find out why */
    bool captures;           /* capture.h */
    uint32_t captured;       /* records in the capture */
    struct broker *broker;   /* once started */
    struct gateway *gateway; /* once started */
    struct {
        void *thing;
        bool (*close)(void *thing, bool failed);
    } things[SCENE_THINGS];
    size_t thing_count;
};

struct scene_test {
    void (*run)(struct scene *s);
    const char *mode, *driver;
};

int scene_open(void **state);
void scene_run(void **state);
int scene_close(void **state);

#define SCENE_IN(test, in_mode)                                                                    \
    {                                                                                              \
#test " (" in_mode ")", scene_run, scene_open, scene_close, &(struct scene_test)           \
        {                                                                                          \
            test, in_mode                                                                          \
        }                                                                                          \
    }
#define SCENE(test)                                                                                \
    {                                                                                              \
#test, scene_run, scene_open, scene_close, &(struct scene_test)                            \
        {                                                                                          \
            test, "transparent"                                                                    \
        }                                                                                          \
    }
/* With this driver: "a_sentence (xbee)". */
#define SCENE_WITH(test, with_driver)                                                              \
    {                                                                                              \
#test " (" with_driver ")", scene_run, scene_open, scene_close, &(struct scene_test)       \
        {                                                                                          \
            test, "transparent", with_driver                                                       \
        }                                                                                          \
    }
#define SCENE_IN_BOTH(test) SCENE_IN(test, "transparent"), SCENE_IN(test, "aggregate")

/* The scene closes and frees `thing` at the end of the test. `close` says whether it closed well. */
void scene_keeps(struct scene *s, void *thing, bool (*close)(void *thing, bool failed));

/* Writes a file in the scene's folder. `path` is where it is. */
void scene_writes(struct scene *s, const char *name, const char *text, char path[static SCENE_PATH]);

/* Reads a text file whole; the caller frees it. */
char *scene_reads(const char *path);

/* Runs a command to its end; fails the test unless it exits with 0. */
void scene_runs(const char *const argv[]);

/* A TCP socket that listens on a free port of 127.0.0.1. */
int scene_listens(uint16_t *port);

/* A TCP and UDP port of 127.0.0.1 that nobody uses now. */
uint16_t scene_free_port(void);
