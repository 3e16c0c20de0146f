/* fuzz_settings.c -- any octets as a settings file: a list of mistakes or settings that hold, never anything else.
 *
 * Settings that were accepted are printed and read again: what --print-config writes must mean the same. Files
 * that the input names are opened only below the working folder, as config_parse promises. */
#include "config/config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Both are read in the working folder, so the files that the first names are there for the second as well. */
static void print_and_read_again(const struct config *c, FILE *mistakes)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (!out)
        abort();
    config_print(c, out);
    fclose(out);
    struct config *again = config_parse("printed.yaml", span_of(text, len), mistakes);
    const char *const sections[] = { "gateway",       "radios", "broker", "topics", "clients",
                                     "qos_minus_one", "limits", "admin",  "log" };
    if (!again)
        abort();
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        if (config_section_differs(c, again, sections[i]))
            abort();
    config_free(again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *mistakes;
    if (!mistakes)
        mistakes = fopen("/dev/null", "w");
    struct config *c = config_parse("gateway.yaml", span_of(data, size), mistakes);
    if (c)
        print_and_read_again(c, mistakes);
    config_free(c);
    return 0;
}
