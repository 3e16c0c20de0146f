/* version_test.c -- frames of MQTT-SN 2.0 are known as such, and those of 1.2 are not (SN-V2-1). */
#include "mqttsn/version.h"

#include "mqttsn/message.h"
#include "tests/hex.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* As gateway.c asks: only about what is no message of 1.2. */
static bool is_taken_for_2(const char *hex)
{
    uint8_t room[64];
    struct span frame = hex_bytes(hex, room, sizeof room);
    struct mqttsn_message m;
    return mqttsn_decode(frame, &m) != MQTTSN_OK && mqttsn_resembles_2(frame);
}

static void frames_of_the_2_0_drafts_are_known(void **state) /* SN-V2-1 */
{
    static const char *const frames[] = {
        "0f0101123402003c00006465762d32",    /* X001: CONNECT */
        "1001020512340200 3c00006465762d32", /* CONNECT with a will, whose flags come first */
        "0c0500123402003c00006465",          /* CONNECT of the drafts from May 2024 on */
        "040c0007",                          /* X004: PINGREQ */
        "091301000800000e10",                /* X005: SLEEPREQ */
        "07fc02aabb0216",                    /* forwarder encapsulation */
        "04ff0000",                          /* protection encapsulation */
    };
    (void)state;
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++)
        if (!is_taken_for_2(frames[i]))
            fail_msg("%s", frames[i]);
}

static void malformed_frames_of_1_2_are_not_taken_for_2_0(void **state) /* SN-V2-1, SN-FRM-5 */
{
    static const char *const frames[] = {
        "",
        "01",
        "0401ffff",                       /* SEARCHGW with an octet left over */
        "0f0181123402003c00006465762d32", /* as X001, but with the reserved flag */
        "0f0101123403003c00006465762d32", /* ... or another version */
        "090101123402003c00",             /* ... or too short for a CONNECT */
        "040500ff",                       /* CONNACK with an octet left over */
        "050c000001",                     /* PUBLISH cut short */
        "0a13010008000000 0e10",          /* SUBACK with two octets left over */
        "0f0101123402003c00006465762d",   /* a length that is not the frame's */
        "0319ff",                         /* reserved in both */
    };
    (void)state;
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++)
        if (is_taken_for_2(frames[i]))
            fail_msg("%s", frames[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_of_the_2_0_drafts_are_known),
        cmocka_unit_test(malformed_frames_of_1_2_are_not_taken_for_2_0),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
