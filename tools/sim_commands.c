/* sim_commands.c -- what a person or a test may ask of radio-sim while it runs.
 *
 * One table: name, arguments, what to do. Everything that is not in it may be the name of a fault. Each line gets
 * exactly one line of answer after it has been done, so that a test can wait for it. */
#include "tools/sim_commands.h"

#include "tools/options.h"

#include <stdio.h>

enum { WORDS_MAX = 3, SAY_MAX = 280, NOISE_MAX = 65536 };

struct wish {
    struct sim_scene *scene;
    const char *words[WORDS_MAX];
    char *answer;
    size_t room;
};

/* False: the arguments make no sense. */
typedef bool deed(struct wish *w);

static bool read_node(const char *text, size_t *node)
{
    static const char prefix[] = "node-";
    int64_t n = 0;
    if (strncmp(text, prefix, sizeof prefix - 1) == 0)
        text += sizeof prefix - 1;
    if (!option_number(text, 1, SIM_NODES_MAX, &n))
        return false;
    *node = (size_t)n - 1;
    return true;
}

static int digit(char c)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *at = c != '\0' ? strchr(digits, c) : NULL;
    return at ? (int)((at - digits) % 16) : -1;
}

static bool read_hex(const char *text, uint8_t *to, size_t *len)
{
    *len = strlen(text) / 2;
    if (*len == 0 || *len > SAY_MAX || strlen(text) % 2 != 0)
        return false;
    for (size_t i = 0; i < *len; i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        to[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* ---- deeds ------------------------------------------------------------------------------------------------------- */

static bool unplug(struct wish *w)
{
    sim_scene_unplug(w->scene);
    return true;
}

static bool replug(struct wish *w)
{
    if (!sim_scene_replug(w->scene))
        return false;
    snprintf(w->answer, w->room, "ok replug %s", sim_scene_path(w->scene));
    return true;
}

static bool noise(struct wish *w)
{
    int64_t octets = 0;
    if (!option_number(w->words[1], 1, NOISE_MAX, &octets))
        return false;
    sim_scene_noise(w->scene, (size_t)octets);
    return true;
}

static bool rejoin(struct wish *w)
{
    size_t node = 0;
    return read_node(w->words[1], &node) && sim_scene_rejoin(w->scene, node);
}

static bool twin(struct wish *w)
{
    size_t node = 0, len = strlen(w->words[2]);
    return len > 0 && len < SIM_ID_MAX && read_node(w->words[1], &node) &&
           sim_scene_twin(w->scene, node, w->words[2]);
}

static bool say(struct wish *w)
{
    uint8_t frame[SAY_MAX];
    size_t node = 0, len = 0;
    return read_node(w->words[1], &node) && read_hex(w->words[2], frame, &len) &&
           sim_scene_say(w->scene, node, span_of(frame, len));
}

static bool status(struct wish *w)
{
    sim_scene_summary(w->scene, w->answer, w->room);
    return true;
}

static const struct command {
    const char *name;
    size_t arguments;
    deed *run;
    const char *usage;
} commands[] = {
    { "unplug", 0, unplug, "unplug" },          { "replug", 0, replug, "replug" },
    { "noise", 1, noise, "noise OCTETS" },      { "rejoin", 1, rejoin, "rejoin NODE" },
    { "twin", 2, twin, "twin NODE CLIENT-ID" }, { "say", 2, say, "say NODE HEX" },
    { "status", 0, status, "status" },
};

/* ---- the line ---------------------------------------------------------------------------------------------------- */

/* Cuts `line` at its blanks. WORDS_MAX + 1: there are too many words. */
static size_t cut(char *line, const char **words)
{
    size_t count = 0;
    for (char *at = line + strspn(line, " \t\r"); *at != '\0'; at += strspn(at, " \t\r")) {
        if (count == WORDS_MAX)
            return count + 1;
        words[count++] = at;
        at += strcspn(at, " \t\r");
        if (*at != '\0')
            *at++ = '\0';
    }
    return count;
}

static bool obey(struct wish *w, size_t count, const char *line)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        const struct command *c = &commands[i];
        if (strcmp(c->name, w->words[0]) != 0)
            continue;
        if (count == c->arguments + 1 && c->run(w))
            return true;
        snprintf(w->answer, w->room, "error %s: must be: %s", line, c->usage);
        return false;
    }
    if (count == 1 && sim_scene_fault(w->scene, w->words[0]))
        return true;
    snprintf(w->answer, w->room, "error %s: no such command or fault", line);
    return false;
}

bool sim_command(struct sim_scene *s, const char *line, char *answer, size_t room)
{
    char copy[SIM_COMMAND_MAX];
    struct wish w = { .scene = s, .answer = answer, .room = room };
    snprintf(copy, sizeof copy, "%s", line);
    size_t count = cut(copy, w.words);
    if (count == 0) {
        *answer = '\0';
        return true;
    }
    snprintf(answer, room, "ok %s", line);
    if (count <= WORDS_MAX)
        return obey(&w, count, line);
    snprintf(answer, room, "error %s: too many words", line);
    return false;
}
