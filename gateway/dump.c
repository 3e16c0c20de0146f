/* dump.c -- --state-dump: what would survive if the gateway were killed now.
 *
 * An operator asks it beside a gateway that runs, or of one that was killed and does not start. So it only looks: no
 * lock is taken, nothing is created, mended or brought up to date (dump_file.c). What is found becomes one JSON value
 * (dump_json.c); the form for people is made of that value too (dump_text.c), so that both say the same. */
#include "gateway/dump_inside.h"

#include <stdlib.h>

static int complain(const char *line)
{
    fprintf(stderr, "mqttsn-gateway: %s\n", line);
    return EXIT_FAILURE;
}

static bool print(const json_t *tree, bool json)
{
    if (!json)
        dump_print(tree, stdout);
    else if (json_dumpf(tree, stdout, JSON_INDENT(2)) == 0)
        putchar('\n');
    return fflush(stdout) == 0 && !ferror(stdout);
}

int dump_state(const struct config *c, bool json)
{
    char line[DUMP_LINE];
    struct dump_file d;
    struct store_trouble trouble = { 0 };
    if (c->gateway.state[0] == '\0')
        return complain("nothing is kept on disk: gateway.state is \"\"");
    if (!dump_file_open(&d, c->gateway.state, line))
        return complain(line);
    json_t *tree = dump_tree(&d, c, &trouble);
    dump_file_close(&d);
    if (!tree) {
        dump_file_tell(&trouble, c->gateway.state, line);
        return complain(line);
    }
    const bool printed = print(tree, json);
    json_decref(tree);
    return printed ? EXIT_SUCCESS : complain("the dump could not be written to its end");
}
