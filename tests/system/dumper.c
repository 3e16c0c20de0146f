/* dumper.c -- --state-dump as an operator calls it, for the tests that look at what it prints and what it refuses. */
#include "tests/system/dumper.h"

#include <stdio.h>
#include <string.h>

int dump(struct scene *s, const char *how, char **out, char **log)
{
    char path[SCENE_PATH];
    snprintf(path, sizeof path, "%s/gateway.yaml", s->folder);
    return gateway_command(s, (const char *const[]){ "--state-dump", "--config", path, how, NULL },
                           out, log);
}

bool dump_has(const char *text, const char *part)
{
    const bool found = strstr(text, part) != NULL;
    if (!found)
        print_error("\"%s\" expected in:\n%s\n", part, text);
    return found;
}
