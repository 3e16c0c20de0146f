/* stick.c -- radio-sim as a child: options in, commands in, counts out.
 *
 * Its port is a symbolic link in the scene's folder, so that it can be unplugged and plugged in again under the same
 * name. It stays until the scene ends, also when its nodes have nothing left to say. */
#include "tests/system/stick.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool close_stick(void *thing, bool failed)
{
    struct stick *k = thing;
    process_end(&k->process, SIGTERM);
    if (failed)
        print_error("---- what the coordinator said:\n%s\n", k->process.text ? k->process.text : "");
    process_forget(&k->process);
    return true;
}

/* The words of `more` behind those that are always there. */
static void command_line(const char *words[STICK_WORDS], char *more)
{
    size_t count = 0;
    while (words[count])
        count++;
    for (char *rest = NULL, *w = strtok_r(more, " ", &rest); w; w = strtok_r(NULL, " ", &rest)) {
        assert_true(count + 1 < STICK_WORDS);
        words[count++] = w;
    }
    words[count] = NULL;
}

struct stick *stick_start(struct scene *s, const char *more)
{
    const char *program = getenv("RADIO_SIM");
    char options[LINE], line[LINE];
    struct stick *k = calloc(1, sizeof *k);
    assert_non_null(k);
    snprintf(k->port, sizeof k->port, "%s/%s", s->folder, s->driver);
    snprintf(options, sizeof options, "%s", more);
    const char *words[STICK_WORDS] = {
        program ? program : "build/radio-sim", "--driver", s->driver, "--port", k->port, "--stay"
    };
    command_line(words, options);
    assert_true(process_start_with_input(&k->process, words));
    scene_keeps(s, k, close_stick);
    assert_true(process_says(&k->process, "ready ", PATIENCE_MS, line, sizeof line));
    stick_radio(k, s, "");
    return k;
}

const char *stick_radio(struct stick *k, const struct scene *s, const char *more)
{
    snprintf(k->radio, sizeof k->radio, "  - {name: field, driver: %s, port: \"%s\"%s}", s->driver,
             k->port, more);
    return k->radio;
}

/* Every command is answered by one line; `answer` is what it must hold. */
static void ask(struct stick *k, const char *command, const char *answer, char *line, size_t room)
{
    process_mark(&k->process);
    assert_true(process_told(&k->process, command));
    if (!process_says(&k->process, answer, PATIENCE_MS, line, room))
        fail_msg("%s: no answer", command);
}

void stick_does(struct stick *k, const char *command)
{
    char line[LINE];
    ask(k, command, "ok ", line, sizeof line);
}

unsigned long stick_counts(struct stick *k, const char *what)
{
    char line[LINE], key[64];
    snprintf(key, sizeof key, " %s=", what);
    ask(k, "status", "summary ", line, sizeof line);
    const char *at = strstr(line, key);
    if (!at)
        fail_msg("no \"%s\" in %s", what, line);
    return at ? strtoul(at + strlen(key), NULL, 10) : 0;
}

void stick_reaches(struct stick *k, const char *what, unsigned long count)
{
    enum { STEP_MS = 20 };
    char line[LINE];
    int64_t deadline = deadline_in(6 * PATIENCE_MS);
    while (stick_counts(k, what) < count) {
        if (deadline_left(deadline) == 0)
            fail_msg("%s did not reach %lu", what, count);
        (void)process_says(&k->process, "never said", STEP_MS, line, sizeof line);
    }
}
