/* hex.h -- bytes as the standards print them: "0f0a 0010". */
#pragma once

#include "mqtt/bytes.h"

static inline int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Reads pairs of digits up to the first character that is none; spaces between pairs do not count. */
static inline struct span hex_bytes(const char *text, uint8_t *room, size_t size)
{
    size_t n = 0;
    while (n < size) {
        while (*text == ' ')
            text++;
        int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);
        if (low < 0)
            break;
        room[n++] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    return span_of(room, n);
}
