/* sim_faults.c -- what goes wrong around a stick.
 *
 * A fault has occasions: for most of them each frame to the host is one. It happens at the next occasion, or at every
 * so many, by counting and not by chance, so that a test knows what it gets. */
#include "tools/sim_faults.h"

#include "tools/options.h"
#include "tools/sim_random.h"

static const char *const names[FAULTS] = {
    [FAULT_CHECKSUM] = "checksum", [FAULT_NO_STATUS] = "no-status", [FAULT_SPLIT] = "split",
    [FAULT_JOIN] = "join",         [FAULT_RESET] = "reset",         [FAULT_QUIET] = "quiet",
};

static bool find(const char *text, size_t len, enum sim_fault *fault)
{
    for (enum sim_fault f = 0; f < FAULTS; f++) {
        if (strlen(names[f]) == len && memcmp(names[f], text, len) == 0) {
            *fault = f;
            return true;
        }
    }
    return false;
}

bool sim_faults_ask(struct sim_faults *f, const char *text)
{
    size_t len = strcspn(text, ":");
    enum sim_fault fault;
    int64_t every = 0;
    if (!find(text, len, &fault) ||
        (text[len] == ':' && !option_number(text + len + 1, 0, UINT32_MAX, &every)))
        return false;
    bool bare = text[len] == '\0';
    if (bare && fault == FAULT_QUIET)
        every = 1;
    f->of[fault].once = bare && fault != FAULT_QUIET;
    if (!f->of[fault].once)
        f->of[fault].every = (uint32_t)every;
    f->of[fault].seen = 0;
    return true;
}

bool sim_faults_strike(struct sim_faults *f, enum sim_fault fault)
{
    bool once = f->of[fault].once;
    f->of[fault].once = false;
    if (f->of[fault].every == 0 || ++f->of[fault].seen < f->of[fault].every)
        return once;
    f->of[fault].seen = 0;
    return true;
}

void sim_faults_damage(struct sim_faults *f, uint8_t *frame, size_t len)
{
    size_t inner = len > 2 ? len - 2 : len, first = len > 2 ? 1 : 0;
    if (inner > 0)
        frame[first + sim_random(&f->random) % inner] ^= (uint8_t)(1u << sim_random(&f->random) % 8);
}
