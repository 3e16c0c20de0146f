/* fuzz_topics_file.c -- any octets as a topics_file: every row that is taken is one that settings may hold. */
#include "config/config_internal.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_row(const struct topic_row *row)
{
    if (row->topic.id < 1 || row->topic.id > 65534 || row->topic.client[0] == '\0' ||
        !topic_name_valid(span_text(row->topic.topic)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct settings s = { .name = "gateway.yaml", .folder = "" };
    uint8_t *copy = malloc(size + 1);
    if (!copy)
        abort();
    if (size > 0)
        memcpy(copy, data, size);
    copy[size] = '\0';
    config_topics_read_csv(&s, "topics.csv", copy, size);
    for (size_t i = 0; i < s.topics.count; i++)
        check_row(&s.topics.at[i]);
    config_mistakes_clear(&s.mistakes);
    config_arena_clear(&s.memory);
    free(s.topics.at);
    free(copy);
    return 0;
}
