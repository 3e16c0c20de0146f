/* radio-sim.c -- a ZigBee coordinator that is not there, with MQTT-SN nodes behind it, for tests, benches and demos.
 *
 * The parts are in sim_*.c; this is the program around them: options, signals, commands on standard input, one line on
 * standard output for everything that somebody may wait for, and an exit status. It ends when every node has all its
 * messages acknowledged, when the time is over, or by a signal. Before it closes the port it waits for the host to read
 * what is still under way: a pseudo-terminal loses that. */
#include "tools/sim_commands.h"
#include "tools/sim_families.h"
#include "tools/sim_options.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRAM "radio-sim"

enum { DRAIN_STEP_MS = 10, DRAIN_STEPS = 50, QUIET_STEPS = 2, SUMMARY_MAX = 1024 };

struct program {
    struct sim_options options;
    struct event_base *loop;
    struct sim_scene *scene;
    struct event *term, *interrupt, *input, *clock;
    bool ending;
    unsigned drain_steps, quiet_steps;
    size_t line_len;
    char line[SIM_COMMAND_MAX];
};

/* ---- the end ----------------------------------------------------------------------------------------------------- */

/* Twice nothing, for the kernel moves octets to the host a moment after they were written. */
static void drain(struct program *p)
{
    const struct timeval step = { 0, DRAIN_STEP_MS * 1000 };
    p->quiet_steps = sim_scene_drained(p->scene) ? p->quiet_steps + 1 : 0;
    if (p->quiet_steps >= QUIET_STEPS || ++p->drain_steps >= DRAIN_STEPS)
        event_base_loopbreak(p->loop);
    else
        evtimer_add(p->clock, &step);
}

static void end(struct program *p)
{
    if (p->ending)
        return;
    p->ending = true;
    sim_scene_stop(p->scene);
    drain(p);
}

static void on_signal(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    end(context);
}

/* The duration is over, or the next step of draining. */
static void on_clock(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct program *p = context;
    if (p->ending)
        drain(p);
    else
        end(p);
}

static void on_changed(void *context)
{
    struct program *p = context;
    if (p->scene && !p->options.stay && sim_scene_finished(p->scene))
        end(p);
}

/* ---- commands ---------------------------------------------------------------------------------------------------- */

static void command(struct program *p, const char *line)
{
    char answer[SUMMARY_MAX];
    (void)sim_command(p->scene, line, answer, sizeof answer);
    if (*answer == '\0')
        return;
    puts(answer);
    fflush(stdout);
}

/* A line that is too long is cut; it will not make sense. */
static void take_octet(struct program *p, char c)
{
    if (c != '\n') {
        if (p->line_len + 1 < sizeof p->line)
            p->line[p->line_len++] = c;
        return;
    }
    p->line[p->line_len] = '\0';
    p->line_len = 0;
    command(p, p->line);
}

/* False: standard input has ended. */
static bool take_input(struct program *p)
{
    char heard[512];
    ssize_t n = read(STDIN_FILENO, heard, sizeof heard);
    for (ssize_t i = 0; i < n; i++)
        take_octet(p, heard[i]);
    return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

static void on_input(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct program *p = context;
    if (!take_input(p))
        event_del(p->input);
}

/* A file cannot be waited for, and neither can the null device: what they have is there at once. */
static bool input_can_wait(void)
{
    struct stat s;
    return fstat(STDIN_FILENO, &s) == 0 && !S_ISREG(s.st_mode) &&
           (!S_ISCHR(s.st_mode) || isatty(STDIN_FILENO));
}

static void listen_to_input(struct program *p)
{
    if (input_can_wait() && event_add(p->input, NULL) == 0)
        return;
    while (take_input(p))
        continue;
}

/* ---- beginning --------------------------------------------------------------------------------------------------- */

static bool watch(struct program *p)
{
    p->term = evsignal_new(p->loop, SIGTERM, on_signal, p);
    p->interrupt = evsignal_new(p->loop, SIGINT, on_signal, p);
    p->input = event_new(p->loop, STDIN_FILENO, EV_READ | EV_PERSIST, on_input, p);
    p->clock = evtimer_new(p->loop, on_clock, p);
    return p->term && p->interrupt && p->input && p->clock && evsignal_add(p->term, NULL) == 0 &&
           evsignal_add(p->interrupt, NULL) == 0;
}

static struct event_base *precise_loop(void)
{
    struct event_config *config = event_config_new();
    if (!config)
        return NULL;
    (void)event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
    struct event_base *loop = event_base_new_with_config(config);
    event_config_free(config);
    return loop;
}

static bool begin(struct program *p)
{
    uint32_t speed = p->options.scene.speed;
    uint64_t us = (uint64_t)p->options.duration_s * 1000000 / speed;
    const struct timeval duration = { (time_t)(us / 1000000), (suseconds_t)(us % 1000000) };
    p->loop = precise_loop();
    if (!p->loop || !watch(p))
        return false;
    p->scene = sim_scene_new(p->loop, &p->options.scene, on_changed, p);
    if (!p->scene)
        return false;
    if (p->options.duration_s > 0)
        evtimer_add(p->clock, &duration);
    return true;
}

static bool begin_faults(struct program *p)
{
    char answer[SUMMARY_MAX];
    for (size_t i = 0; i < p->options.faults.count; i++) {
        if (!sim_command(p->scene, p->options.faults.at[i], answer, sizeof answer)) {
            tool_complain(PROGRAM, "--fault: %s", answer);
            return false;
        }
    }
    return true;
}

static void clear(struct program *p)
{
    struct event *const events[] = { p->term, p->interrupt, p->input, p->clock };
    sim_scene_free(p->scene);
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        if (events[i])
            event_free(events[i]);
    if (p->loop)
        event_base_free(p->loop);
    libevent_global_shutdown();
}

static enum exit_code run(struct program *p)
{
    char summary[SUMMARY_MAX];
    if (!begin(p))
        return EXIT_LOCAL;
    if (!begin_faults(p))
        return EXIT_USAGE;
    printf("ready %s\n", sim_scene_path(p->scene));
    fflush(stdout);
    listen_to_input(p);
    event_base_dispatch(p->loop);
    puts(sim_scene_summary(p->scene, summary, sizeof summary));
    fflush(stdout);
    bool wanted = p->options.scene.nodes.plan.messages > 0;
    return !wanted || sim_scene_finished(p->scene) ? EXIT_DONE : EXIT_TOO_LATE;
}

int main(int argc, char **argv)
{
    static struct program p;
    enum exit_code code;
    if (!sim_options_read(&p.options, sim_families, argc, argv, &code))
        return (int)code;
    signal(SIGPIPE, SIG_IGN);
    code = run(&p);
    clear(&p);
    return (int)code;
}
